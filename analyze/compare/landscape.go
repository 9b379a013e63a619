package compare

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/landscape"
	"sgdwalk/record"
)

// LandscapeOptions of Landscape. The zero value is the documented default.
type LandscapeOptions struct {
	NX     int     `json:"nx"`     // points along the first axis; 0 means 41
	NY     int     `json:"ny"`     // along the second
	Margin float64 `json:"margin"` // of the paths' extent on each side, 0 to 10; 0 means 0.1
	// Compared is the number of iterates of each run at which the loss on the plane
	// is compared with the true one; 0 means 5, a negative number none.
	Compared int  `json:"compared"`
	Plain    bool `json:"plain"` // evaluate point by point, see landscape.Options

	Progress analyze.Progress `json:"-"`
	Store    analyze.Store    `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *LandscapeOptions) Validate() error {
	switch {
	case o.NX == 1 || o.NX < 0 || o.NY == 1 || o.NY < 0:
		return fmt.Errorf("compare: a grid of %dx%d; both must be at least 2", o.NX, o.NY)
	case !(o.Margin >= 0 && o.Margin <= 10):
		return fmt.Errorf("compare: margin is %v; it must be 0 to 10", o.Margin)
	}
	return nil
}

// Effective returns the options with the defaults filled in.
func (o LandscapeOptions) Effective() LandscapeOptions {
	if o.NX == 0 {
		o.NX = 41
	}
	if o.NY == 0 {
		o.NY = 41
	}
	if o.Margin == 0 {
		o.Margin = 0.1
	}
	if o.Compared == 0 {
		o.Compared = 5
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	if o.Store == nil {
		o.Store = analyze.NoStore{}
	}
	return o
}

// LandscapeResult is one loss over one plane, for all runs.
type LandscapeResult struct {
	*landscape.Result
	// Compared has one row per compared iterate: run, step, a, b, residual,
	// plane_loss (at the projection), true_loss (at the iterate).
	Compared record.Table
	// Errors describes, per run in the order of the names, |plane_loss - true_loss| /
	// |true_loss| over its compared iterates.
	Errors []analyze.Distribution
}

// Landscape evaluates the loss on the plane, on a rectangle around the paths of all
// runs. When the work ends early the result has what was evaluated and the error
// says where it stopped, as landscape.Compute does.
func Landscape(ctx context.Context, runs []Run, p analyze.Plane, paths *PathsResult, loss analyze.Loss,
	opts LandscapeOptions,
) (*LandscapeResult, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	o := opts.Effective()
	s, err := sorted(runs)
	if err != nil {
		return nil, err
	}
	x := around(paths.Table.Column("a").Floats, o.NX, o.Margin)
	y := around(paths.Table.Column("b").Floats, o.NY, o.Margin)
	r, err := landscape.Compute(ctx, p, loss, landscape.Options{
		X: x, Y: y, Compared: -1, Plain: o.Plain,
		Progress: o.Progress, Store: o.Store,
	})
	if r == nil {
		return nil, err
	}
	out := &LandscapeResult{Result: r}
	if err != nil {
		return out, err
	}
	c := &planeErrors{plane: &p, loss: loss, o: &o, theta: make([]float32, p.Len())}
	o.Progress.Begin("iterates off the plane", 2*max(0, o.Compared)*len(s))
	for i := range s {
		d, err := c.run(ctx, &s[i])
		if err != nil {
			return out, err
		}
		out.Errors = append(out.Errors, d)
	}
	out.Compared = column.Of(c.rows)
	return out, nil
}

// around is the range of n points around the values.
func around(values []float64, n int, margin float64) analyze.Range {
	low, high := extent(values)
	width := high - low
	if width == 0 {
		width = 1
	}
	return analyze.Range{Min: low - margin*width, Max: high + margin*width, N: n}
}

// planeErrors compares losses on the plane with the losses at the iterates.
type planeErrors struct {
	plane *analyze.Plane
	loss  analyze.Loss
	o     *LandscapeOptions
	theta []float32

	rows     []comparedRow
	relative []float64 // of each row: difference of the losses over the true loss
}

// comparedRow is a row of LandscapeResult.Compared, which defines the columns.
type comparedRow struct {
	Run       string  `col:"run"`
	Step      int64   `col:"step"`
	A         float64 `col:"a"`
	B         float64 `col:"b"`
	Residual  float64 `col:"residual"`
	PlaneLoss float64 `col:"plane_loss"`
	TrueLoss  float64 `col:"true_loss"`
}

func (c *planeErrors) run(ctx context.Context, r *Run) (analyze.Distribution, error) {
	first := len(c.relative)
	var rows []int
	for i := range r.Trajectory.Len() {
		s, err := r.Trajectory.Read(i, record.ScalarsOnly)
		if err != nil {
			return analyze.Distribution{}, fmt.Errorf("compare: run %s: row %d: %w", r.Name, i, err)
		}
		if s.Substep == 0 {
			rows = append(rows, i)
		}
	}
	for _, k := range analyze.Spread(len(rows), c.o.Compared) {
		if err := c.row(ctx, r, rows[k]); err != nil {
			return analyze.Distribution{}, err
		}
	}
	return analyze.Describe(&record.Column{Floats: c.relative[first:]}), nil
}

func (c *planeErrors) row(ctx context.Context, r *Run, i int) error {
	theta, err := record.ThetaOf(r.Trajectory, i)
	if err != nil || theta == nil {
		return err
	}
	s, err := r.Trajectory.Read(i, record.ScalarsOnly)
	if err != nil {
		return err
	}
	a, b, residual := c.plane.Project(theta)
	if a-a != 0 || b-b != 0 {
		return nil // has no place on the plane, which Paths counts
	}
	losses, err := unitOf(c.o.Store, fmt.Sprintf("compared %s %d", r.Name, i), func() ([]float64, error) {
		c.plane.Point(a, b, c.theta)
		onPlane, err := c.loss.Loss(ctx, c.theta)
		if err != nil {
			return nil, err
		}
		copy(c.theta, theta)
		atIterate, err := c.loss.Loss(ctx, c.theta)
		return []float64{onPlane, atIterate}, err
	})
	if err != nil {
		return fmt.Errorf("compare: run %s: step %d: %w", r.Name, s.Step, err)
	}
	c.o.Progress.Add(2)
	c.rows = append(c.rows, comparedRow{r.Name, s.Step, a, b, residual, losses[0], losses[1]})
	c.relative = append(c.relative, math.Abs(losses[0]-losses[1])/math.Abs(losses[1]))
	return nil
}

// unitOf looks a unit up in the store, or computes and keeps it.
func unitOf(store analyze.Store, name string, compute func() ([]float64, error)) ([]float64, error) {
	if v, ok := store.Lookup(name); ok {
		return v, nil
	}
	v, err := compute()
	if err != nil {
		return nil, err
	}
	return v, store.Save(name, v)
}
