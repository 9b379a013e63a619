package nn

import "fmt"

// Input is the shape of the examples of a model, and the number of their classes.
type Input struct {
	Height, Width, Channels int // each at least 1; values of an example lie row by row, channels last
	Classes                 int // at least 2; labels are 0 to Classes-1
}

// maxExtent limits every extent of an input and every width of a layer, so that the
// product of two of them fits an int on every platform.
const maxExtent = 1 << 20

// Len returns the number of values of one example.
func (in Input) Len() int { return in.Height * in.Width * in.Channels }

// Validate checks the ranges. The error names the field, its value and the
// allowed range.
func (in Input) Validate() error {
	for _, f := range []struct {
		name            string
		value, low, top int
	}{
		{"height", in.Height, 1, 1 << 12},
		{"width", in.Width, 1, 1 << 12},
		{"channels", in.Channels, 1, 1 << 6},
		{"classes", in.Classes, 2, maxExtent},
	} {
		if f.value < f.low || f.value > f.top {
			return fmt.Errorf("nn: input: %s is %d; allowed are %d to %d", f.name, f.value, f.low, f.top)
		}
	}
	return nil
}

// checkExamples checks the number of inputs and the labels.
func (in Input) checkExamples(inputs []float32, labels []int32) error {
	if len(inputs) != len(labels)*in.Len() {
		return fmt.Errorf("nn: %d input values for %d labels; wanted %d (%dx%dx%d each)",
			len(inputs), len(labels), len(labels)*in.Len(), in.Height, in.Width, in.Channels)
	}
	for i, l := range labels {
		if l < 0 || int(l) >= in.Classes {
			return fmt.Errorf("nn: label of example %d is %d; allowed are 0 to %d", i, l, in.Classes-1)
		}
	}
	return nil
}
