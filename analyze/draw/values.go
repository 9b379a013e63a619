package draw

import (
	"math"
	"slices"

	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// Named is a figure with the name of its file.
type Named struct {
	Name   string
	Figure figure.Figure
}

// Save writes a figure to files whose paths begin with base, and returns their paths: an
// animation and a landscape for ParaView in their own format, every other figure in the given
// formats (none means all) with its data.
func Save(f figure.Figure, base string, formats ...figure.Format) ([]string, error) {
	if own, ok := f.(interface {
		save(base string) ([]string, error)
	}); ok {
		return own.save(base)
	}
	return figure.Save(f, base, formats...)
}

// Values returns a column of numbers, whole or not, as figures take it: NaN where a value is
// absent, nil when the column or every value is. The slice is the caller's.
func Values(t *record.Table, name string) []float64 {
	c := t.Column(name)
	if c == nil || c.Valid != nil && !slices.Contains(c.Valid, true) {
		return nil
	}
	v := slices.Clone(c.Floats)
	if c.Ints != nil {
		v = floats(c.Ints)
	}
	for i := range v {
		if c.Valid != nil && !c.Valid[i] {
			v[i] = math.NaN()
		}
	}
	return v
}

func floats(v []int64) []float64 {
	out := make([]float64, len(v))
	for i, n := range v {
		out[i] = float64(n)
	}
	return out
}
