package landscape

import (
	"context"
	"fmt"
	"math"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// pathRow is a row of Result.Path, which defines the columns.
type pathRow struct {
	Row       int             `col:"row"`
	Step      int64           `col:"step"`
	Epoch     int64           `col:"epoch"`
	A         float64         `col:"a"`
	B         float64         `col:"b"`
	Residual  float64         `col:"residual"`
	PlaneLoss record.Optional `col:"plane_loss"`
	TrueLoss  record.Optional `col:"true_loss"`
}

// isFinite reports whether the iterate has a projection.
func (r *pathRow) isFinite() bool { return r.A-r.A == 0 && r.B-r.B == 0 }

// planePath is the path on the plane.
type planePath struct {
	run      record.Trajectory
	rows     []pathRow
	compared []int // indices of the compared iterates in rows, in order
}

// Projection has the projections of the selected iterates of a path onto a plane, in their
// order. Every slice has one element per iterate. Coordinates are multiples of the
// directions of the plane.
type Projection struct {
	Rows          []int // of the recording
	Steps, Epochs []int64
	A, B          []float64
	Residual      []float64 // distance from the plane
}

// Project projects the iterates of Options.Path that Options.Rows selects onto the plane, as
// Compute does. Compute does not read the iterates again when it gets the result as
// Options.Projection.
func Project(ctx context.Context, p analyze.Plane, opts Options) (*Projection, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	o := opts.Effective()
	o.Projection = nil
	l, err := project(ctx, &p, &o)
	if err != nil {
		return nil, err
	}
	k := &Projection{}
	for _, r := range l.rows {
		k.Rows, k.Steps, k.Epochs = append(k.Rows, r.Row), append(k.Steps, r.Step), append(k.Epochs, r.Epoch)
		k.A, k.B, k.Residual = append(k.A, r.A), append(k.B, r.B), append(k.Residual, r.Residual)
	}
	return k, nil
}

// project projects the selected iterates of the path onto the plane. It reads theta of the
// selected rows only.
func project(ctx context.Context, p *analyze.Plane, o *Options) (*planePath, error) {
	l := &planePath{run: o.Path}
	if o.Path == nil {
		return l, nil
	}
	if k := o.Projection; k != nil {
		for i, row := range k.Rows {
			l.rows = append(l.rows, pathRow{
				Row: row, Step: k.Steps[i], Epoch: k.Epochs[i], A: k.A[i], B: k.B[i], Residual: k.Residual[i],
			})
		}
		l.chooseCompared(o)
		return l, nil
	}
	h := o.Path.Header()
	switch {
	case !h.Columns.Theta:
		return nil, fmt.Errorf("landscape: the run recorded no theta; a path needs the iterates")
	case h.Layout.Len() != p.Len():
		return nil, fmt.Errorf("landscape: the run has %d parameters and the plane has %d; they must be of the same model",
			h.Layout.Len(), p.Len())
	}
	o.Progress.Begin("projection", o.Path.Len())
	var seen []record.Step
	for i := range o.Path.Len() {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("landscape: stopped at row %d: %w", i, err)
		}
		s, err := o.Path.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("landscape: row %d: %w", i, err)
		}
		o.Progress.Add(1)
		if s.Substep != 0 {
			continue
		}
		seen = append(seen, record.Step{Step: s.Step, Epoch: s.Epoch})
		if !o.Rows.Contains(s.Step, s.Epoch) {
			continue
		}
		theta, err := record.ThetaOf(o.Path, i)
		switch {
		case err != nil:
			return nil, fmt.Errorf("landscape: row %d: %w", i, err)
		case theta == nil:
			continue
		}
		a, b, residual := p.Project(theta)
		l.rows = append(l.rows, pathRow{
			Row: i, Step: s.Step, Epoch: int64(s.Epoch), A: a, B: b, Residual: residual,
		})
	}
	if rule, ok := o.Rows.Unmatched(seen); ok {
		return nil, fmt.Errorf("landscape: rows has %q, which is not a step of the recording of %d rows",
			rule, o.Path.Len())
	}
	if len(l.rows) == 0 {
		return nil, fmt.Errorf("landscape: no selected row among the %d rows of the recording has theta; a path needs at "+
			"least one", o.Path.Len())
	}
	l.chooseCompared(o)
	return l, nil
}

