package landscape

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Result is the loss on the plane and the path over it.
type Result struct {
	Plane analyze.Plane
	Grid  *Grid
	// Contours are the levels that the grid was refined around; nil without
	// refinement.
	Contours []float64

	Table record.Table // one row a cell: i, j, a, b, loss, further measures, valid; i runs fastest
	// Path has one row an iterate: row, step, epoch, a, b, residual, and where they
	// were compared plane_loss (at the projection) and true_loss (at the iterate).
	// Without a path it has no rows.
	Path     record.Table
	Summary  Summary
	Warnings []analyze.Warning
}

// Compute evaluates the loss at the grid points of the plane and at two points
// for each compared iterate. loss need not be safe for concurrent use. A loss
// that is an analyze.Planar is evaluated as one, unless Options.Plain.
//
// When the work ends early, by ctx or by an error of the loss or the store, the
// result has everything evaluated so far and the error says where it stopped:
// both are returned, and so they are when the store is an analyze.Part and has
// left cells to other workers; nothing is refined then. For any other error the result is nil. A loss that is NaN
// or infinite is a value.
func Compute(ctx context.Context, p analyze.Plane, loss analyze.Loss, opts Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if p.Len() == 0 {
		return nil, fmt.Errorf("landscape: the plane has no parameters; make one with analyze.NewPlane or pca")
	}
	o := opts.Effective()
	path, err := project(ctx, &p, &o)
	if err != nil {
		return nil, err
	}
	x, y, err := path.around(&o)
	if err != nil {
		return nil, err
	}
	w := &worker{plane: &p, loss: loss, o: &o, theta: make([]float32, p.Len())}
	if err := w.prepare(); err != nil {
		return nil, err
	}
	stride := 1 << o.Refine
	g := newGrid(refined(x, stride), refined(y, stride), w.names)
	cells := coarseToFine(x.N, y.N)
	for i := range cells {
		cells[i][0], cells[i][1] = stride*cells[i][0], stride*cells[i][1]
	}
	r := &Result{Plane: p, Grid: g}
	o.Progress.Begin("landscape", len(cells)+2*len(path.compared))
	planned := len(cells)
	err = w.path(ctx, path)
	if err == nil {
		err = w.grid(ctx, g, cells)
	}
	for ; stride > 1 && err == nil && w.elsewhere == 0; stride /= 2 {
		if r.Contours == nil {
			r.Contours = o.levels(g)
		}
		cells := g.around(r.Contours, stride)
		o.Progress.Begin("refinement", len(cells))
		planned += len(cells)
		err = w.grid(ctx, g, cells)
	}
	r.Table, r.Path = g.table(), path.table()
	r.Summary = summarize(&p, g, path)
	markDifferences(r.Summary.Also, o.Measures)
	r.Summary.Shared, r.Summary.Planned, r.Summary.Base = w.shared, planned, [2]int{x.N, y.N}
	r.Warnings = warnings(&r.Summary, o.Path)
	if err == nil && w.elsewhere > 0 {
		err = fmt.Errorf("landscape: %d cells and losses at iterates: %w", w.elsewhere, analyze.ErrElsewhere)
	}
	return r, err
}

// worker evaluates points, or finds them in the store.
type worker struct {
	plane   *analyze.Plane
	loss    analyze.Loss
	o       *Options
	theta   []float32 // the point under evaluation
	names   []string  // of what is measured beside the loss
	sources []source
	batch   int  // cells that are evaluated together
	shared  bool // whether points share work

	elsewhere int // units that other workers evaluate
}

// grid evaluates cells in their order, some at a time.
func (w *worker) grid(ctx context.Context, g *Grid, cells [][2]int) error {
	var wait []cell
	for k, c := range cells {
		at := cell{i: c[0], j: c[1], a: g.A[c[0]], b: g.B[c[1]]}
		// The coordinates are stored with the values: an automatic range moves when
		// the run has grown, and a loss from another place must not be taken for this
		// one.
		v, ok := w.o.Store.Lookup(at.name())
		if ok && len(v) == 3+len(w.names) && v[0] == at.a && v[1] == at.b {
			g.set(at.i, at.j, v[2:])
			w.o.Progress.Add(1)
		} else if analyze.Elsewhere(w.o.Store, at.name()) {
			w.elsewhere++
		} else {
			wait = append(wait, at)
		}
		if len(wait) < w.batch && (k+1 < len(cells) || len(wait) == 0) {
			continue
		}
		if err := w.evaluate(ctx, g, wait); err != nil {
			return err
		}
		wait = wait[:0]
	}
	return nil
}

// cell is a grid point.
type cell struct {
	i, j int
	a, b float64
}

func (c cell) name() string { return fmt.Sprintf("cell %d %d", c.i, c.j) }

// evaluate evaluates and stores some cells.
func (w *worker) evaluate(ctx context.Context, g *Grid, cells []cell) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("landscape: stopped at %s: %w", cells[0].name(), err)
	}
	a, b := make([]float64, len(cells)), make([]float64, len(cells))
	for k, c := range cells {
		a[k], b[k] = c.a, c.b
	}
	var values [][]float64 // of each source's names, all cells
	for _, s := range w.sources {
		columns := make([][]float64, s.width)
		for k := range columns {
			columns[k] = make([]float64, len(cells))
		}
		if err := s.at(ctx, a, b, columns); err != nil {
			return failure(err, cells[0].name())
		}
		values = append(values, columns...)
	}
	for k, c := range cells {
		v := []float64{c.a, c.b}
		for _, column := range values {
			v = append(v, column[k])
		}
		if err := w.o.Store.Save(c.name(), v); err != nil {
			return fmt.Errorf("landscape: %s: %w", c.name(), err)
		}
		g.set(c.i, c.j, v[2:])
		w.o.Progress.Add(1)
	}
	return nil
}

// failure tells an interruption from an error of the loss.
func failure(err error, unit string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("landscape: stopped at %s: %w", unit, err)
	}
	return fmt.Errorf("landscape: %s: %w", unit, err)
}

// unit returns the loss of one point of the path, which fill puts into theta;
// absent when another worker evaluates it.
func (w *worker) unit(ctx context.Context, name string, a, b float64, fill func() error) (loss record.Optional, err error) {
	if v, ok := w.o.Store.Lookup(name); ok && len(v) == 3 && v[0] == a && v[1] == b {
		w.o.Progress.Add(1)
		return record.Some(v[2]), nil
	}
	if analyze.Elsewhere(w.o.Store, name) {
		w.elsewhere++
		return loss, nil
	}
	if err := ctx.Err(); err != nil {
		return loss, fmt.Errorf("landscape: stopped at %s: %w", name, err)
	}
	if err := fill(); err != nil {
		return loss, err
	}
	v, err := w.loss.Loss(ctx, w.theta)
	if err != nil {
		return loss, failure(err, name)
	}
	if err := w.o.Store.Save(name, []float64{a, b, v}); err != nil {
		return loss, fmt.Errorf("landscape: %s: %w", name, err)
	}
	w.o.Progress.Add(1)
	return record.Some(v), nil
}
