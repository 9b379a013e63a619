package curvature

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/lean"
	"sgdwalk/record"
)

// AlongOptions of Along. The zero value looks at every row, which is seldom what
// one can afford: a row costs as much as a Compute, 40 to 120 products.
type AlongOptions struct {
	// Rows chooses the rows by step and epoch, for example "every:50" or "epoch:1";
	// the zero value is all of them.
	Rows analyze.Segments `json:"rows"`
	// Each is what is computed at a row. Two defaults differ: Top 0 is the number of
	// classes that the header names, if it does, and Optimizer is the header's. The
	// learning rate is the row's own and the directions are the recorded batch
	// gradient and the update, so LearningRate and Directions must be zero. Store
	// keeps finished rows ("row 12").
	Each Options `json:"each"`
	// Preconditioner gives the scales of an optimizer that has some; nil means that
	// they are not known.
	Preconditioner PreconditionerSource `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *AlongOptions) Validate() error {
	switch {
	case len(o.Each.Directions) > 0:
		return fmt.Errorf("curvature: along a run, directions has %d vectors; there must be none: those of the run are taken", len(o.Each.Directions))
	case o.Each.LearningRate != 0:
		return fmt.Errorf("curvature: along a run, learning rate is %v; it must be 0: that of the row is taken", o.Each.LearningRate)
	}
	return o.Each.Validate()
}

// effective fills in the defaults.
func (o AlongOptions) effective(h *record.Header) AlongOptions {
	if o.Each.Top == 0 {
		o.Each.Top = h.Data.Classes
	}
	if o.Each.Optimizer.Name == "" {
		o.Each.Optimizer = h.Optimizer
	}
	o.Each = o.Each.Effective()
	o.Each.LearningRate = 0
	return o
}

// Names of the directions of a row.
const (
	batchGradient = "batch_gradient"
	update        = "update"
)

// place is a chosen row: its index and its scalars.
type place struct {
	row int
	record.Step
}

// Along looks at the Hessian at the chosen rows of a run. Inner iterates of
// optimizers with inner loops are left out. A row where the gradient is not
// finite is kept, without values, and counted. The vectors of two rows and two
// sets of eigenvectors are held at a time.
//
// It returns an error when the options or the selection are wrong, when a row
// cannot be read, when the gradient or the store fails, and the context's error
// when it was cancelled; finished rows are then in the store. With an analyze.Part
// as the store the result has the rows that are there, is nil when none is, and the
// error says that there are others.
func Along(ctx context.Context, t record.Trajectory, g analyze.Gradient, opts AlongOptions) (*Run, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	h := t.Header()
	opts = opts.effective(h)
	places, err := choose(t, opts.Rows)
	if err != nil {
		return nil, err
	}
	opts.Each.Progress.Begin("curvature", len(places))
	w := &walker{run: t, gradient: g, opts: &opts}
	r := &Run{}
	var there []place
	for i := range places {
		v, here, err := w.row(ctx, &places[i])
		if err != nil {
			return nil, err
		}
		if !here {
			continue
		}
		there, r.rows = append(there, places[i]), append(r.rows, v)
		r.absent = w.absent
		opts.Each.Progress.Add(1)
	}
	var elsewhere error
	if left := len(places) - len(there); left > 0 {
		elsewhere = fmt.Errorf("curvature: %d of %d rows: %w", left, len(places), analyze.ErrElsewhere)
		if len(there) == 0 {
			return nil, elsewhere
		}
	}
	r.finish(there, h, &opts)
	return r, elsewhere
}

// choose returns the chosen rows with substep 0.
func choose(t record.Trajectory, rows analyze.Segments) ([]place, error) {
	if t.Len() == 0 {
		return nil, fmt.Errorf("curvature: the recording has no rows")
	}
	if !t.Header().Columns.Theta {
		return nil, fmt.Errorf("curvature: the run recorded no theta; curvature needs the iterates")
	}
	var all []record.Step
	var places []place
	for i := range t.Len() {
		s, err := lean.Scalars(t, i)
		if err != nil {
			return nil, fmt.Errorf("curvature: row %d: %w", i, err)
		}
		if s.Substep > 0 {
			continue
		}
		s.Theta, s.Grad, s.State = nil, nil, nil
		all = append(all, s)
		if rows.Contains(s.Step, s.Epoch) {
			places = append(places, place{i, s})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("curvature: all %d rows are inner iterates; at least one with substep 0 is needed", t.Len())
	}
	if rule, ok := rows.Unmatched(all); ok {
		return nil, fmt.Errorf("curvature: rows %q: the recording has no such row; it has steps %d to %d", rule, all[0].Step, all[len(all)-1].Step)
	}
	return places, nil
}

// walker goes from row to row. top has the eigenvectors at the row before, nil
// when they are not at hand; before is that row.
type walker struct {
	run      record.Trajectory
	gradient analyze.Gradient
	opts     *AlongOptions
	top      [][]float32
	before   *place
	finite   bool   // the row before has values, as far as is known
	absent   string // why the last computed row has no preconditioner
}

// row returns the values of one row, from the store or computed; here is false when
// another worker computes it.
func (w *walker) row(ctx context.Context, p *place) (v values, here bool, err error) {
	unit := "row " + strconv.Itoa(p.row)
	defer func() { w.before, w.finite = p, !here || v.of("loss").Valid }()
	if stored, ok := w.opts.Each.Store.Lookup(unit); ok {
		if v, ok = unpack(stored); ok {
			w.top = nil
			return v, true, nil
		}
	}
	if analyze.Elsewhere(w.opts.Each.Store, unit) {
		w.top = nil
		return v, false, nil
	}
	r, err := w.compute(ctx, p)
	switch {
	case isNotFinite(err):
		v, w.top = values{}.filled(), nil
	case err != nil:
		return v, true, fmt.Errorf("curvature: row %d: %w", p.row, err)
	default:
		v = newValues(r, p)
		if err := w.overlap(ctx, v, r); err != nil {
			return v, true, err
		}
	}
	if err := w.opts.Each.Store.Save(unit, v.pack()); err != nil {
		return v, true, fmt.Errorf("curvature: %s: %w", unit, err)
	}
	return v, true, nil
}

// compute makes the whole computation at a row.
func (w *walker) compute(ctx context.Context, p *place) (*Result, error) {
	s, err := w.run.At(p.row)
	if err != nil {
		return nil, err
	}
	if s.Theta == nil {
		return nil, fmt.Errorf("the row has no theta")
	}
	if g, ok := w.gradient.(analyze.Stateful); ok && s.State != nil {
		g.SetState(slices.Clone(s.State))
		defer g.SetState(nil)
	}
	o := w.single()
	o.LearningRate = max(0, p.LearningRate.Value)
	if s.Grad != nil {
		o.Directions = append(o.Directions, Direction{Name: batchGradient, Vector: s.Grad})
	}
	d, err := w.update(p, s.Theta)
	if err != nil {
		return nil, err
	}
	if d != nil {
		o.Directions = append(o.Directions, Direction{Name: update, Vector: d, Walk: true})
	}
	if w.opts.Preconditioner != nil && Scales(o.Optimizer) {
		if o.Preconditioner, o.PreconditionerAbsent, err = w.opts.Preconditioner.Preconditioner(ctx, p.row); err != nil {
			return nil, err
		}
		w.absent = o.PreconditionerAbsent
	}
	return Compute(ctx, s.Theta, w.gradient, o)
}

// single returns the options of one row: rows are the units of progress and of
// the store.
func (w *walker) single() Options {
	o := w.opts.Each
	o.Progress, o.Store = nil, nil
	return o
}

// update returns theta_{k+1}-theta_k, or nil when the next step is not recorded.
func (w *walker) update(p *place, theta []float32) ([]float32, error) {
	for i := p.row + 1; i < w.run.Len(); i++ {
		next, err := lean.Scalars(w.run, i)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		if next.Substep > 0 {
			continue
		}
		if next.Step != p.Step.Step+1 {
			return nil, nil
		}
		to, err := lean.Theta(w.run, i)
		if err != nil || to == nil {
			return nil, err
		}
		d := make([]float32, len(theta))
		for j := range d {
			d[j] = to[j] - theta[j]
		}
		return d, nil
	}
	return nil, nil
}

// overlap sets tr(P P')/k for the top spaces here and at the row before, and
// remembers the vectors. Vectors that an earlier call computed are computed again:
// a store keeps numbers, not vectors.
func (w *walker) overlap(ctx context.Context, v values, r *Result) error {
	if w.before != nil && w.finite && w.top == nil {
		s, err := w.run.At(w.before.row)
		if err != nil {
			return fmt.Errorf("curvature: row %d: %w", w.before.row, err)
		}
		o := w.single()
		o.TraceSamples, o.DensityRuns = -1, 1
		before, err := Compute(ctx, s.Theta, w.gradient, o)
		switch {
		case isNotFinite(err):
			w.finite = false // another worker's row
		case err != nil:
			return fmt.Errorf("curvature: row %d again: %w", w.before.row, err)
		default:
			w.top = before.vectors()
		}
	}
	now := r.vectors()
	if w.before != nil && w.finite && w.top != nil {
		s := 0.0
		for _, a := range w.top {
			for _, b := range now {
				c := dot32(a, b)
				s += float64(c * c)
			}
		}
		v.set("overlap", record.Some(s/math.Max(1, float64(min(len(now), len(w.top))))))
	}
	w.top = now
	return nil
}

func (r *Result) vectors() [][]float32 {
	var v [][]float32
	for _, p := range r.Top {
		v = append(v, p.Vector)
	}
	return v
}
