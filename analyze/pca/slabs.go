package pca

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// A Gram matrix is the sum of those of slabs of coordinates, each of which is one
// unit: a sum from zero over the columns of the slab, which is then added to that
// of the slabs before it. So it has the same bits whoever makes the slabs.
//
// Of a slab are kept the lower triangle of its matrix, n(n+1)/2 numbers row after
// row, and behind them the checksum of the slab's part of every row, n whole
// numbers. A row on disk has one checksum over all of its elements, and whoever
// makes a slab wants to read no others: 64 workers that each verified the rows
// whole would read the run 64 times (of 0.8 GB in 16 slabs, each 800 MB and not
// 52). Checksums of parts make that of the whole
// (record.Pieces), so every worker takes those of exactly the elements that it
// computes with, and the sum of all slabs says whether they are what was recorded,
// before anything is made of it. A run in two bytes an element, and one that is no
// file, is verified whole by each, when it is opened.

const (
	// fewRows is the number of rows up to which slabs are narrow: the values of a
	// slab, rows squared, are then small against its elements.
	fewRows     = 256
	narrowSlabs = 1 << 16 // columns
	// wideSlabs is the number of columns of other slabs. One of ten thousand rows
	// takes minutes; a worker that is told to stop in the middle of a slab loses it.
	wideSlabs = 1 << 18
	// mostSlabs bounds what the slabs take together: there are not more for however
	// many parameters.
	mostSlabs = 512
)

// slabs cuts the blocks of p coordinates into slabs. Their width is a whole number
// of blocks and depends on the numbers of rows and of coordinates alone.
func slabs(rows, p, width int) []span {
	columns := wideSlabs
	if rows <= fewRows {
		columns = narrowSlabs
	}
	for columns < (p+mostSlabs-1)/mostSlabs {
		columns *= 2
	}
	return cutSlabs((p+width-1)/width, (columns+width-1)/width)
}

func cutSlabs(blocks, of int) []span {
	var l []span
	for first := 0; first < blocks; first += of {
		l = append(l, span{first, min(first+of, blocks)})
	}
	return l
}

// slabName is the unit's.
func slabName(k int) string { return fmt.Sprintf("slab %d", k) }

// Gram goes through the slabs of the Gram matrix that FitJoint begins with. It
// makes those that Options.Store neither has nor leaves to others, keeps them
// there, and does nothing else: it is what a worker does of a fit. When slabs were
// left out the error wraps analyze.ErrElsewhere. Unit "slab k" has n(n+3)/2 values
// for n rows, and reads and costs what its columns are of the first pass of the
// fit. A fit whose store has all slabs does not read the run for them.
func Gram(ctx context.Context, runs []record.Trajectory, opts Options) error {
	s, o, err := begin(runs, opts)
	if err != nil {
		return err
	}
	w := newGram(s, o.Store)
	return w.all(ctx)
}

// sumSlabs returns the sum of all slabs, n x n, of which the lower triangle is set.
func sumSlabs(ctx context.Context, s *source, store analyze.Store) ([]float64, error) {
	w := newGram(s, store)
	n := len(s.rows)
	if len(s.slabs) > 1 {
		w.total = make([]float64, triangle(n))
	} else {
		w.only = true
	}
	if err := w.all(ctx); err != nil {
		return nil, err
	}
	if err := w.verify(); err != nil {
		return nil, err
	}
	if w.total == nil {
		return compact(w.square, w.stride, n), nil
	}
	if w.square == nil {
		w.square = make([]float64, n*n)
	}
	g := w.square[: n*n : n*n]
	for i := range n {
		copy(g[i*n:], w.total[triangle(i):triangle(i+1)])
	}
	return g, nil
}

// triangle is the number of entries in n rows of a lower triangle.
func triangle(n int) int { return n * (n + 1) / 2 }

// gram makes and adds slabs.
type gram struct {
	s      *source
	store  analyze.Store
	adder  adder
	square []float64  // matrix of the slab that was made last; nil before the first
	stride int        // of its rows
	total  []float64  // lower triangle of the sum so far; nil when it is not wanted, or there is one slab
	only   bool       // there is one slab, and its matrix is wanted
	sums   [][]uint32 // per slab, per row
	left   int        // slabs that are left to others
}

