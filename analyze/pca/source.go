package pca

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// source is what both passes read: views of the chosen rows, the vector to
// subtract from them, and how theta is cut into blocks. The views are the
// trajectory's; nothing here holds a copy of an iterate but the reference.
type source struct {
	layout    record.Layout
	rows      []record.Pieces // verified by the end of the first pass
	run       []int           // which trajectory, from 0
	index     []int           // row of it
	steps     []int64
	epochs    []int32
	reference []float32
	taken     []span
	in, out   []string // names of the tensors that take part, and that do not
	width     int      // columns of a block
	blocks    []block
	slabs     []span // of blocks
	reach     span   // the blocks that are read one after another
	ahead     int    // blocks that are fetched ahead
	workers   int
	progress  analyze.Progress
	runs      int       // number of trajectories
	stride    int64     // above 1, only steps that it divides take part
	buffers   sync.Pool // of *[]float32, each with room for a block of a row
	// scale has the square root of every row's weight; nil when all weigh 1.
	scale []float64
}

const (
	// heldBytes is how much of a mapped run may be resident before it is released
	// while rows are chosen. Pages that are needed again are still in the system's cache.
	heldBytes = 32 << 20
	// foldedBytes is the most that becomes resident when a few bytes are read.
	foldedBytes = 2 << 20
)

// open chooses rows and coordinates. o has its defaults, and there is a run.
func open(runs []record.Trajectory, o *Options) (*source, error) {
	s := &source{layout: runs[0].Header().Layout, workers: o.Workers, progress: o.Progress, runs: len(runs)}
	var err error
	if s.taken, s.in, s.out, err = choose(s.layout, o); err != nil {
		return nil, err
	}
	total := 0
	for _, t := range runs {
		total += t.Len()
	}
	if o.Rows.IsAll() {
		s.stride = int64((total + MaxRows - 1) / MaxRows)
	}
	for r, t := range runs {
		h := t.Header()
		switch {
		case !h.Columns.Theta:
			return nil, fmt.Errorf("pca: %sthe run does not record theta; principal directions need the iterates",
				s.prefix(r))
		case !h.Layout.Equal(s.layout):
			return nil, fmt.Errorf("pca: run %d has another layout than run 1; one basis needs one model", r+1)
		}
		if err := s.chooseRows(t, r, o); err != nil {
			return nil, err
		}
	}
	if len(s.rows) < 2 {
		return nil, fmt.Errorf("pca: %d of the recording's %d rows are chosen and have theta; principal directions "+
			"need at least 2", len(s.rows), total)
	}
	if err := s.checkCenter(o.Center); err != nil {
		return nil, err
	}
	if o.EqualRuns {
		s.weigh()
	}
	n := len(s.rows)
	// A middle iterate is nearer to all others than the first or last one, and the
	// nearer the reference, the smaller the numbers to centre afterwards. Where
	// the center is an iterate, that one is subtracted and nothing is centred.
	at := n / 2
	switch o.Center {
	case Init:
		at = 0
	case Final:
		at = n - 1
	}
	if s.reference, err = s.values(at); err != nil {
		return nil, err
	}
	s.width = blockWidth(n)
	s.ahead = aheadBlocks(n, s.width)
	s.buffers.New = func() any {
		b := make([]float32, min(s.width, len(s.reference)))
		return &b
	}
	s.blocks = blocks(len(s.reference), s.width, s.taken)
	s.slabs = slabs(n, len(s.reference), s.width)
	if o.slabBlocks > 0 {
		s.slabs = cutSlabs(len(s.blocks), o.slabBlocks)
	}
	return s, nil
}

// weigh gives every run the same weight, its rows sharing it; the weights of all
// rows add up to their number.
func (s *source) weigh() {
	counts := make([]int, s.runs)
	for _, r := range s.run {
		counts[r]++
	}
	with, equal := 0, true // runs that have rows
	for _, c := range counts {
		if c > 0 {
			with++
			equal = equal && c == counts[s.run[0]]
		}
	}
	if equal {
		return
	}
	s.scale = make([]float64, len(s.rows))
	for i, r := range s.run {
		s.scale[i] = math.Sqrt(float64(len(s.rows)) / float64(with*counts[r]))
	}
}

// weight returns the weight of a row.
func (s *source) weight(i int) float64 {
	if s.scale == nil {
		return 1
	}
	return s.scale[i] * s.scale[i]
}

