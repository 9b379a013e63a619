package exchange

import (
	"sort"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// seriesPieces is theta of a row of a series, for reading piece by piece.
type seriesPieces struct {
	r      *Series
	p      *placed
	i      int
	length int
}

var _ record.Pieces = (*seriesPieces)(nil)

// Len returns the number of elements.
func (v *seriesPieces) Len() int { return v.length }

// Read converts the elements of the tensors in the range. It reads from the map, and releases
// its pages from time to time.
func (v *seriesPieces) Read(dst []float32, first int) error {
	if v.r.closed.Load() {
		return errSeriesClosed
	}
	if err := v.r.s.verify(v.i); err != nil {
		return err
	}
	layout := v.r.s.header.Layout
	v.r.count(v.p, 4*int64(len(dst)))
	for k := tensorAt(layout, first); len(dst) > 0; k++ {
		t := layout[k]
		n := min(len(dst), t.Offset+t.Len()-first)
		if err := v.p.read(&v.p.theta[k], dst[:n], first-t.Offset); err != nil {
			return err
		}
		dst, first = dst[n:], first+n
	}
	return nil
}

// tensorAt returns the index of the tensor that has an element of the flat vector.
func tensorAt(l record.Layout, element int) int {
	return sort.Search(len(l), func(k int) bool { return l[k].Offset > element }) - 1
}

// ReadSum reads like Read. The files have no checksum of theta, so the sum is 0.
func (v *seriesPieces) ReadSum(dst []float32, first int, _ uint32) (uint32, error) {
	return 0, v.Read(dst, first)
}

// CheckSums returns an error when a file has changed since the series was opened.
func (v *seriesPieces) CheckSums([]record.PartSum) error { return v.p.check() }

// Verify compares the checksums that the files have, and their sizes and times.
func (v *seriesPieces) Verify() error {
	if err := v.p.check(); err != nil {
		return err
	}
	return v.r.s.verify(v.i)
}

// Prefetch asks the system to read the elements first to end-1 of contiguous tensors.
func (v *seriesPieces) Prefetch(first, end int) {
	layout := v.r.s.header.Layout
	for k := tensorAt(layout, first); first < end && k < len(layout); k++ {
		t, a := layout[k], &v.p.theta[k]
		n := min(end, t.Offset+t.Len()) - first
		f := v.p.files[a.file]
		if memory, err := f.view(); err == nil && memory != nil && a.strides == nil && !v.r.closed.Load() {
			width := int64(a.element.width)
			mapped.Prefetch(memory, v.p.base[a.file]+a.from+int64(first-t.Offset)*width, int64(n)*width)
		}
		first += n
	}
}

// Values returns the whole vector: a view of the mapped file, or new memory. After an error
// it returns nil, and Verify returns the error.
func (v *seriesPieces) Values() []float32 {
	s, err := v.r.Read(v.i, record.ThetaPart)
	if err != nil {
		return nil
	}
	return s.Theta
}
