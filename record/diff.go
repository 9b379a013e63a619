package record

import (
	"fmt"
	"math"
	"strings"
)

// Diff describes the first difference between two rows; it returns "" for equal
// rows. Numbers are compared bit for bit, because two runs of one command must give
// the same bits: a NaN equals a NaN of the same bits, 0 differs from -0, and an
// absent number or vector differs from every present one.
func Diff(got, want *Step) string {
	for _, f := range []struct {
		name      string
		got, want int64
	}{
		{"step", got.Step, want.Step},
		{"substep", int64(got.Substep), int64(want.Substep)},
		{"epoch", int64(got.Epoch), int64(want.Epoch)},
		{"examples", int64(got.Examples), int64(want.Examples)},
		{"evaluations", got.Evaluations, want.Evaluations},
	} {
		if f.got != f.want {
			return fmt.Sprintf("%s is %d, want %d", f.name, f.got, f.want)
		}
	}
	if !got.WallTime.Equal(want.WallTime) {
		return fmt.Sprintf("wall time is %v, want %v", got.WallTime, want.WallTime)
	}
	a, b := got.Optionals(), want.Optionals()
	for i, name := range OptionalNames {
		if a[i].Valid != b[i].Valid || a[i].Valid && math.Float64bits(a[i].Value) != math.Float64bits(b[i].Value) {
			return fmt.Sprintf("%s is %+v, want %+v", strings.ReplaceAll(name, "_", " "), *a[i], *b[i])
		}
	}
	v, w := got.Vectors(), want.Vectors()
	for i, name := range VectorNames {
		if d := describeVectorDifference(*v[i], *w[i]); d != "" {
			return name + " " + d
		}
	}
	return ""
}

// describeVectorDifference describes the first difference between two vectors; "" when equal.
func describeVectorDifference(got, want []float32) string {
	if (got == nil) != (want == nil) || len(got) != len(want) {
		return fmt.Sprintf("has %d elements (nil: %v), want %d (nil: %v)", len(got), got == nil, len(want), want == nil)
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			return fmt.Sprintf("element %d is %v (%#x), want %v (%#x)",
				i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
	return ""
}
