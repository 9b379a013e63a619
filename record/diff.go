package record

import (
	"fmt"
	"math"
)

// Diff says in words how two rows differ, bit for bit: a NaN equals a NaN of the
// same bits, 0 differs from -0, an absent number or vector from any other. It
// returns "" for equal rows.
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
	for _, f := range []struct {
		name      string
		got, want Optional
	}{
		{"batch loss", got.BatchLoss, want.BatchLoss},
		{"batch accuracy", got.BatchAccuracy, want.BatchAccuracy},
		{"learning rate", got.LearningRate, want.LearningRate},
		{"full loss", got.FullLoss, want.FullLoss},
		{"test loss", got.TestLoss, want.TestLoss},
	} {
		if f.got.Valid != f.want.Valid || f.got.Valid && math.Float64bits(f.got.Value) != math.Float64bits(f.want.Value) {
			return fmt.Sprintf("%s is %+v, want %+v", f.name, f.got, f.want)
		}
	}
	for _, f := range []struct {
		name      string
		got, want []float32
	}{{"theta", got.Theta, want.Theta}, {"grad", got.Grad, want.Grad}, {"state", got.State, want.State}} {
		if d := diffVector(f.got, f.want); d != "" {
			return f.name + " " + d
		}
	}
	return ""
}

func diffVector(got, want []float32) string {
	if (got == nil) != (want == nil) || len(got) != len(want) {
		return fmt.Sprintf("has %d elements (nil: %v), want %d (nil: %v)", len(got), got == nil, len(want), want == nil)
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			return fmt.Sprintf("element %d is %v (%#x), want %v (%#x)", i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
	return ""
}
