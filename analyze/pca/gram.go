package pca

import (
	"sync"

	"sgdwalk/analyze/internal/parallel"
)

const (
	// exactRows is the number of rows up to which the products are float64: for so
	// few rows that costs little, and small eigenvalues keep their digits.
	exactRows = 256
	// exactProducts is the number of products up to which they are float64: a second of work.
	exactProducts = 4e10
	// tileRows bounds the pieces of an exact Gram matrix that are one unit of
	// parallel work. It is a multiple of kernelA and kernelB.
	tileRows = 48
	// tileColumns is how many columns of two tiles fit a second-level cache.
	tileColumns = 1024
	// maxBlockFloats bounds a block of all rows: 24 MiB.
	maxBlockFloats = 6 << 20
	// maxBlockColumns keeps a row's piece of a block at a contiguous 64 KiB.
	maxBlockColumns = 16384
)

// blockWidth returns the number of columns of a block for that many rows. It
// depends on nothing else, so that the order of every sum is fixed.
func blockWidth(rows int) int {
	return max(tileColumns, min(maxBlockColumns, maxBlockFloats/rows/tileColumns*tileColumns))
}

// exact reports whether the products of the Gram matrix are float64.
func (s *source) exact() bool {
	n := len(s.rows)
	return n <= exactRows && float64(n)*float64(n)/2*float64(len(s.reference)) <= exactProducts
}

// adder adds the products of the rows over the columns of a block to the lower triangle
// of a Gram matrix. It uses the same buffers for all blocks.
type adder interface {
	// stride is the number of rows of the matrix and their length.
	stride() int
	// add adds block b, and the rows' elements to their checksums.
	add(g []float64, b block, sums []uint32) error
}

func (s *source) newAdder() adder {
	if s.exact() {
		n, columns := roundUp(len(s.rows), kernelA*kernelB), min(s.width, len(s.reference))
		// Rows up to a full tile exist and are zero.
		return &exactAdder{s, make([]float32, n*paddedStride(columns))}
	}
	p := newPanels(len(s.rows), min(s.width, len(s.reference)))
	most := groupRows * paddedStride(p.chunks*sumColumns)
	return &panelAdder{s: s, panels: p, failed: make([]error, len(s.rows)), groups: sync.Pool{New: func() any {
		rows := make([]float32, most)
		return &rows
	}}}
}

// exactAdder has float64 products.
type exactAdder struct {
	s *source
	x []float32 // the block
}

func (a *exactAdder) stride() int { return len(a.s.rows) }

func (a *exactAdder) add(g []float64, b block, sums []uint32) error {
	s, n := a.s, len(a.s.rows)
	columns := roundUp(b.inside(), lanes)
	stride := paddedStride(columns)
	if err := s.pack(a.x, stride, b, b.in, sums); err != nil {
		return err
	}
	clear(a.x[n*stride : roundUp(n, kernelA*kernelB)*stride])
	for first := 0; first < columns; first += tileColumns {
		addProducts(g, matrix{a.x, stride, n}, span{first, min(first+tileColumns, columns)}, s.workers)
	}
	return nil
}

// panelAdder has float32 products.
type panelAdder struct {
	s      *source
	panels *panels
	failed []error   // one a row
	groups sync.Pool // of *[]float32, each with room for a block of groupRows rows
}

func (a *panelAdder) stride() int { return a.panels.count * panelRows }

func (a *panelAdder) add(g []float64, b block, sums []uint32) error {
	s, p, n := a.s, a.panels, len(a.s.rows)
	p.resize(b.inside())
	stride := paddedStride(p.chunks * sumColumns)
	parallel.Each(s.workers, (n+groupRows-1)/groupRows, func(group int) {
		rows := a.groups.Get().(*[]float32)
		defer a.groups.Put(rows)
		for r := range groupRows {
			row := (*rows)[r*stride:][:p.chunks*sumColumns]
			if i := group*groupRows + r; i < n {
				a.failed[i] = s.packRow(row, i, b, b.in, sums)
			} else {
				clear(row)
			}
		}
		p.setRows(group*groupRows, *rows, stride)
	})
	if err := s.failed(a.failed); err != nil {
		return err
	}
	p.addTo(g, s.workers)
	return nil
}

// addProducts adds the products of the rows over the given columns to the lower
// triangle of g. Every entry is computed by one call in one order.
func addProducts(g []float64, x matrix, columns span, workers int) {
	n := x.rows
	tiles := (n + tileRows - 1) / tileRows
	parallel.Each(workers, tiles*(tiles+1)/2, func(t int) {
		ti := 0
		for (ti+1)*(ti+2)/2 <= t {
			ti++
		}
		i, j := ti*tileRows, (t-ti*(ti+1)/2)*tileRows
		products(g[i*n+j:], n, x.from(i, tileRows, columns.first), x.from(j, tileRows, columns.first),
			columns.end-columns.first, i == j)
	})
}

// scaleGram gives the rows their weights: entry (i, j) times the square roots of
// both.
func (s *source) scaleGram(g []float64) {
	if s.scale == nil {
		return
	}
	n := len(s.scale)
	for i, a := range s.scale {
		for j, b := range s.scale {
			g[i*n+j] *= a * b
		}
	}
}

// center moves the origin of the Gram matrix to the mean of the rows: double
// centring, J G J. The reference rows' own centres need no arithmetic, since
// the reference that was subtracted is that row.
func center(g []float64, n int) {
	mean := make([]float64, n)
	var all float64
	for i := range n {
		var sum float64
		for _, v := range g[i*n : (i+1)*n] {
			sum += v
		}
		mean[i] = sum / float64(n)
		all += mean[i]
	}
	all /= float64(n)
	for i := range n {
		row := g[i*n : (i+1)*n]
		for j := range row {
			row[j] = row[j] - (mean[i] + mean[j]) + all
		}
	}
}

// centerWeighted does the same for rows with weights: J = 1 - s s'/n, where s has
// their square roots, whose squares add up to n.
func centerWeighted(g []float64, n int, scale []float64) {
	mean := make([]float64, n)
	var all float64
	for i := range n {
		var sum float64
		for j, v := range g[i*n : (i+1)*n] {
			sum += scale[j] * v
		}
		mean[i] = sum / float64(n)
		all += scale[i] * mean[i]
	}
	all /= float64(n)
	for i := range n {
		row := g[i*n : (i+1)*n]
		for j := range row {
			row[j] += scale[i]*scale[j]*all - (mean[i]*scale[j] + mean[j]*scale[i])
		}
	}
}

// traceAndSquare returns the sum of the eigenvalues and of their squares.
func traceAndSquare(g []float64, n int) (trace, square float64) {
	for i := range n {
		trace += g[i*n+i]
		var s float64
		for _, v := range g[i*n : (i+1)*n] {
			s += v * v
		}
		square += s
	}
	return trace, square
}
