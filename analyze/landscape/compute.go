package landscape

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
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

// Job is a landscape divided into units: the cells of the grid before refinement and two
// losses for each compared iterate. What the refinement adds depends on these.
type Job struct {
	plane  *analyze.Plane
	o      Options
	worker *worker
	path   *projected
	grid   *Grid
	x, y   analyze.Range
	stride int // of the cells before refinement
	units  []job.Unit
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Compute runs, with the same arguments. It projects the
// path unless Options.Projection has it. Store is not used: it is the driver's.
func NewJob(ctx context.Context, p analyze.Plane, loss analyze.Loss, opts Options) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if p.Len() == 0 {
		return nil, fmt.Errorf("landscape: the plane has no parameters; make one with analyze.NewPlane or pca")
	}
	j := &Job{plane: &p, o: opts.Effective()}
	var err error
	if j.path, err = project(ctx, j.plane, &j.o); err != nil {
		return nil, err
	}
	if j.x, j.y, err = j.path.around(&j.o); err != nil {
		return nil, err
	}
	j.worker = &worker{plane: j.plane, loss: loss, o: &j.o, theta: make([]float32, p.Len())}
	if err := j.worker.prepare(); err != nil {
		return nil, err
	}
	j.stride = 1 << j.o.Refine
	j.grid = newGrid(refined(j.x, j.stride), refined(j.y, j.stride), j.worker.names)
	j.units = j.path.units()
	for _, c := range coarseToFine(j.x.N, j.y.N) {
		j.units = append(j.units, j.grid.unit(j.stride*c[0], j.stride*c[1]))
	}
	return j, nil
}

// Compute evaluates the loss at the grid points of the plane and at two points
// for each compared iterate. loss need not be safe for concurrent use. A loss
// that is an analyze.Planar is evaluated as one, unless Options.Plain.
//
// When the work ends early, by ctx or by an error of the loss or the store, the
// result has everything evaluated so far and the error says where it stopped:
// both are returned. For any other error the result is nil. A loss that is NaN
// or infinite is a value.
func Compute(ctx context.Context, p analyze.Plane, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(ctx, p, loss, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Units returns the losses at iterates and the cells, from coarse to fine.
func (j *Job) Units() []job.Unit { return j.units }

// Fits reports whether values were measured at the point of the unit. The coordinates
// are stored with the values: an automatic range moves when the run has grown, and a
// loss from another place must not be taken for this one.
func (j *Job) Fits(u job.Unit, values []float64) bool {
	if u.Index < 0 {
		a, b := j.path.at(u)
		return len(values) == 3 && values[0] == a && values[1] == b
	}
	a, b := j.grid.at(u.Index)
	return len(values) == 3+len(j.worker.names) && values[0] == a && values[1] == b
}

// Evaluate evaluates losses at iterates one by one and cells some at a time.
func (j *Job) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for len(units) > 0 && units[0].Index < 0 {
		if err := j.worker.iterate(ctx, j.path, units[0], save); err != nil {
			return err
		}
		units = units[1:]
	}
	return j.worker.cells(ctx, units, j.grid.at, save)
}

// Finish refines the grid and makes tables and summary. A grid that has not all of its
// cells is not refined.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	g, missing := j.grid, len(j.units)
	r := &Result{Plane: *j.plane, Grid: g}
	err := values(ctx, "landscape", j.units, func(u job.Unit, v []float64) error {
		if missing--; u.Index < 0 {
			j.path.set(u, v[2])
		} else {
			g.set(u.Index, v[2:])
		}
		return nil
	})
	planned := j.x.N * j.y.N
	for stride := j.stride; stride > 1 && err == nil && missing == 0; stride /= 2 {
		if r.Contours == nil {
			r.Contours = j.o.levels(g)
		}
		var units []job.Unit
		for _, c := range g.around(r.Contours, stride) {
			units = append(units, g.unit(c[0], c[1]))
		}
		planned += len(units)
		err = values(ctx, "refinement", units, func(u job.Unit, v []float64) error {
			g.set(u.Index, v[2:])
			return nil
		})
	}
	r.Table, r.Path = g.table(), j.path.table()
	r.Summary = summarize(j.plane, g, j.path)
	markDifferences(r.Summary.Also, j.o.Measures)
	r.Summary.Shared, r.Summary.Planned, r.Summary.Base = j.worker.shared, planned, [2]int{j.x.N, j.y.N}
	r.Warnings = warnings(&r.Summary, j.o.Path)
	return r, err
}

// worker evaluates points of a plane.
type worker struct {
	plane   *analyze.Plane
	loss    analyze.Loss
	o       *Options
	theta   []float32 // the point under evaluation
	names   []string  // of what is measured beside the loss
	sources []source
	batch   int  // cells that are evaluated together
	shared  bool // whether points share work
}

// cells evaluates cells in their order, some at a time; at returns the coordinates of a
// cell by its index.
func (w *worker) cells(ctx context.Context, units []job.Unit, at func(i int) (a, b float64), save job.Save) error {
	for first := 0; first < len(units); first += w.batch {
		if err := w.evaluate(ctx, units[first:min(first+w.batch, len(units))], at, save); err != nil {
			return err
		}
	}
	return nil
}

// evaluate evaluates some cells together.
func (w *worker) evaluate(ctx context.Context, units []job.Unit, at func(i int) (a, b float64), save job.Save) error {
	if err := ctx.Err(); err != nil {
		return failure(err, units[0].Name)
	}
	a, b := make([]float64, len(units)), make([]float64, len(units))
	for k, u := range units {
		a[k], b[k] = at(u.Index)
	}
	var values [][]float64 // of each source's names, all cells
	for _, s := range w.sources {
		columns := make([][]float64, s.width)
		for k := range columns {
			columns[k] = make([]float64, len(units))
		}
		if err := s.at(ctx, a, b, columns); err != nil {
			return failure(err, units[0].Name)
		}
		values = append(values, columns...)
	}
	for k, u := range units {
		v := []float64{a[k], b[k]}
		for _, column := range values {
			v = append(v, column[k])
		}
		if err := save(u, v); err != nil {
			return failure(err, u.Name)
		}
	}
	return nil
}

// failure says which unit failed or was stopped.
func failure(err error, unit string) error {
	return fmt.Errorf("landscape: %w", job.Failed(unit, err))
}

// iterate evaluates the loss at a compared iterate or at its projection.
func (w *worker) iterate(ctx context.Context, l *projected, u job.Unit, save job.Save) error {
	err := ctx.Err()
	if err == nil {
		err = l.point(u, w)
	}
	var loss float64
	if err == nil {
		loss, err = w.loss.Loss(ctx, w.theta)
	}
	if err == nil {
		a, b := l.at(u)
		err = save(u, []float64{a, b, loss})
	}
	if err != nil {
		return failure(err, u.Name)
	}
	return nil
}
