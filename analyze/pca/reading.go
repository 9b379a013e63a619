package pca

import (
	"errors"
	"slices"

	"sgdwalk/analyze/internal/parallel"
)

// aheadBytes is how much of the rows is fetched ahead of what is worked on, in
// pieces of a row as long as that allows. It is in the system's cache, not in the
// program's memory.
const aheadBytes = 128 << 20

// aheadBlocks is aheadBytes in blocks.
func aheadBlocks(rows, width int) int { return max(1, aheadBytes/(4*rows*width)) }

// fetch asks the system to read the part of row i that follows block b, within reach.
// Every row requests s.ahead blocks at a time, and different rows do so at different
// blocks, so that requests are spread evenly. At the first block a row requests
// everything up to its next request. The reading goroutine does this itself: a separate
// goroutine would wait for a processor after every request.
func (s *source) fetch(i int, b block) {
	at := b.index - s.reach.first
	phase := (at + i) % s.ahead
	first, count := b.index+s.ahead, s.ahead
	switch {
	case at == 0:
		first, count = b.index, 2*s.ahead-phase
		if phase == 0 {
			count = 2 * s.ahead
		}
	case phase != 0:
		return
	}
	if first < s.reach.end {
		s.rows[i].Prefetch(s.blocks[first].first, s.blocks[min(first+count, s.reach.end)-1].end)
	}
}

// errNotFinite reports an element that is NaN or infinite.
var errNotFinite = errors.New("pca: not finite")

// packRow copies the given columns of block b of row i, less the reference, into
// dst; what is beyond the columns becomes zero. The subtraction comes before any
// product: iterates are close to each other and far from zero, and the difference
// of two close float32 is exact. With sums, all of the block is read and enters
// the row's checksum.
func (s *source) packRow(dst []float32, i int, b block, columns []span, sums []uint32) (err error) {
	buffer := s.buffers.Get().(*[]float32)
	defer s.buffers.Put(buffer)
	row := (*buffer)[:b.len()]
	s.fetch(i, b)
	if sums != nil {
		sums[i], err = s.rows[i].ReadSum(row, b.first, sums[i])
	} else {
		err = s.rows[i].Read(row, b.first)
	}
	if err != nil {
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
func (s *source) pack(x []float32, stride int, b block, columns []span, sums []uint32) error {
	rows := make([]error, len(s.rows))
	parallel.Each(s.workers, len(s.rows), func(i int) {
		rows[i] = s.packRow(x[i*stride:(i+1)*stride], i, b, columns, sums)
	})
	return s.failed(rows)
}

// subtract puts the columns of row less the reference one after another into dst,
// and zeros after them. It reports whether all of it is finite.
func subtract(dst, row, reference []float32, columns []span) bool {
	var zero float32 // stays 0 unless something is not finite
	at := 0
	for _, c := range columns {
		part := dst[at : at+c.end-c.first]
		zero += subtractPart(part, row[c.first:c.end], reference[c.first:c.end])
		at += len(part)
	}
	clear(dst[at:])
	return zero == 0
}

// subtractGo sets dst to a - b, all of one length, and returns 0 when all of it is
// finite, otherwise something else. It is what processors without the assembly
// run.
func subtractGo(dst, a, b []float32) (zero float32) {
	b, dst = b[:len(a)], dst[:len(a)]
	for j, v := range a {
		d := v - b[j]
		dst[j] = d
		zero += d - d
	}
	return zero
}
