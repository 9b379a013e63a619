package pca

import (
	"context"
	"fmt"
	"slices"
)

const (
	// exactRows is the number of rows up to which the products are float64: for so
	// few rows that costs little, and small eigenvalues keep their digits.
	exactRows = 256
	// exactProducts is the number of them up to which that holds: a second of work.
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

// pack copies the given columns of every row, less the reference, into x, row
// after row, each of the given stride; what is beyond the columns becomes zero.
// The subtraction comes before any product: iterates are close to each other and
// far from zero, and the difference of two close float32 is exact. It returns the
// index of the first row with a NaN or an infinity in the columns, or -1.
func (s *source) pack(x []float32, stride, first int, columns []span) (bad int) {
	flags := make([]bool, len(s.rows))
	s.eachUnit(len(s.rows), 1, stride, func(i int) {
		flags[i] = !packRow(x[i*stride:(i+1)*stride], s.rows[i], s.reference, first, columns)
	})
	return slices.Index(flags, true)
}

// packRow does so for one row. It reports whether all of it is finite.
func packRow(dst, row, reference []float32, first int, columns []span) bool {
	var zero float32 // stays 0 unless something is not finite
	at := 0
	for _, c := range columns {
		src, ref := row[first+c.first:first+c.end], reference[first+c.first:first+c.end]
		part := dst[at : at+len(src)]
		for j, v := range src {
			d := v - ref[j]
			part[j] = d
			zero += d - d
		}
		at += len(src)
	}
	clear(dst[at:])
	return zero == 0
}

// gramMatrix returns the Gram matrix of the rows less the reference, over the
// coordinates that take part: n x n, row-major, symmetric.
func gramMatrix(ctx context.Context, s *source) (g []float64, err error) {
	n := len(s.rows)
	s.progress.Begin("gram matrix", len(s.reference))
	if s.exact() {
		g, err = exactGram(ctx, s)
	} else {
		g, err = panelGram(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	for i := range n {
		for j := range i {
			g[j*n+i] = g[i*n+j]
		}
	}
	for i := range n {
		if v := g[i*n+i]; v-v != 0 {
			return nil, fmt.Errorf("pca: %s is so far from the others that its squared distance overflows; leave it out with a choice of rows", s.name(i))
		}
	}
	return g, nil
}

// exact reports whether the products of the Gram matrix are float64.
func (s *source) exact() bool {
	n := len(s.rows)
	return n <= exactRows && float64(n)*float64(n)/2*float64(len(s.reference)) <= exactProducts
}

// exactGram has float64 products; of the result the lower triangle is set.
func exactGram(ctx context.Context, s *source) ([]float64, error) {
	n := len(s.rows)
	g := make([]float64, n*n)
	// Rows up to a full tile are there, and zero.
	x := make([]float32, roundUp(n, kernelA*kernelB)*paddedStride(min(s.width, len(s.reference))))
	for _, b := range s.blocks {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("pca: %w", err)
		}
		columns := roundUp(b.inside(), lanes)
		stride := paddedStride(columns)
		if bad := s.pack(x, stride, b.first, b.in); bad >= 0 {
			return nil, s.notFinite(bad)
		}
		clear(x[n*stride : roundUp(n, kernelA*kernelB)*stride])
		for first := 0; first < columns; first += tileColumns {
			addProducts(g, matrix{x, stride, n}, span{first, min(first+tileColumns, columns)}, s.workers)
		}
		s.progress.Add(b.len())
	}
	return g, nil
}

// panelGram has float32 products; of the result the lower triangle is set.
func panelGram(ctx context.Context, s *source) ([]float64, error) {
	n := len(s.rows)
	p := newPanels(n, min(s.width, len(s.reference)))
	g := make([]float64, p.count*panelRows*p.count*panelRows)
	flags := make([]bool, n)
	for _, b := range s.blocks {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("pca: %w", err)
		}
		p.resize(b.inside())
		s.eachUnit(p.count, panelRows, b.len(), func(panel int) {
			row := make([]float32, p.chunks*sumColumns)
			for i := panel * panelRows; i < min((panel+1)*panelRows, n); i++ {
				flags[i] = !packRow(row, s.rows[i], s.reference, b.first, b.in)
				p.setRow(i, row)
			}
		})
		if bad := slices.Index(flags, true); bad >= 0 {
			return nil, s.notFinite(bad)
		}
		p.addTo(g, s.workers)
		s.progress.Add(b.len())
	}
	return compact(g, p.count*panelRows, n), nil
}

// addProducts adds the products of the rows over the given columns to the lower
// triangle of g. Every entry is computed by one call in one order.
func addProducts(g []float64, x matrix, columns span, workers int) {
	n := x.rows
	tiles := (n + tileRows - 1) / tileRows
	each(workers, tiles*(tiles+1)/2, func(t int) {
		ti := 0
		for (ti+1)*(ti+2)/2 <= t {
			ti++
		}
		i, j := ti*tileRows, (t-ti*(ti+1)/2)*tileRows
		products(g[i*n+j:], n, x.from(i, tileRows, columns.first), x.from(j, tileRows, columns.first), columns.end-columns.first, i == j)
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
