package pca

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/lean"
	"sgdwalk/record"
)

// source is what both passes read: views of the chosen rows, the vector to
// subtract from them, and how theta is cut into blocks. The views are the
// trajectory's; nothing here holds a copy of an iterate but the reference.
type source struct {
	layout    record.Layout
	rows      [][]float32
	index     []int // row of the trajectory
	steps     []int64
	epochs    []int32
	reference []float32
	taken     []span
	in, out   []string // names of the tensors that take part, and that do not
	width     int      // columns of a block
	blocks    []block
	workers   int
	progress  analyze.Progress
}

// open chooses rows and coordinates. o has its defaults.
func open(t record.Trajectory, o *Options) (*source, error) {
	h := t.Header()
	if !h.Columns.Theta {
		return nil, fmt.Errorf("pca: the run does not record theta; principal directions are those of its iterates")
	}
	s := &source{layout: h.Layout, workers: o.Workers, progress: o.Progress}
	var err error
	if s.taken, s.in, s.out, err = choose(h.Layout, o); err != nil {
		return nil, err
	}
	if err := s.chooseRows(t, o); err != nil {
		return nil, err
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
	s.reference = s.rows[at]
	s.width = blockWidth(n)
	s.blocks = blocks(len(s.reference), s.width, s.taken)
	return s, nil
}

func (s *source) chooseRows(t record.Trajectory, o *Options) error {
	p := s.layout.Len()
	var seen []record.Step
	for i := range t.Len() {
		step, err := lean.Scalars(t, i)
		if err != nil {
			return fmt.Errorf("pca: row %d: %w", i, err)
		}
		if step.Substep != 0 && !o.Substeps {
			continue
		}
		seen = append(seen, record.Step{Step: step.Step, Epoch: step.Epoch})
		if !o.Rows.Contains(step.Step, step.Epoch) {
			continue
		}
		theta, err := lean.Theta(t, i)
		switch {
		case err != nil:
			return fmt.Errorf("pca: row %d: %w", i, err)
		case theta == nil:
			continue
		case len(theta) != p:
			return fmt.Errorf("pca: row %d (step %d): theta has %d elements, the layout has %d", i, step.Step, len(theta), p)
		}
		s.rows = append(s.rows, theta)
		s.index = append(s.index, i)
		s.steps = append(s.steps, step.Step)
		s.epochs = append(s.epochs, step.Epoch)
	}
	if rule, ok := o.Rows.Unmatched(seen); ok {
		return fmt.Errorf("pca: rows has %q, which is no step of the recording of %d rows", rule, t.Len())
	}
	switch n := len(s.rows); {
	case n < 2:
		return fmt.Errorf("pca: %d of the recording's %d rows are chosen and have theta; principal directions need at least 2", n, t.Len())
	case n > MaxRows:
		return fmt.Errorf("pca: %d rows are chosen; at most %d can be: choose some, for example rows every:%d", n, MaxRows, (n+MaxRows-1)/MaxRows)
	}
	return nil
}

// notFinite says why row r less the reference is not finite: the first element
// of any row that is NaN or infinite, or an overflow of the difference.
func (s *source) notFinite(r int) error {
	for i, row := range s.rows {
		for _, t := range s.layout {
			for j, v := range t.View(row) {
				if v-v != 0 {
					return fmt.Errorf("pca: row %d (step %d): element %d of %s is %v; rows must be finite: leave it out with a choice of rows", s.index[i], s.steps[i], j, t.Name, v)
				}
			}
		}
	}
	return fmt.Errorf("pca: row %d (step %d) is so far from the others that the difference overflows; leave it out with a choice of rows", s.index[r], s.steps[r])
}
