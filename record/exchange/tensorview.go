package exchange

import (
	"cmp"
	"io"
	"math"
	"slices"
)

// windowBytes is the size of the part of a storage that is in memory while a view is read.
const windowBytes = 1 << 20

// tensorView describes which elements of a storage make a tensor. Places are relative to
// the tensor's first element.
type tensorView struct {
	dims     []viewDim // by decreasing strides, which is the order of the storage
	span     int64     // elements from the first to the last one of the tensor; at most MaxInt64
	rowMajor bool      // the tensor is contiguous and in row-major order
	overlaps bool      // elements share places, in another way than by strides of 0
}

// viewDim is one dimension of a view.
type viewDim struct {
	n      int
	from   int64 // stride in the storage
	to     int   // stride in the row-major tensor
	rewind int64 // distance in the storage from the last index to the first
}

// viewOf returns the view of a tensor that is not empty. Dimensions of size 1 do not
// matter.
func viewOf(t *ptTensor) tensorView {
	v := tensorView{span: 1, rowMajor: true}
	to := 1
	for i := len(t.shape) - 1; i >= 0; i-- {
		if n := t.shape[i]; n > 1 {
			v.rowMajor = v.rowMajor && t.stride[i] == to
			v.dims = append(v.dims, viewDim{n: n, from: int64(t.stride[i]), to: to})
			to *= n
		}
	}
	// Reading in the order of the storage needs each byte once, whatever the strides are.
	slices.SortStableFunc(v.dims, func(a, b viewDim) int { return cmp.Compare(b.from, a.from) })
	for i := len(v.dims) - 1; i >= 0; i-- {
		d := &v.dims[i]
		v.overlaps = v.overlaps || d.from > 0 && d.from < v.span
		if d.from > (math.MaxInt64-v.span)/int64(d.n) {
			v.span = math.MaxInt64
			return v
		}
		d.rewind = d.from * int64(d.n-1)
		v.span += d.rewind
	}
	return v
}

// read reads the span from r and stores its elements at their places in dst. It reads the
// storage once, from front to back; so elements that overlap must all fit into the
// window.
func (v *tensorView) read(r io.Reader, e element, dst []float32) error {
	width := int64(e.width)
	w := window{r: r, left: v.span * width, buf: make([]byte, min(windowBytes, v.span*width))}
	index := make([]int, len(v.dims))
	from, to := int64(0), 0
	for {
		b, err := w.at(from*width, width)
		if err != nil {
			return err
		}
		if dst[to] = e.float32At(b); e.width == 8 && math.IsInf(float64(dst[to]), 0) {
			if err := e.checkRange(b); err != nil {
				return err
			}
		}
		// Count up the index like an odometer, the last dimension fastest. from and to follow
		// it by additions, without a multiplication for each element.
		i := len(index) - 1
		for ; i >= 0; i-- {
			d := &v.dims[i]
			if index[i]++; index[i] < d.n {
				from, to = from+d.from, to+d.to
				break
			}
			index[i] = 0
			from, to = from-d.rewind, to-d.to*(d.n-1)
		}
		if i < 0 {
			return nil
		}
	}
}

// window is the part of a stream that is in memory. It only moves forward.
type window struct {
	r    io.Reader
	buf  []byte
	base int64 // offset of the window in the stream
	have int   // valid bytes in buf
	left int64 // bytes of the stream that were not read yet
}

// at returns the n bytes at an offset that is not before the window.
func (w *window) at(place, n int64) ([]byte, error) {
	if place+n > w.base+int64(w.have) {
		end := w.base + int64(w.have)
		if _, err := io.CopyN(io.Discard, w.r, max(0, place-end)); err != nil {
			return nil, unexpected(err)
		}
		kept := copy(w.buf, w.buf[min(int64(w.have), place-w.base):w.have])
		w.left -= max(0, place-end)
		w.base = place
		more := min(int64(len(w.buf)-kept), w.left)
		if _, err := io.ReadFull(w.r, w.buf[kept:kept+int(more)]); err != nil {
			return nil, unexpected(err)
		}
		w.have = kept + int(more)
		w.left -= more
	}
	return w.buf[place-w.base:], nil
}
