package record

import "fmt"

// Gather copies tensors that a program keeps in separate memory into the flat
// vector dst: parts[i], row-major, is tensor i of the layout. The caller owns dst,
// whose length must be l.Len(), and can reuse it at every step. Parts must not
// overlap dst.
//
// The error names the tensor, its number of elements and the number that its shape
// has; dst is then unchanged. A layout with gaps is an error too (see Validate).
func (l Layout) Gather(dst []float32, parts ...[]float32) error {
	if len(parts) != len(l) {
		return fmt.Errorf("record: gather: %d parts for the %d tensors of the layout (%s)", len(parts), len(l),
			l.tensorNames())
	}
	next := 0
	for i, t := range l {
		switch {
		case t.Offset != next:
			return fmt.Errorf("record: gather: tensor %q starts at offset %d, but the tensors before it end at %d",
				t.Name, t.Offset, next)
		case len(parts[i]) != t.Len():
			return fmt.Errorf("record: gather: tensor %q was given %d elements; its shape %v has %d", t.Name,
				len(parts[i]), t.Shape, t.Len())
		}
		next += t.Len()
	}
	if len(dst) != next {
		return fmt.Errorf("record: gather: the flat vector has %d elements; the layout has %d", len(dst), next)
	}
	for i, t := range l {
		copy(t.View(dst), parts[i])
	}
	return nil
}
