package arrowfile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// Summary is what Check found.
type Summary struct {
	Rows     int64 // rows that are intact in every bit
	Damaged  int64 // rows that are not, or that are missing before rows that are there
	Segments int
	Bytes    int64 // of all segments
	Torn     int64 // bytes after the last row that belong to none
	Closed   bool  // the last segment was ended in order; false for a run that is being written
	Live     bool  // a writer has the run open; what it is writing is then not reported as torn
	Finished bool  // the run came to its end, see Reader.Finished
	LastStep int64 // of the last row that is intact; -1 without one
	Planned  int64 // updates that the header plans; 0 when it does not say
	Problems int   // problems that were reported
}

// Check reads every byte of the run in dir and reports every problem that it
// finds, in the order of the files. Every row is encoded again and compared with
// what the file has, so that a flipped bit is found wherever it is: in a value,
// in the padding, in the schema or in the footer.
//
// A segment without a footer is no problem by itself: a run that is being written
// has one. The error of Check says only that checking was not possible: the
// directory is no run, or its header cannot be read.
func Check(dir string, report func(error)) (Summary, error) {
	return check(dir, report, openSource)
}

func check(dir string, report func(error), open func(string) (source, error)) (Summary, error) {
	if !littleEndian {
		return Summary{}, errBigEndian
	}
	h, err := readHeader(dir)
	if err != nil {
		return Summary{}, err
	}
	if _, err := countSegments(dir); errors.Is(err, ErrStarting) {
		return Summary{}, err
	}
	numbers, err := segmentNumbers(dir)
	if err != nil {
		return Summary{}, fmt.Errorf("arrowfile: %w", err)
	}
	c := &checker{dir: dir, run: newRunInfo(h), report: report}
	c.encoder, c.summary.LastStep, c.summary.Planned = newEncoder(h), -1, h.Steps
	c.summary.Live = isLive(dir)
	c.missing(numbers)
	segments := c.run.openSegments(dir, numbers, nil, open, func(err error) bool {
		c.problem(err)
		return true
	})
	for _, s := range segments {
		c.segment(s, s.number == numbers[len(numbers)-1])
	}
	return c.summary, nil
}

// checker carries what Check knows from segment to segment.
type checker struct {
	dir          string
	run          *runInfo
	encoder      *encoder
	report       func(error)
	next         int64 // number of the next row
	lastIsIntact bool  // the last row that there was is intact
	summary      Summary
}

func (c *checker) problem(err error) {
	c.summary.Problems++
	c.report(err)
}

// missing reports the segments that are not there.
func (c *checker) missing(numbers []int) {
	next := 0
	for _, n := range numbers {
		for ; next < n; next++ {
			c.problem(fmt.Errorf("arrowfile: %s: %w: %s", c.dir, ErrMissingSegment, segmentName(next)))
		}
		next = n + 1
	}
	if len(numbers) == 0 {
		c.problem(fmt.Errorf("arrowfile: %s: %w: %s", c.dir, ErrMissingSegment, segmentName(0)))
	}
}

// segment checks a segment and closes it.
func (c *checker) segment(s *segment, last bool) {
	defer s.src.close()
	c.summary.Segments++
	c.summary.Bytes += s.src.size()
	if missing := s.first - c.next; missing > 0 {
		c.summary.Damaged += missing
		c.problem(s.damageAt(-1, schemaAt, "the segment begins with row %d, but the %d rows before it are missing",
			s.first, missing))
	}
	if err := catchFaults(func() { c.rows(s, last) }); err != nil {
		c.problem(s.damageAt(-1, 0, "%w", err))
	}
	c.next = s.next()
	if last {
		c.summary.Torn, c.summary.Closed = s.tornBytes, s.closed
	}
}

// rows checks everything in a segment.
func (c *checker) rows(s *segment, last bool) {
	if s.damage != nil {
		c.problem(s.damage)
	}
	to := &comparer{src: s.src, firstDifference: -1, ignoreFrom: math.MaxInt64}
	if err := c.encoder.begin(to, s.number, s.first); err != nil {
		c.problem(s.damageAt(-1, 0, "%w", err))
		return
	}
	if s.start > 0 && to.firstDifference >= 0 && s.damage == nil { // else the file ends before its first row
		c.problem(s.damageAt(-1, to.firstDifference, "the schema is not what the header implies"))
	}
	whole := true // every row has its place in the footer that is being made
	for j := range s.rows() {
		to.pos, to.firstDifference = s.offsets[j], -1
		finished, err := c.row(s, j, to)
		if err != nil {
			c.summary.Damaged++
			c.problem(err)
			whole = whole && to.pos == s.offsets[j+1] || c.skipRow(s, j, to) && whole
		} else {
			c.summary.Rows++
		}
		c.lastIsIntact, c.summary.Finished = err == nil, err == nil && finished
	}
	if s.finalRows != unknown {
		c.summary.Finished = c.lastIsIntact
	}
	c.end(s, to, last, whole)
}

