package landscape

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Result is the loss on a plane and the path of a run over the plane.
type Result struct {
	Plane analyze.Plane
	Grid  *Grid
	// Contours are the levels around which the grid was refined; nil without refinement.
	Contours []float64

	// Table has one row per cell: i, j, a, b, loss, further measures, valid. i runs fastest.
	Table record.Table
	// Path has one row per iterate: row, step, epoch, a, b, residual. A compared iterate also
	// has plane_loss (at the projection) and true_loss (at the iterate). Without a path the
	// table has no rows.
	Path     record.Table
	Summary  Summary
	Warnings []analyze.Warning
}

// Job is a landscape divided into units: two losses for each compared iterate, and the cells
// of the grid before refinement. The cells of a refinement are not among them, because they
// depend on the losses.
type Job struct {
	plane     *analyze.Plane
	o         Options
	evaluator *evaluator
	path      *planePath
	grid      *Grid
	x, y      analyze.Range
	stride    int // of the cells before refinement
	units     []job.Unit
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Compute runs, with the same arguments. It projects the path
// unless Options.Projection has it. Store is not used, because the driver has its own.
func NewJob(ctx context.Context, p analyze.Plane, loss analyze.Loss, opts Options) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if p.Len() == 0 {
		return nil, fmt.Errorf("landscape: the plane has no parameters; use a plane of analyze.NewPlane or pca")
	}
	j := &Job{plane: &p, o: opts.Effective()}
	var err error
	if j.path, err = project(ctx, j.plane, &j.o); err != nil {
		return nil, err
	}
	if j.x, j.y, err = j.path.ranges(&j.o); err != nil {
		return nil, err
	}
	j.evaluator = &evaluator{plane: j.plane, loss: loss, o: &j.o, theta: make([]float32, p.Len())}
	if err := j.evaluator.prepare(); err != nil {
		return nil, err
	}
	j.stride = 1 << j.o.Refine
	j.grid = newGrid(subdivide(j.x, j.stride), subdivide(j.y, j.stride), j.evaluator.names)
	j.units = j.path.units()
	for _, c := range coarseToFine(j.x.N, j.y.N) {
		j.units = append(j.units, j.grid.unit(j.stride*c[0], j.stride*c[1]))
	}
	return j, nil
}

// Compute evaluates the loss at the grid points of the plane and at two points for each
// compared iterate. loss need not be safe for concurrent use. Compute uses the methods of
// analyze.Batched if the loss has them, unless Options.Plain is set.
//
// When the context is cancelled, or when the loss or the store fails, Compute returns both
// the result of the points that were evaluated so far and an error that says where it
// stopped. With any other error the result is nil. A loss that is NaN or infinite is a value.
func Compute(ctx context.Context, p analyze.Plane, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(ctx, p, loss, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Units returns the losses at iterates and then the cells, from coarse to fine.
func (j *Job) Units() []job.Unit { return j.units }

// Fits reports whether the values were measured at the point of the unit. The values include
// the coordinates of the point, because an automatic range moves when the run grows, and the
// same unit is then another point.
func (j *Job) Fits(u job.Unit, values []float64) bool {
	if u.Index < 0 {
		a, b := j.path.projection(u)
		return len(values) == 3 && values[0] == a && values[1] == b
	}
	a, b := j.grid.at(u.Index)
	return len(values) == 3+len(j.evaluator.names) && values[0] == a && values[1] == b
}

// Evaluate evaluates losses at iterates one by one and cells in batches.
func (j *Job) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for len(units) > 0 && units[0].Index < 0 {
		if err := j.evaluator.evaluatePathUnit(ctx, j.path, units[0], save); err != nil {
			return err
		}
		units = units[1:]
	}
	return j.evaluator.evaluateCells(ctx, units, j.grid.at, save)
}

// Finish refines the grid and returns the tables and the summary. It does not refine a grid
// with missing cells, because it would refine around wrong contours.
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
		for _, c := range g.cellsToRefine(r.Contours, stride) {
			units = append(units, g.unit(c[0], c[1]))
		}
		planned += len(units)
		err = values(ctx, "refinement", units, func(u job.Unit, v []float64) error {
			g.set(u.Index, v[2:])
			return nil
		})
	}
	r.Table, r.Path = g.table(), column.Of(j.path.rows)
	r.Summary = summarize(j.plane, g, j.path)
	markDifferences(r.Summary.Also, j.o.Measures)
	r.Summary.Contours = r.Contours
	r.Summary.Ruggedness = g.ruggedness(j.stride)
	r.Summary.Shared, r.Summary.Planned, r.Summary.Base = j.evaluator.shared, planned, [2]int{j.x.N, j.y.N}
	r.Warnings = r.Summary.warnings(j.o.Path)
	return r, err
}

// evaluator evaluates points of a plane.
type evaluator struct {
	plane      *analyze.Plane
	loss       analyze.Loss
	o          *Options
	theta      []float32 // the point under evaluation
	names      []string  // of the values after the loss
	quantities []quantity
	batch      int  // number of cells that are evaluated together
	shared     bool // whether points share work
}

// evaluateCells evaluates cells in their order, in batches. at returns the coordinates of a
// cell with the given index.
func (w *evaluator) evaluateCells(ctx context.Context, units []job.Unit, at func(i int) (a, b float64),
	save job.Save,
) error {
	for first := 0; first < len(units); first += w.batch {
		if err := w.evaluateBatch(ctx, units[first:min(first+w.batch, len(units))], at, save); err != nil {
			return err
		}
	}
	return nil
}

// evaluateBatch evaluates some cells together. The values of a cell are its coordinates, the
// loss and the further measures.
func (w *evaluator) evaluateBatch(ctx context.Context, units []job.Unit, at func(i int) (a, b float64),
	save job.Save,
) error {
	if err := ctx.Err(); err != nil {
		return unitError(err, units[0].Name)
	}
	a, b := make([]float64, len(units)), make([]float64, len(units))
	for k, u := range units {
		a[k], b[k] = at(u.Index)
	}
	var values [][]float64 // one slice for each measure, with a value for each cell
	for _, s := range w.quantities {
		columns := make([][]float64, s.width)
		for k := range columns {
			columns[k] = make([]float64, len(units))
		}
		if err := s.at(ctx, a, b, columns); err != nil {
			return unitError(err, units[0].Name)
		}
		values = append(values, columns...)
	}
	for k, u := range units {
		v := []float64{a[k], b[k]}
		for _, column := range values {
			v = append(v, column[k])
		}
		if err := save(u, v); err != nil {
			return unitError(err, u.Name)
		}
	}
	return nil
}

// unitError says which unit failed or was stopped.
func unitError(err error, unit string) error {
	return fmt.Errorf("landscape: %w", job.Failed(unit, err))
}

// evaluatePathUnit evaluates the loss at a compared iterate or at its projection.
func (w *evaluator) evaluatePathUnit(ctx context.Context, l *planePath, u job.Unit, save job.Save) error {
	err := ctx.Err()
	if err == nil {
		err = l.setTheta(u, w)
	}
	var loss float64
	if err == nil {
		loss, err = w.loss.Loss(ctx, w.theta)
	}
	if err == nil {
		a, b := l.projection(u)
		err = save(u, []float64{a, b, loss})
	}
	if err != nil {
		return unitError(err, u.Name)
	}
	return nil
}