// chooseCompared chooses the iterates whose losses are compared.
func (l *planePath) chooseCompared(o *Options) {
	l.compared = analyze.Spread(len(l.rows), o.Compared)
}

// ranges returns the ranges of the grid. It puts ranges without bounds around the path.
func (l *planePath) ranges(o *Options) (x, y analyze.Range, err error) {
	x, y = o.X, o.Y
	if !isAutomatic(x) && !isAutomatic(y) {
		return x, y, nil
	}
	var a, b []float64
	for _, r := range l.rows {
		a, b = append(a, r.A), append(b, r.B)
	}
	for _, p := range o.Around {
		a, b = append(a, p[0]), append(b, p[1])
	}
	aMin, aMax := extent(a)
	bMin, bMax := extent(b)
	if math.IsInf(aMin, 1) || math.IsInf(bMin, 1) {
		return x, y, fmt.Errorf("landscape: none of the %d iterates of the path is finite; set the bounds of both ranges",
			len(l.rows))
	}
	// A path that does not move along one axis gets the width of the other axis. A single
	// point gets a square of side 2.
	fallback := max(aMax-aMin, bMax-bMin)
	if fallback == 0 {
		fallback = 2
	}
	x, y = widen(x, aMin, aMax, fallback, o.Margin), widen(y, bMin, bMax, fallback, o.Margin)
	for _, r := range []analyze.Range{x, y} {
		if err := r.Validate(); err != nil {
			return x, y, fmt.Errorf("landscape: around the path: %s", strings.TrimPrefix(err.Error(), "analyze: "))
		}
	}
	return x, y, nil
}

// widen returns the range from low to high with the margin on both sides, or r if it has
// bounds.
func widen(r analyze.Range, low, high, fallback, margin float64) analyze.Range {
	if !isAutomatic(r) {
		return r
	}
	width := high - low
	if width == 0 {
		return analyze.Range{Min: low - fallback/2, Max: high + fallback/2, N: r.N}
	}
	return analyze.Range{Min: low - margin*width, Max: high + margin*width, N: r.N}
}

// extent returns the smallest and the largest finite value, or +Inf and -Inf without a
// finite value.
func extent(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v-v == 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// units returns two units for the k-th compared iterate: the loss at its projection has the
// index -1-2k, and the loss at the iterate has the index -2-2k. Indices of at least 0 belong
// to cells. An iterate that is not finite has no projection and no units.
func (l *planePath) units() []job.Unit {
	var units []job.Unit
	for k, i := range l.compared {
		if r := &l.rows[i]; r.isFinite() {
			units = append(
				units,
				job.Unit{Name: fmt.Sprintf("projection %d", r.Row), Index: -1 - 2*k},
				job.Unit{Name: fmt.Sprintf("iterate %d", r.Row), Index: -2 - 2*k},
			)
		}
	}
	return units
}

// iterateOf returns the row of a unit, and whether the unit is the projection.
func (l *planePath) iterateOf(u job.Unit) (r *pathRow, projection bool) {
	return &l.rows[l.compared[(-1-u.Index)/2]], u.Index%2 != 0
}

// projection returns the coordinates of the projection of the iterate of a unit.
func (l *planePath) projection(u job.Unit) (a, b float64) {
	r, _ := l.iterateOf(u)
	return r.A, r.B
}

// set stores the loss of a unit.
func (l *planePath) set(u job.Unit, loss float64) {
	if r, projection := l.iterateOf(u); projection {
		r.PlaneLoss = record.Some(loss)
	} else {
		r.TrueLoss = record.Some(loss)
	}
}

// setTheta sets theta of the evaluator to the point of a unit.
func (l *planePath) setTheta(u job.Unit, w *evaluator) error {
	r, projection := l.iterateOf(u)
	if projection {
		w.plane.Point(r.A, r.B, w.theta)
		return nil
	}
	theta, err := record.ThetaOf(l.run, r.Row)
	if err != nil {
		return fmt.Errorf("row %d: %w", r.Row, err)
	}
	// The loss may change theta, and theta of the trajectory may be a mapped file.
	copy(w.theta, theta)
	return nil
}
