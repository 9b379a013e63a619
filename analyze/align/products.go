package align

import (
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"sgdwalk/record"
)

// unitAxis has the inner products of the units on one axis of one tensor of a with those of
// b, whose other axes are permuted. When these change their permutations, it computes the
// products again only where elements have moved: late in a search they are few.
type unitAxis struct {
	axes   tensorAxes
	axis   int
	offset int // of the tensor
	count  int // units
	stride int // elements from a unit to the next one

	// columns are the elements of unit 0 of a, by their index in theta, and from the elements
	// of b that the products used for them; nil before the first update.
	columns, from []int

	products []float64 // [i, j]: unit i of a with unit j of b
}

// newUnitAxis prepares the products of a part of axis k.
func newUnitAxis(t record.Tensor, axes tensorAxes, k int, p part) *unitAxis {
	x := &unitAxis{axes: axes, axis: k, offset: t.Offset, count: p.count, stride: axes[k].inner}
	for _, a := range axes[k+1:] {
		x.stride *= a.length
	}
	x.offset += p.start * x.stride
	x.columns = x.elements(nil)
	x.products = make([]float64, p.count*p.count)
	return x
}

// elements returns the elements of unit 0, by their index in theta, when the other axes of
// the tensor are permuted. An element of another unit is stride elements behind the one of
// the unit before.
func (x *unitAxis) elements(p Permutations) []int {
	elements := []int{x.offset}
	size := 1 // elements behind an index of the axis
	for i := len(x.axes) - 1; i >= 0; i-- {
		a := &x.axes[i]
		var positions []int
		if i == x.axis {
			for o := range a.outer {
				for k := range a.inner {
					positions = append(positions, o*a.width()*a.inner+k)
				}
			}
		} else if positions = a.sources(p); positions == nil {
			for j := range a.length {
				positions = append(positions, j)
			}
		}
		next := make([]int, 0, len(positions)*len(elements))
		for _, at := range positions {
			for _, e := range elements {
				next = append(next, at*size+e)
			}
		}
		elements, size = next, size*a.length
	}
	return elements
}

// blockColumns is the number of elements of a unit whose products are added in one call.
const blockColumns = 1024

// update sets products to those of the given permutations.
func (x *unitAxis) update(a, b []float32, p Permutations) {
	from, n := x.elements(p), x.count
	var changed []int
	for c := range from {
		if x.from == nil || x.from[c] != from[c] {
			changed = append(changed, c)
		}
	}
	width := min(blockColumns, len(changed))
	left, right := make([]float64, n*width), make([]float64, n*width)
	for block := range slices.Chunk(changed, blockColumns) {
		for i := range n {
			row, at := i*width, i*x.stride
			for k, c := range block {
				left[row+k], right[row+k] = float64(a[x.columns[c]+at]), float64(b[from[c]+at])
			}
			if x.from == nil {
				continue
			}
			for k, c := range block {
				right[row+k] -= float64(b[x.from[c]+at])
			}
		}
		blas64.Gemm(blas.NoTrans, blas.Trans, 1,
			blas64.General{Rows: n, Cols: len(block), Stride: width, Data: left},
			blas64.General{Rows: n, Cols: len(block), Stride: width, Data: right},
			1, blas64.General{Rows: n, Cols: n, Stride: n, Data: x.products})
	}
	x.from = from
}
