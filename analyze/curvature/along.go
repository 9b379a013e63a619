package curvature

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// AlongOptions of Along. The zero value chooses every row, which is seldom what
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
		return fmt.Errorf("curvature: along a run, directions has %d vectors; leave it empty: Along uses the "+
			"directions of the run", len(o.Each.Directions))
	case o.Each.LearningRate != 0:
		return fmt.Errorf("curvature: along a run, learning rate is %v; it must be 0: Along uses the learning rate "+
			"of the row", o.Each.LearningRate)
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
	o.Each.DensityProbes = -1 // nothing along a run shows it
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
	noRate string // why LearningRate is absent
}

// Job is the curvature along a run, divided into the chosen rows.
type Job struct {
	*walker
	header *record.Header
}

var _ job.Job[*Run] = (*Job)(nil)

// NewJob returns the job that Along runs, with the same arguments. It reads the scalars
// of every row. Progress and Store of Each are not used: they are the driver's.
func NewJob(t record.Trajectory, g analyze.Gradient, opts AlongOptions) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.effective(t.Header())
	places, err := choose(t, opts.Rows)
	if err != nil {
		return nil, err
	}
	none := vectorsAt{place: -1}
	w := &walker{run: t, gradient: g, opts: &opts, places: places, heads: heads(places), last: none, head: none}
	return &Job{w, t.Header()}, nil
}

// Along computes the curvature at the chosen rows of a run. Inner iterates of
// optimizers with inner loops are left out. A row where the gradient is not
// finite is kept, without values, and counted. The vectors of two rows and two
// sets of eigenvectors are held at a time.
//
// It returns an error when the options or the selection are wrong, when a row
// cannot be read, when the gradient or the store fails, and the context's error
// when it was cancelled; finished rows are then in the store.
func Along(ctx context.Context, t record.Trajectory, g analyze.Gradient, opts AlongOptions) (*Run, error) {
	j, err := NewJob(t, g, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Each.Store, Progress: opts.Each.Progress})
}

// Units returns the rows.
func (w *walker) Units() []job.Unit {
	units := make([]job.Unit, len(w.places))
	for i, p := range w.places {
		units[i] = job.Unit{Name: "row " + strconv.Itoa(p.row), Index: i}
	}
	return units
}

// Fits reports whether values can belong to a row.
func (w *walker) Fits(_ job.Unit, packed []float64) bool {
	_, ok := unpack(packed)
	return ok
}

// Evaluate computes the curvature at rows.
func (w *walker) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for _, u := range units {
		v, err := w.row(ctx, u.Index)
		if err != nil {
			return err
		}
		if err := save(u, v.pack()); err != nil {
			return fmt.Errorf("curvature: %s: %w", u.Name, err)
		}
	}
	return nil
}

// Finish makes the tables and the summary of the rows that are available.
func (j *Job) Finish(ctx context.Context, stored job.Values) (*Run, error) {
	r := &Run{}
	_, r.inexact = analyze.ExactHessian(j.gradient)
	var there []place
	err := stored(ctx, "curvature", j.Units(), func(u job.Unit, packed []float64) error {
		v, _ := unpack(packed)
		there, r.rows = append(there, j.places[u.Index]), append(r.rows, v)
		return nil
	})
	if err == nil && len(there) == 0 {
		err = fmt.Errorf("curvature: none of the %d rows is available: %w", len(j.places), job.ErrIncomplete)
	}
	if err != nil {
		return nil, err
	}
	r.absent = j.absent
	r.finish(there, j.header, j.opts)
	return r, nil
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
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("curvature: row %d: %w", i, err)
		}
		if s.Substep > 0 {
			continue
		}
		s.Theta, s.Grad, s.State = nil, nil, nil
		all = append(all, s)
		if rows.Contains(s.Step, s.Epoch) {
			places = append(places, place{row: i, Step: s})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("curvature: all %d rows are inner iterates; at least one with substep 0 is needed",
			t.Len())
	}
	if rule, ok := rows.Unmatched(all); ok {
		return nil, fmt.Errorf("curvature: rows %q: the recording has no such row; it has steps %d to %d", rule,
			all[0].Step, all[len(all)-1].Step)
	}
	for i := range places {
		p := &places[i]
		rate, absent, err := RateAt(t, p.row)
		if err != nil {
			return nil, err
		}
		p.LearningRate, p.noRate = record.Optional{Value: rate, Valid: absent == ""}, absent
	}
	return places, nil
}

// maxChain is the most rows of consecutive steps that start from one row's
// eigenvectors.
const maxChain = 8

