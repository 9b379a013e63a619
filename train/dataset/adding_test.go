package dataset

import (
	"slices"
	"strings"
	"testing"
)

// loadStripes is the example of ADDING.md: images of vertical or horizontal
// stripes.
func loadStripes() source {
	s := Set{Height: 4, Width: 4, Channels: 1, Classes: 2}
	for i := range 40 {
		for p := range 16 {
			on := p%4%2 == i/2%2 // vertical; the phase changes from example to example
			if i%2 == 1 {
				on = p/4%2 == i/2%2
			}
			s.Inputs = append(s.Inputs, map[bool]float32{true: 1}[on])
		}
		s.Labels = append(s.Labels, int32(i%2))
	}
	return source{train: s, name: "stripes", scaling: "0 or 1"}
}

// TestAddingADataSet follows ADDING.md: one loader and one line in kinds are enough
// for a data set that is split, limited, hashed and named in help and errors.
func TestAddingADataSet(t *testing.T) {
	old := kinds
	t.Cleanup(func() { kinds = old })
	kinds = append(slices.Clip(kinds), kind{
		"stripes", false, imageOptions,
		func(string, Options) (source, error) { return loadStripes(), nil },
	})

	d := mustOpen(t, "stripes?holdout=0.25&limit=20", Options{})
	if d.Train.Len() != 20 || d.Test.Len() != 10 || d.Scaling != "0 or 1" {
		t.Errorf("%d and %d examples, %q", d.Train.Len(), d.Test.Len(), d.Scaling)
	}
	if want := []float32{1, 0, 1, 0}; !slices.Equal(d.Train.Example(0)[:4], want) {
		t.Errorf("first row is %v; want %v", d.Train.Example(0)[:4], want)
	}
	if again := mustOpen(t, d.Spec, Options{}); again.Hash != d.Hash {
		t.Error("the canonical spec opens other data")
	}
	if _, err := Open("stripes?noise=1", Options{}); err == nil || !strings.Contains(err.Error(), "noise") {
		t.Errorf("an option of another data set: %v", err)
	}
	if _, err := Open("dots", Options{}); err == nil || !strings.Contains(err.Error(), "spirals, stripes") {
		t.Errorf("the error does not list the data set: %v", err)
	}
}
