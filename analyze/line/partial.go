package line

import (
	"fmt"

	"sgdwalk/record"
)

// Partial returns the point that has the given tensors of to and everything else
// of from, a new slice. The line from from to Partial moves these layers alone;
// that from Partial to to moves all others (Vlaar and Frankle 2022 interpolate
// layer by layer). The error says which lengths differ or which tensor is outside.
func Partial(from, to []float32, tensors ...record.Tensor) ([]float32, error) {
	if len(from) != len(to) {
		return nil, fmt.Errorf("line: the points have %d and %d elements; they must be equal", len(from), len(to))
	}
	p := append([]float32{}, from...)
	for _, t := range tensors {
		if t.Offset < 0 || t.Offset+t.Len() > len(p) {
			return nil, fmt.Errorf("line: tensor %q has elements %d to %d; the points have %d", t.Name, t.Offset, t.Offset+t.Len()-1, len(p))
		}
		copy(t.View(p), t.View(to))
	}
	return p, nil
}