func newGram(s *source, store analyze.Store) *gram {
	return &gram{s: s, store: store, sums: make([][]uint32, len(s.slabs))}
}

// all goes through the slabs.
func (w *gram) all(ctx context.Context) error {
	w.s.progress.Begin("gram matrix", len(w.s.reference))
	for k, slab := range w.s.slabs {
		switch values, ok := w.store.Lookup(slabName(k)); {
		case ok && len(values) == triangle(len(w.s.rows))+len(w.s.rows):
			w.take(k, values)
			w.s.progress.Add(w.columns(slab))
		case analyze.Elsewhere(w.store, slabName(k)):
			w.left++
		default:
			if err := w.make(ctx, k); err != nil {
				return err
			}
		}
	}
	if w.left > 0 {
		return fmt.Errorf("pca: %d of %d slabs of the Gram matrix: %w", w.left, len(w.s.slabs), analyze.ErrElsewhere)
	}
	return nil
}

func (w *gram) columns(slab span) int {
	return w.s.blocks[slab.end-1].end - w.s.blocks[slab.first].first
}

// take adds a slab that the store has.
func (w *gram) take(k int, values []float64) {
	n := len(w.s.rows)
	w.sums[k] = make([]uint32, n)
	for i, v := range values[triangle(n):] {
		w.sums[k][i] = uint32(v)
	}
	switch {
	case w.only:
		w.square, w.stride = make([]float64, n*n), n
		for i := range n {
			copy(w.square[i*n:], values[triangle(i):triangle(i+1)])
		}
	case w.total != nil:
		for i, v := range values[:triangle(n)] {
			w.total[i] += v
		}
	}
}

// clear prepares the matrix of a slab.
func (w *gram) clear() {
	if w.square != nil {
		clear(w.square)
		return
	}
	w.adder = w.s.newAdder()
	w.stride = w.adder.stride()
	w.square = make([]float64, w.stride*w.stride)
}

// make makes a slab, keeps it and adds it.
func (w *gram) make(ctx context.Context, k int) error {
	s, n, slab := w.s, len(w.s.rows), w.s.slabs[k]
	w.clear()
	w.sums[k] = make([]uint32, n)
	_, alone := w.store.(analyze.NoStore)
	if s.reach = slab; alone { // the slabs after it are read next
		s.reach = span{0, len(s.blocks)}
	}
	for _, b := range s.blocks[slab.first:slab.end] {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("pca: %w", err)
		}
		if err := w.adder.add(w.square, b, w.sums[k]); err != nil {
			return err
		}
		s.progress.Add(b.len())
	}
	if w.total != nil {
		for i := range n {
			sum := w.total[triangle(i):triangle(i+1)]
			for j, v := range w.square[i*w.stride:][:i+1] {
				sum[j] += v
			}
		}
	}
	if alone {
		return nil
	}
	values := make([]float64, 0, triangle(n)+n)
	for i := range n {
		values = append(values, w.square[i*w.stride:][:i+1]...)
	}
	for _, sum := range w.sums[k] {
		values = append(values, float64(sum))
	}
	if err := w.store.Save(slabName(k), values); err != nil {
		return fmt.Errorf("pca: %w", err)
	}
	return nil
}

// verify says whether the elements of all slabs are those that were recorded.
func (w *gram) verify() error {
	parts := make([]record.PartSum, len(w.s.slabs))
	for i, row := range w.s.rows {
		for k, slab := range w.s.slabs {
			parts[k] = record.PartSum{Sum: w.sums[k][i], Len: w.columns(slab)}
		}
		err := row.CheckSums(parts)
		if errors.Is(err, record.ErrPartSums) {
			return fmt.Errorf("pca: %s: a worker read other values than are recorded; the slabs must be made anew: %w", w.s.name(i), err)
		}
		if err != nil {
			return w.s.unread(i, err)
		}
	}
	return nil
}
