package line

import (
	"fmt"

	"sgdwalk/record"
)

// Partial returns a new point with the given tensors of to and all other elements of from.
// The line from from to this point moves the given layers only, and the line from this point
// to to moves all other layers (Vlaar and Frankle 2022 interpolate layer by layer). The
// error names the lengths that differ, or the tensor that is outside of the points.
func Partial(from, to []float32, tensors ...record.Tensor) ([]float32, error) {
	if len(from) != len(to) {
		return nil, fmt.Errorf("line: the points have %d and %d elements; they must be equal", len(from), len(to))
	}
	p := append([]float32{}, from...)
	for _, t := range tensors {
		if t.Offset < 0 || t.Offset+t.Len() > len(p) {
			return nil, fmt.Errorf("line: tensor %q has elements %d to %d; the points have "+
				"%d elements", t.Name, t.Offset, t.Offset+t.Len()-1, len(p))
		}
		copy(t.View(p), t.View(to))
	}
	return p, nil
}
