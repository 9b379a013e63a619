package arrowfile

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"sgdwalk/record/internal/mapped"
)

// Summary has the results of Check.
type Summary struct {
	Rows     int64 // rows with every bit intact
	Damaged  int64 // rows that are damaged, or missing before other rows
	Segments int
	Bytes    int64 // of all segments
	Torn     int64 // bytes after the last row that are not a row
	Closed   bool  // the last segment has a footer; false for a run that is being written
	Live     bool  // a writer has the run open; the row that it is writing is then not reported as torn
	Finished bool  // the run came to its end, see Reader.Finished
	LastStep int64 // of the last intact row; -1 without one
	Planned  int64 // planned updates in the header; 0 when it has none
	Problems int   // number of reported problems
}

// Check reads every byte of the run in dir, and reports every problem in the order of the
// files. It encodes every row again and compares the bytes with the file. So it finds a
// flipped bit everywhere: in a value, in the padding, in the schema or in the footer.
//
// A last segment without a footer is not a problem, because a run that is being written has
// one. Check returns an error only when checking was not possible: the directory is not a
// run, or its header cannot be read.
func Check(dir string, report func(error)) (Summary, error) {
	return check(dir, report, openSource)
}

// check does the work of Check with another way to open files, for tests.
func check(dir string, report func(error), open func(string) (byteSource, error)) (Summary, error) {
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

// checker is the state of Check.
type checker struct {
	dir          string
	run          *runInfo
	encoder      *encoder
	report       func(error)
	next         int64 // number of the next row
	lastIsIntact bool  // the last row that there was is intact
	summary      Summary
}

// problem counts and reports a problem.
func (c *checker) problem(err error) {
	c.summary.Problems++
	c.report(err)
}

// missing reports missing segments.
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

// segment checks one segment, and closes it.
func (c *checker) segment(s *segment, last bool) {
	defer s.src.close()
	c.summary.Segments++
	c.summary.Bytes += s.src.size()
	if missing := s.first - c.next; missing > 0 {
		c.summary.Damaged += missing
		c.problem(s.damageAt(-1, schemaAt, "the segment begins with row %d, but the %d rows before it are missing",
			s.first, missing))
	}
	if err := mapped.Catch(func() { c.rows(s, last) }); err != nil {
		c.problem(s.damageAt(-1, 0, "%w", err))
	}
	c.next = s.next()
	if last {
		c.summary.Torn, c.summary.Closed = s.tornBytes, s.closed
	}
}

// rows checks the schema, the rows and the end of a segment.
func (c *checker) rows(s *segment, last bool) {
	if s.damage != nil {
		c.problem(s.damage)
	}
	to := &comparer{src: s.src, firstDifference: -1, ignoreFrom: math.MaxInt64}
	if err := c.encoder.begin(to, s.number, s.first); err != nil {
		c.problem(s.damageAt(-1, 0, "%w", err))
		return
	}
	if s.start > 0 && to.firstDifference >= 0 && s.damage == nil { // otherwise the file ends before its first row
		c.problem(s.damageAt(-1, to.firstDifference, "the schema is not what the header implies"))
	}
	knowsAll := true // the encoder knows the place of every row, which the footer needs
	for j := range s.rows() {
		to.pos, to.firstDifference = s.offsets[j], -1
		finished, err := c.row(s, j, to)
		if err != nil {
			c.summary.Damaged++
			c.problem(err)
			knowsAll = knowsAll && to.pos == s.offsets[j+1] || c.skipRow(s, j, to) && knowsAll
		} else {
			c.summary.Rows++
		}
		c.lastIsIntact, c.summary.Finished = err == nil, err == nil && finished
	}
	if s.finalRows != unknown {
		c.summary.Finished = c.lastIsIntact
	}
	c.end(s, to, last, knowsAll)
}

// row checks row j, and reports whether it ends the run.
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
		return false, s.damageAt(j, to.firstDifference, "a byte outside of the values differs from what a writer "+
			"writes")
	case to.pos != s.offsets[j+1]:
		return false, s.damageAt(j, s.offsets[j], "the row ends at byte %d; it must end at %d", s.offsets[j+1], to.pos)
	}
	step := sc.toStep()
	c.summary.LastStep = step.Step
	return c.run.header.EndsRun(&step), nil
}

// skipRow makes the encoder count a row that could not be read, without comparing it, so that
// the footer can still be compared. Only the size of the row matters: it tells how many of
// its values are absent.
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

// end checks the bytes after the rows: the footer, or a torn end.
func (c *checker) end(s *segment, to *comparer, last, knowsAll bool) {
	if s.closed {
		to.pos, to.firstDifference = s.offsets[s.rows()], -1
		if !knowsAll {
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
	case s.closed && (to.firstDifference >= 0 || !knowsAll):
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
	src             byteSource
	pos             int64 // offset of the next bytes
	ignoreFrom      int64 // bytes from this offset on are counted but not compared
	firstDifference int64 // offset of the first difference, or -1; reset for each part
}

// write compares the pieces with the bytes of the file, instead of writing them.
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

// commonPrefix returns the length of the common prefix.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