// checkCenter refuses a center that several runs do not share.
func (s *source) checkCenter(c Center) error {
	switch {
	case s.runs == 1 || c == Mean:
		return nil
	case c == Init:
		for i := range s.rows {
			if i == 0 || s.run[i] != s.run[i-1] {
				if err := s.verify(i); err != nil {
					return err
				}
			}
		}
		if s.sharedStart() {
			return nil
		}
		return fmt.Errorf("pca: center is %q, and the runs do not start at the same iterate; allowed is %q", c, Mean)
	}
	return fmt.Errorf("pca: center is %q; for several runs allowed are %q, and %q when they start at the same iterate",
		c, Mean, Init)
}

// sharedStart reports whether the first chosen rows of all runs are the same.
func (s *source) sharedStart() bool {
	for i := range s.rows {
		if (i == 0 || s.run[i] != s.run[i-1]) && (s.steps[i] != s.steps[0] ||
			!slices.Equal(s.rows[i].Values(), s.rows[0].Values())) {
			return false
		}
	}
	return true
}

// prefix names a run if there are several.
func (s *source) prefix(run int) string {
	if s.runs == 1 {
		return ""
	}
	return fmt.Sprintf("run %d: ", run+1)
}

// name names a chosen row.
func (s *source) name(i int) string {
	return fmt.Sprintf("%srow %d (step %d)", s.prefix(s.run[i]), s.index[i], s.steps[i])
}

func (s *source) chooseRows(t record.Trajectory, run int, o *Options) error {
	p := s.layout.Len()
	var seen []record.Step
	resident := 0
	defer t.Release()
	for i := range t.Len() {
		step, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return fmt.Errorf("pca: %srow %d: %w", s.prefix(run), i, err)
		}
		// Reading a row's scalars makes the pages around them resident.
		if resident += min(4*p, foldedBytes); resident > heldBytes {
			t.Release()
			resident = 0
		}
		if step.Substep != 0 && !o.Substeps {
			continue
		}
		seen = append(seen, record.Step{Step: step.Step, Epoch: step.Epoch})
		if !o.Rows.Contains(step.Step, step.Epoch) || s.stride > 1 && step.Step%s.stride != 0 {
			continue
		}
		theta, err := t.ThetaPieces(i)
		switch {
		case err != nil:
			return fmt.Errorf("pca: %srow %d: %w", s.prefix(run), i, err)
		case theta == nil:
			continue
		case theta.Len() != p:
			return fmt.Errorf("pca: %srow %d (step %d): theta has %d elements, the layout has %d", s.prefix(run), i,
				step.Step, theta.Len(), p)
		}
		s.rows = append(s.rows, theta)
		s.run, s.index = append(s.run, run), append(s.index, i)
		s.steps = append(s.steps, step.Step)
		s.epochs = append(s.epochs, step.Epoch)
	}
	if rule, ok := o.Rows.Unmatched(seen); ok {
		return fmt.Errorf("pca: %srows has %q, which is not a step of the recording of %d rows", s.prefix(run), rule,
			t.Len())
	}
	if n := len(s.rows); n > MaxRows {
		return fmt.Errorf("pca: %d rows are chosen; at most %d can be: choose some, for example rows every:%d", n,
			MaxRows, (n+MaxRows-1)/MaxRows)
	}
	return nil
}

// verify says whether row i is what was recorded.
func (s *source) verify(i int) error { return s.unread(i, s.rows[i].Verify()) }

// values returns all of row i.
func (s *source) values(i int) ([]float32, error) {
	if v := s.rows[i].Values(); v != nil {
		return v, nil
	}
	err := s.rows[i].Verify()
	if err == nil {
		err = errors.New("theta cannot be read")
	}
	return nil, s.unread(i, err)
}

// unread says which row could not be read.
func (s *source) unread(i int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pca: %srow %d: %w", s.prefix(s.run[i]), s.index[i], err)
}

// notFinite says why row r less the reference is not finite: some row is not what
// was recorded, the first element of any row that is NaN or infinite, or an
// overflow of the difference.
func (s *source) notFinite(r int) error {
	for i := range s.rows {
		if err := s.verify(i); err != nil {
			return err
		}
	}
	for i := range s.rows {
		theta, err := s.values(i)
		if err != nil {
			return err
		}
		for _, t := range s.layout {
			for j, v := range t.View(theta) {
				if v-v != 0 {
					return fmt.Errorf("pca: %s: element %d of %s is %v; rows must be finite: leave it out with a "+
						"choice of rows", s.name(i), j, t.Name, v)
				}
			}
		}
	}
	return fmt.Errorf("pca: %s is so far from the others that the difference overflows; leave it out with a choice "+
		"of rows", s.name(r))
}
