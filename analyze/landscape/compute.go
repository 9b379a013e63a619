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

	Table record.Table // one row a cell: i, j, a, b, loss, valid; i runs fastest
	// Path has one row an iterate: row, step, epoch, a, b, residual, and where they
	// were compared plane_loss (at the projection) and true_loss (at the iterate).
	// Without a path it has no rows.
	Path     record.Table
	Summary  Summary
	Warnings []analyze.Warning
}

// Compute evaluates the loss at nx*ny points of the plane and at two points for
// each compared iterate, one at a time, so that loss need not be safe for
// concurrent use.
//
// When the work ends early, by ctx or by an error of the loss or the store, the
// result has everything evaluated so far and the error says where it stopped:
// both are returned. For any other error the result is nil. A loss that is NaN
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
	g := newGrid(x, y)
	cells := coarseToFine(x.N, y.N)
	o.Progress.Begin("landscape", len(cells)+2*len(path.compared))
	err = w.path(ctx, path)
	if err == nil {
		err = w.grid(ctx, g, cells)
	}
	r := &Result{Plane: p, Grid: g, Table: g.table(), Path: path.table()}
	r.Summary = summarize(&p, g, path)
	r.Warnings = warnings(&r.Summary, o.Path)
	return r, err
}

// worker evaluates points, or finds them in the store.
type worker struct {
	plane *analyze.Plane
	loss  analyze.Loss
	o     *Options
	theta []float32 // the point under evaluation
}

func (w *worker) grid(ctx context.Context, g *Grid, cells [][2]int) error {
	for _, c := range cells {
		i, j := c[0], c[1]
		a, b := g.A[i], g.B[j]
		v, err := w.unit(ctx, fmt.Sprintf("cell %d %d", i, j), a, b, func() { w.plane.Point(a, b, w.theta) })
		if err != nil {
			return err
		}
		g.Loss[g.Cell(i, j)], g.Valid[g.Cell(i, j)] = v, true
	}
	return nil
}

// unit returns the loss of a unit of work at the coordinates a and b. They are
// stored with it: an automatic range moves when the run has grown, and a loss
// from another place must not be taken for this one.
func (w *worker) unit(ctx context.Context, name string, a, b float64, fill func()) (float64, error) {
	if v, ok := w.o.Store.Lookup(name); ok && len(v) == 3 && v[0] == a && v[1] == b {
		w.o.Progress.Add(1)
		return v[2], nil
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("landscape: stopped at %s: %w", name, err)
	}
	fill()
	v, err := w.loss.Loss(ctx, w.theta)
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return 0, fmt.Errorf("landscape: stopped at %s: %w", name, err)
	case err != nil:
		return 0, fmt.Errorf("landscape: %s: %w", name, err)
	}
	if err := w.o.Store.Save(name, []float64{a, b, v}); err != nil {
		return 0, fmt.Errorf("landscape: %s: %w", name, err)
	}
	w.o.Progress.Add(1)
	return v, nil
}

func (g *Grid) table() record.Table {
	n := len(g.Loss)
	i, j := make([]int64, n), make([]int64, n)
	a, b := make([]float64, n), make([]float64, n)
	for c := range n {
		i[c], j[c] = int64(c%len(g.A)), int64(c/len(g.A))
		a[c], b[c] = g.A[i[c]], g.B[j[c]]
	}
	return record.Table{Columns: []record.Column{
		{Name: "i", Ints: i},
		{Name: "j", Ints: j},
		{Name: "a", Floats: a},
		{Name: "b", Floats: b},
		{Name: "loss", Floats: g.Loss, Valid: g.Valid},
		{Name: "valid", Bools: g.Valid},
	}}
}
