package landscape

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// projected is the path on the plane.
type projected struct {
	run      record.Trajectory
	rows     []int // row of the run
	steps    []int64
	epochs   []int64
	a, b     []float64
	residual []float64
	compared []int // indices of the iterates to compare, in order

	planeLoss, trueLoss []record.Optional
}

// Projection is where the chosen iterates of a path lie on a plane, in their
// order: one element an iterate in each slice. Coordinates are multiples of the
// plane's directions.
type Projection struct {
	Rows          []int // of the recording
	Steps, Epochs []int64
	A, B          []float64
	Residual      []float64 // distance from the plane
}

// Project finds where the iterates of Options.Path, as Options.Rows chooses them,
// lie on the plane, as Compute does. Given to Compute as Options.Projection they
// are not read again.
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
	return &Projection{Rows: l.rows, Steps: l.steps, Epochs: l.epochs, A: l.a, B: l.b, Residual: l.residual}, nil
}

// project takes the chosen iterates of the path to the plane.
func project(ctx context.Context, p *analyze.Plane, o *Options) (*projected, error) {
	l := &projected{run: o.Path}
	if o.Path == nil {
		return l, nil
	}
	if k := o.Projection; k != nil {
		l.rows, l.steps, l.epochs, l.a, l.b, l.residual = k.Rows, k.Steps, k.Epochs, k.A, k.B, k.Residual
		l.compare(o)
		return l, nil
	}
	h := o.Path.Header()
	switch {
	case !h.Columns.Theta:
		return nil, fmt.Errorf("landscape: the run does not record theta; a path needs its iterates")
	case h.Layout.Len() != p.Len():
		return nil, fmt.Errorf("landscape: the run has %d parameters, the plane has %d; they must be of one model", h.Layout.Len(), p.Len())
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
		l.rows = append(l.rows, i)
		l.steps, l.epochs = append(l.steps, s.Step), append(l.epochs, int64(s.Epoch))
		l.a, l.b, l.residual = append(l.a, a), append(l.b, b), append(l.residual, residual)
	}
	if rule, ok := o.Rows.Unmatched(seen); ok {
		return nil, fmt.Errorf("landscape: rows has %q, which is no step of the recording of %d rows", rule, o.Path.Len())
	}
	if len(l.rows) == 0 {
		return nil, fmt.Errorf("landscape: none of the recording's %d rows is chosen and has theta; a path needs one", o.Path.Len())
	}
	l.compare(o)
	return l, nil
}

// compare chooses the iterates whose losses are compared.
func (l *projected) compare(o *Options) {
	l.compared = analyze.Spread(len(l.rows), o.Compared)
	l.planeLoss, l.trueLoss = make([]record.Optional, len(l.rows)), make([]record.Optional, len(l.rows))
}

// around returns the ranges of the grid, those without bounds put around the
// path.
func (l *projected) around(o *Options) (x, y analyze.Range, err error) {
	x, y = o.X, o.Y
	if !automatic(x) && !automatic(y) {
		return x, y, nil
	}
	a, b := slices.Clone(l.a), slices.Clone(l.b)
	for _, p := range o.Around {
		a, b = append(a, p[0]), append(b, p[1])
	}
	aMin, aMax := extent(a)
	bMin, bMax := extent(b)
	if math.IsInf(aMin, 1) || math.IsInf(bMin, 1) {
		return x, y, fmt.Errorf("landscape: none of the path's %d iterates is finite; the ranges must be given", len(l.rows))
	}
	// A path that does not move along an axis gets the width of the other one, and
	// a single point a square of side 2.
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

func widen(r analyze.Range, low, high, fallback, margin float64) analyze.Range {
	if !automatic(r) {
		return r
	}
	width := high - low
	if width == 0 {
		return analyze.Range{Min: low - fallback/2, Max: high + fallback/2, N: r.N}
	}
	return analyze.Range{Min: low - margin*width, Max: high + margin*width, N: r.N}
}

// extent returns the smallest and the largest finite value; +Inf and -Inf when
// there is none.
func extent(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v-v == 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// Every compared iterate has two units. Their indices are negative: cells have the others.
// The k-th compared iterate has -1-2k, the loss at its projection, and -2-2k, the loss at
// the iterate itself.

// units returns them. An iterate that is not finite has no projection, and its loss is
// not evaluated either.
func (l *projected) units() []job.Unit {
	var units []job.Unit
	for k, i := range l.compared {
		if l.a[i]-l.a[i] == 0 && l.b[i]-l.b[i] == 0 {
			units = append(
				units,
				job.Unit{Name: fmt.Sprintf("projection %d", l.rows[i]), Index: -1 - 2*k},
				job.Unit{Name: fmt.Sprintf("iterate %d", l.rows[i]), Index: -2 - 2*k},
			)
		}
	}
	return units
}

// of returns the iterate of a unit, and whether the unit is its projection.
func (l *projected) of(u job.Unit) (i int, projection bool) {
	return l.compared[(-1-u.Index)/2], u.Index%2 != 0
}

// at returns the coordinates of the projection.
func (l *projected) at(u job.Unit) (a, b float64) {
	i, _ := l.of(u)
	return l.a[i], l.b[i]
}

// set puts the loss of a unit.
func (l *projected) set(u job.Unit, loss float64) {
	if i, projection := l.of(u); projection {
		l.planeLoss[i] = record.Some(loss)
	} else {
		l.trueLoss[i] = record.Some(loss)
	}
}

// point puts the point of a unit into the worker's theta.
func (l *projected) point(u job.Unit, w *worker) error {
	i, projection := l.of(u)
	if projection {
		w.plane.Point(l.a[i], l.b[i], w.theta)
		return nil
	}
	theta, err := record.ThetaOf(l.run, l.rows[i])
	if err != nil {
		return fmt.Errorf("row %d: %w", l.rows[i], err)
	}
	// A copy: the views belong to the trajectory, and it may be a mapped file.
	copy(w.theta, theta)
	return nil
}

func (l *projected) table() record.Table {
	rows := make([]int64, len(l.rows))
	for i, r := range l.rows {
		rows[i] = int64(r)
	}
	t := record.Table{Columns: []record.Column{
		column.Ints("row", rows), column.Ints("step", l.steps), column.Ints("epoch", l.epochs),
	}}
	for _, c := range []struct {
		name   string
		values []float64
	}{{"a", l.a}, {"b", l.b}, {"residual", l.residual}} {
		t.Columns = append(t.Columns, record.Column{Name: c.name, Floats: append([]float64{}, c.values...)})
	}
	for _, c := range []struct {
		name   string
		values []record.Optional
	}{{"plane_loss", l.planeLoss}, {"true_loss", l.trueLoss}} {
		var f column.Floats
		for _, v := range c.values {
			f.Add(v)
		}
		t.Columns = append(t.Columns, f.Column(c.name))
	}
	return t
}