// row checks row j and reports whether it is a final one.
func (c *checker) row(s *segment, j int, to *comparer) (finished bool, err error) {
	v, err := s.row(j)
	if err != nil {
		return false, err
	}
	sc, err := s.verifiedScalars(j, v)
	if err != nil {
		return false, err
	}
	var raw rawVectors
	for which := range raw {
		if raw[which], err = s.raw(j, v, &sc, which); err != nil {
			return false, err
		}
	}
	if err := c.encoder.write(&sc, &raw); err != nil {
		return false, s.damageAt(j, s.offsets[j], "%w", err)
	}
	switch {
	case to.firstDifference >= 0:
		return false, s.damageAt(j, to.firstDifference, "a byte outside the values is not what is written there")
	case to.pos != s.offsets[j+1]:
		return false, s.damageAt(j, s.offsets[j], "the row ends at byte %d; it must end at %d", s.offsets[j+1], to.pos)
	}
	step := sc.toStep()
	c.summary.LastStep = step.Step
	return c.run.header.EndsRun(&step), nil
}

// standIn has the encoder take note of a row that could not be read, without
// comparing it, so that the footer can be compared in the end. The size of a row
// tells how many of its values are absent, which is all that matters.
func (c *checker) skipRow(s *segment, j int, to *comparer) bool {
	size := s.offsets[j+1] - s.offsets[j]
	absent := size - c.encoder.rowBytes(0)
	bitmap := pad8(c.run.columns.bitmap)
	if absent < 0 || absent%bitmap != 0 {
		return false
	}
	nulls := nullSet(0)
	for range absent / bitmap {
		rest := c.run.columns.nullable() &^ nulls
		if rest == 0 {
			return false
		}
		nulls |= rest & -rest
	}
	to.ignoreFrom = s.offsets[j]
	err := c.encoder.write(&scalars{nulls: nulls}, c.encoder.zeros())
	to.ignoreFrom = math.MaxInt64
	return err == nil
}

// frame checks what is after the rows: the footer or a torn end.
func (c *checker) end(s *segment, to *comparer, last, whole bool) {
	if s.closed {
		to.pos, to.firstDifference = s.offsets[s.rows()], -1
		if !whole {
			to.ignoreFrom = to.pos
		}
		if s.finalRows != unknown && s.finalRows != s.next() {
			c.problem(s.damageAt(-1, to.pos, "the footer says that the run has %d rows; its rows end with row %d",
				s.finalRows, s.next()-1))
		}
		if err := c.encoder.finish(s.finalRows); err != nil {
			c.problem(s.damageAt(-1, to.pos, "%w", err))
		}
	}
	switch {
	case s.closed && (to.firstDifference >= 0 || !whole):
		c.problem(s.damageAt(-1, max(to.firstDifference, s.offsets[s.rows()]), "the footer is not what the rows imply"))
	case s.tornBytes > 0 && last && !c.summary.Live:
		c.problem(s.damageAt(-1, s.src.size()-s.tornBytes, "%d bytes after the last row are no row: it or the footer "+
			"was torn", s.tornBytes))
	case !s.closed && !last:
		c.problem(s.damageAt(-1, s.src.size()-s.tornBytes, "the footer is missing or damaged"))
	}
}

// comparer is what the encoder writes into during a check: it compares with the
// bytes that a segment has.
type comparer struct {
	src             source
	pos             int64 // where the next bytes belong
	ignoreFrom      int64 // what belongs from here on is only counted
	firstDifference int64 // first different byte, or -1; reset for each part
}

// write compares the pieces with the bytes at the place where they belong.
func (c *comparer) write(pieces ...piece) error {
	for _, p := range pieces {
		at := c.pos
		n := int64(len(p.bytes))
		c.pos += n
		if at >= c.ignoreFrom || c.firstDifference >= 0 {
			continue
		}
		have, err := c.src.bytes(at, min(n, max(0, c.src.size()-at)))
		if err != nil {
			return err
		}
		if !bytes.Equal(have, p.bytes) {
			c.firstDifference = at + int64(commonPrefix(have, p.bytes))
		}
	}
	return nil
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