// heads returns for every place the index of the place whose eigenvectors it starts
// from: the first of up to maxChain consecutive steps. That one starts from random
// vectors. So the values of a row depend on two rows alone, not on which worker
// computed them or where the work was interrupted.
func heads(places []place) []int {
	out := make([]int, len(places))
	for i := range places {
		out[i] = i
		if i > 0 && places[i].Step.Step == places[i-1].Step.Step+1 && i-out[i-1] < maxChain {
			out[i] = out[i-1]
		}
	}
	return out
}

// walker computes one row after the other and remembers the eigenvectors of two: of
// the last row and of the head of its chain.
type walker struct {
	run      record.Trajectory
	gradient analyze.Gradient
	opts     *AlongOptions
	places   []place
	heads    []int
	last     vectorsAt
	head     vectorsAt
	absent   string // why the last computed row has no preconditioner
}

// vectorsAt is the eigenvectors at a place.
type vectorsAt struct {
	place       int // index, -1 without any
	top, bottom [][]float32
	finite      bool
}

// row computes the values of one place.
func (w *walker) row(ctx context.Context, i int) (v values, err error) {
	p := &w.places[i]
	if err := w.prepare(ctx, i); err != nil {
		return v, err
	}
	before := w.last
	r, err := w.compute(ctx, i, w.single())
	switch {
	case isNotFinite(err):
		return values{}.filled(), nil
	case err != nil:
		return v, fmt.Errorf("curvature: step %d (row %d): %w", p.Step.Step, p.row, err)
	}
	v = newValues(r, p)
	v.set("critical_sharpness", r.critical)
	if i > 0 && before.finite {
		v.set("overlap", record.Some(overlap(before.top, w.last.top)))
	}
	return v, nil
}

// prepare computes the eigenvectors that row i needs, unless they are at hand: those at
// the head of its chain and those at the place before. A store keeps numbers, not
// vectors.
func (w *walker) prepare(ctx context.Context, i int) error {
	for _, need := range []int{w.heads[i], i - 1} {
		if need < 0 || need == i || need == w.last.place || need == w.head.place && need != i-1 {
			continue
		}
		if need != w.heads[need] && w.head.place != w.heads[need] {
			if err := w.vectors(ctx, w.heads[need]); err != nil {
				return err
			}
		}
		if err := w.vectors(ctx, need); err != nil {
			return err
		}
	}
	return nil
}

// vectors computes the eigenvectors at a place again, without trace.
func (w *walker) vectors(ctx context.Context, i int) error {
	o := w.single()
	o.TraceSamples, o.DensityProbes = -1, -1
	if _, err := w.compute(ctx, i, o); err != nil && !isNotFinite(err) {
		return fmt.Errorf("curvature: step %d (row %d) again: %w", w.places[i].Step.Step, w.places[i].row, err)
	}
	return nil
}

// overlap returns tr(P P')/k of two spaces of k vectors: 1 when they are one space.
func overlap(a, b [][]float32) float64 {
	s := 0.0
	for _, u := range a {
		for _, v := range b {
			c := dot32(u, v)
			s += float64(c * c)
		}
	}
	return s / math.Max(1, float64(min(len(a), len(b))))
}

// compute makes the whole computation at a place and remembers the eigenvectors.
func (w *walker) compute(ctx context.Context, i int, o Options) (r *Result, err error) {
	defer func() {
		at := vectorsAt{place: i}
		if r != nil {
			at.top, at.bottom, at.finite = vectorsOf(r.Top), vectorsOf(r.Bottom), true
		}
		w.last = at
		if w.heads[i] == i {
			w.head = at
		}
	}()
	if h := w.heads[i]; h != i && w.head.place == h {
		o.Start = slices.Concat(w.head.top, w.head.bottom)
	}
	return w.at(ctx, &w.places[i], o)
}

// at computes the curvature at a row with the directions of the run.
func (w *walker) at(ctx context.Context, p *place, o Options) (*Result, error) {
	s, err := w.run.Read(p.row, record.AllParts)
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
	o.LearningRate, o.NoRate = p.LearningRate.Value, p.noRate
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
	if w.opts.Preconditioner != nil && o.Edge.Preconditioned {
		if o.Preconditioner, o.PreconditionerAbsent, err = w.opts.Preconditioner.Preconditioner(ctx,
			p.row); err != nil {
			return nil, err
		}
		w.absent = o.PreconditionerAbsent
	}
	r, err := Compute(ctx, s.Theta, w.gradient, o)
	if err != nil || d == nil {
		return r, err
	}
	r.critical, _, err = CriticalSharpness(ctx, w.gradient, s.Theta, d, r.Loss, o.LearningRate)
	return r, err
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
		next, err := w.run.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		if next.Substep > 0 {
			continue
		}
		if next.Step != p.Step.Step+1 {
			return nil, nil
		}
		to, err := record.ThetaOf(w.run, i)
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

func vectorsOf(pairs []Pair) [][]float32 {
	var v [][]float32
	for _, p := range pairs {
		v = append(v, p.Vector)
	}
	return v
}
