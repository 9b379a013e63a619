package compare

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Joint finds the principal directions of all runs together: their iterates
// concatenated, measured from one origin (the mean over the runs, or with
// pca.Init the common start), in the units of theta without any scaling of
// coordinates. Every run has the same weight, for any number of rows: Joint sets
// EqualRuns, and takes all other options from the caller. It reads each run twice and
// holds no copy of it (see pca.FitJoint).
func Joint(ctx context.Context, runs []Run, opts pca.Options) (*pca.Result, error) {
	s, err := sorted(runs)
	if err != nil {
		return nil, err
	}
	opts.EqualRuns = true
	if opts.Surrogates == 0 {
		opts.Surrogates = -1 // not defined for several runs
	}
	trajectories := make([]record.Trajectory, len(s))
	for i := range s {
		trajectories[i] = s[i].Trajectory
	}
	r, err := pca.FitJoint(ctx, trajectories, opts)
	if err != nil {
		return nil, fmt.Errorf("compare: %w (run 1 is %s, in the order of the names)", err, s[0].Name)
	}
	return r, nil
}

// Ends returns the plane through the first iterate of a and the last ones of a and
// b, with orthogonal axes of unit length: the first points from the start to the
// end of a, the end of b has a positive second coordinate. Both must start at the
// same iterate.
func Ends(a, b *Run) (analyze.Plane, error) {
	var none analyze.Plane
	c, warnings, err := Check([]Run{*a, *b})
	if err != nil {
		return none, err
	}
	if !c.Start {
		return none, fmt.Errorf("compare: there is no plane through a common start and two ends: %s",
			warnings[len(warnings)-1].Text)
	}
	start, err := record.ThetaOf(a.Trajectory, 0)
	if err != nil {
		return none, fmt.Errorf("compare: run %s: row 0: %w", a.Name, err)
	}
	start = slices.Clone(start)
	endA, err := last(a)
	if err != nil {
		return none, err
	}
	endB, err := last(b)
	if err != nil {
		return none, err
	}
	if _, err := analyze.PlaneThrough(start, endA.Theta, endB.Theta); err != nil {
		return none, fmt.Errorf("compare: plane through the start of %s and the ends of %s and %s: %w", a.Name, a.Name,
			b.Name, err)
	}
	u, v := difference(endA.Theta, start), difference(endB.Theta, start)
	along := dot(u, v) / dot(u, u)
	for j := range v {
		v[j] -= along * u[j]
	}
	return analyze.NewPlane(start, unit(u), unit(v))
}

func difference(a, b []float32) []float64 {
	d := make([]float64, len(a))
	for i, v := range a {
		d[i] = float64(v) - float64(b[i])
	}
	return d
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func unit(v []float64) []float32 {
	norm := math.Sqrt(dot(v, v))
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / norm)
	}
	return out
}

// PathsResult is the runs on one plane.
type PathsResult struct {
	// Table has one row per iterate, run after run in the order of their names:
	//
	//	run, group, seed
	//	row, step, epoch, evaluations
	//	a, b             coordinates of the nearest point of the plane
	//	residual         distance from it
	//	full_loss        where the run recorded it
	Table    record.Table
	Runs     []PathSummary // in the order of the names
	Warnings []analyze.Warning
}

// PathSummary says how well a plane shows a run.
type PathSummary struct {
	Run   string `json:"run"`
	Group string `json:"group"`
	Seed  uint64 `json:"seed"`
	Rows  int    `json:"rows"`
	// Extent is the diameter of the path on the plane, the diagonal of its bounding
	// box.
	Extent        float64              `json:"extent"`
	Residual      analyze.Distribution `json:"residual"`
	ResidualRatio record.Optional      `json:"residual_ratio"` // median residual over the extent
	EndResidual   float64              `json:"end_residual"`
	Nonfinite     int                  `json:"nonfinite_rows"` // iterates that have no place on the plane
}

