package pca

import (
	"errors"
	"slices"
	"sync"
)

// aheadBytes is how much of the rows is fetched together while what was fetched
// before is worked on. It is in the system's cache, not in the program's memory;
// more would read longer stretches of every row, at the price of more cache.
const aheadBytes = 128 << 20

// reading is one pass over the blocks. It has the disk fetch what comes next.
type reading struct {
	s        *source
	window   int // blocks that are fetched together
	fetching sync.WaitGroup
}

// newReading begins a pass. end must be called.
func (s *source) newReading() *reading {
	r := &reading{s: s, window: max(1, aheadBytes/(4*len(s.rows)*s.width))}
	r.fetch(0)
	return r
}

// begin says that block b is worked on now.
func (r *reading) begin(b int) {
	if b%r.window == 0 {
		r.fetching.Wait()
		r.fetch(b + r.window)
	}
}

// fetch asks for the blocks of a window, in a goroutine: the system may take as
// long to take in the requests as to serve them.
func (r *reading) fetch(b int) {
	if b >= len(r.s.blocks) {
		return
	}
	first, end := r.s.blocks[b].first, r.s.blocks[min(b+r.window, len(r.s.blocks))-1].end
	r.fetching.Go(func() {
		for _, row := range r.s.rows {
			row.Ahead(first, end)
		}
	})
}

// end waits for what is being fetched.
func (r *reading) end() { r.fetching.Wait() }

// errNotFinite says that some element is NaN or infinite.
var errNotFinite = errors.New("pca: not finite")

// packRow copies the given columns of block b of row i, less the reference, into
// dst; what is beyond the columns becomes zero. The subtraction comes before any
// product: iterates are close to each other and far from zero, and the difference
// of two close float32 is exact. All of the block is read, so that the row is
// verified when its last block was.
func (s *source) packRow(dst []float32, i int, b block, columns []span) error {
	buffer := s.buffers.Get().(*[]float32)
	defer s.buffers.Put(buffer)
	row := (*buffer)[:b.len()]
	if err := s.rows[i].Read(row, b.first); err != nil {
		return s.unread(i, err)
	}
	if !subtract(dst, row, s.reference[b.first:b.end], columns) {
		return errNotFinite
	}
	return nil
}

// failed returns the error of the first row that has one.
func (s *source) failed(rows []error) error {
	i := slices.IndexFunc(rows, func(err error) bool { return err != nil })
	switch {
	case i < 0:
		return nil
	case errors.Is(rows[i], errNotFinite):
		return s.notFinite(i)
	}
	return rows[i]
}

// pack packs block b of every row into x, row after row, each of the given stride.
func (s *source) pack(x []float32, stride int, b block, columns []span) error {
	rows := make([]error, len(s.rows))
	each(s.workers, len(s.rows), func(i int) {
		rows[i] = s.packRow(x[i*stride:(i+1)*stride], i, b, columns)
	})
	return s.failed(rows)
}

// subtract puts the columns of row less the reference one after another into dst,
// and zeros after them. It reports whether all of it is finite.
func subtract(dst, row, reference []float32, columns []span) bool {
	var zero float32 // stays 0 unless something is not finite
	at := 0
	for _, c := range columns {
		src, ref := row[c.first:c.end], reference[c.first:c.end]
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