// Paths projects every iterate of every run onto the plane. Inner iterates are left
// out.
func Paths(ctx context.Context, runs []Run, p *analyze.Plane) (*PathsResult, error) {
	s, err := sorted(runs)
	if err != nil {
		return nil, err
	}
	w := new(pathTable)
	out := new(PathsResult)
	for i := range s {
		sum, err := w.run(ctx, &s[i], p)
		if err != nil {
			return nil, err
		}
		if sum.Nonfinite > 0 {
			out.Warnings = append(out.Warnings, analyze.Warning{
				Code: "nonfinite_rows",
				Text: fmt.Sprintf("%d iterates of %s are NaN or infinite and have no place on the plane",
					sum.Nonfinite, s[i].Name),
			})
		}
		if sum.ResidualRatio.Valid && sum.ResidualRatio.Value > 1 {
			out.Warnings = append(out.Warnings, analyze.Warning{
				Code: "off_plane",
				Text: fmt.Sprintf("the iterates of %s are farther off the plane than they move on it (median %.3g of "+
					"%.3g): the plane does not show this run", s[i].Name, sum.Residual.Median.Value, sum.Extent),
			})
		}
		out.Runs = append(out.Runs, sum)
	}
	out.Table = w.Table()
	return out, nil
}

// pathTable is the table of paths under construction.
type pathTable struct {
	column.Builder[pathRow]
}

// pathRow is a row of PathsResult.Table, which defines the columns.
type pathRow struct {
	Run         string          `col:"run"`
	Group       string          `col:"group"`
	Seed        string          `col:"seed"`
	Row         int             `col:"row"`
	Step        int64           `col:"step"`
	Epoch       int32           `col:"epoch"`
	Evaluations int64           `col:"evaluations"`
	A           float64         `col:"a"`
	B           float64         `col:"b"`
	Residual    float64         `col:"residual"`
	FullLoss    record.Optional `col:"full_loss"`
}

// run adds the iterates of a run.
func (w *pathTable) run(ctx context.Context, r *Run, p *analyze.Plane) (PathSummary, error) {
	s := PathSummary{Run: r.Name, Group: r.group(), Seed: r.Seed}
	if n := r.Trajectory.Header().Layout.Len(); n != p.Len() {
		return s, fmt.Errorf("compare: run %s has %d parameters, the plane %d", r.Name, n, p.Len())
	}
	var as, bs, residuals []float64
	for it, err := range record.Iterates(r.Trajectory) {
		if err != nil {
			return s, fmt.Errorf("compare: run %s: row %d: %w", r.Name, it.Row, err)
		}
		if err := ctx.Err(); err != nil {
			return s, fmt.Errorf("compare: stopped at row %d of run %s: %w", it.Row, r.Name, err)
		}
		a, b, residual := p.Project(it.Theta)
		w.Add(pathRow{
			r.Name, r.group(), fmt.Sprint(r.Seed), it.Row, it.Step.Step, it.Epoch, it.Evaluations,
			a, b, residual, it.FullLoss,
		})
		as, bs, residuals = append(as, a), append(bs, b), append(residuals, residual)
	}
	if len(as) == 0 {
		return s, fmt.Errorf("compare: run %s has no iterate with theta", r.Name)
	}
	s.Rows, s.EndResidual = len(as), residuals[len(residuals)-1]
	u, v := p.Norms()
	lowA, highA := extent(as)
	lowB, highB := extent(bs)
	s.Extent = math.Hypot((highA-lowA)*u, (highB-lowB)*v)
	s.Residual = analyze.Describe(&record.Column{Floats: residuals})
	s.Nonfinite = s.Residual.Nonfinite
	if s.Extent > 0 && s.Residual.Median.Valid {
		s.ResidualRatio = record.Some(s.Residual.Median.Value / s.Extent)
	}
	return s, nil
}

// extent returns the smallest and the largest finite value, 0 and 0 without one.
func extent(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v-v == 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		return 0, 0
	}
	return low, high
}
