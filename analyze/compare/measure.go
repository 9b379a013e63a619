package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// MeasureOptions of Measure. The zero value is the documented default.
type MeasureOptions struct {
	// Segments is how many segments are walked, evenly spread over the run; 0 means
	// 40, a negative number none.
	Segments int `json:"segments"`
	// Alphas are the points on a segment; the zero value is 0:2:9, which reaches
	// beyond the step, so that a floor behind it is seen.
	Alphas analyze.Range `json:"alphas"`
	// CurvatureRows is the number of iterates of the second half where the Hessian is evaluated
	// The last step is one of them. 0 means 2, a negative number none. Each takes
	// about Products products with the Hessian, which cost one to two gradients each.
	CurvatureRows int `json:"curvature_rows"`
	Products      int `json:"products"` // 0 means 40
	Top           int `json:"top"`      // dimension of the dominant space; 0 means the number of classes

	Progress analyze.Progress `json:"-"`
	Store    analyze.Store    `json:"-"` // "walk NAME ...", "curvature NAME ..."
}

// Effective returns the options with the defaults filled in.
func (o MeasureOptions) Effective() MeasureOptions {
	if o.Segments == 0 {
		o.Segments = 40
	}
	if o.Alphas.IsZero() {
		o.Alphas = analyze.Range{Min: 0, Max: 2, N: 9}
	}
	if o.CurvatureRows == 0 {
		o.CurvatureRows = 2
	}
	if o.Products == 0 {
		o.Products = 40
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	if o.Store == nil {
		o.Store = analyze.NoStore{}
	}
	return o
}

// Statistic is one number of a run.
type Statistic struct {
	Name  string          `json:"name"`
	Value record.Optional `json:"value"`
}

// RunStatistics is a run in numbers.
type RunStatistics struct {
	Run   string `json:"run"`
	Group string `json:"group"`
	Seed  uint64 `json:"seed"`
	// Values, in this order, as far as they can be had:
	//
	//	passes                 cost: gradient evaluations in passes over the training set
	//	full_loss              at the last iterate, where it was recorded or is evaluated
	//	...                    the run's own EndMeasures
	// floor_position s*, curvature-weighted over the walked segments; 1/2 for a stationary walk on
	// a quadratic, 1 for an exact line search
	//	floor_interior_ratio   share of the steps that went beyond the floor
	// relative_improvement median share of the improvement that an exact line search on the full
	// loss would have had
	//	rises_ratio            share of the steps that raise the full loss
	//	height                 mean height of the iterates above the floor of their segment
	//	barrier_ratio          share of the segments with a barrier that float32 can resolve
	//	grad_cos, update_cos   mean cosine of consecutive gradients and updates
	//	step_length            mean
	//	displacement           of the last iterate from the first
	//	path_length            sum of the step lengths
	// displacement_exponent gamma of displacement^2 ~ steps^gamma from the start: 1 for a random
	// walk, 2 for a straight one
	//	lambda_max, trace      of the Hessian at the last step
	//	eta_lambda_max         learning rate times largest eigenvalue, mean over the rows
	//	update_dominant_share  share of the squared update in the space of the largest eigenvalues, mean over the rows
	Values   []Statistic       `json:"values"`
	Warnings []analyze.Warning `json:"warnings"`
}

// Value returns the statistic with that name; absent if the run does not have it.
func (r *RunStatistics) Value(name string) record.Optional {
	for _, s := range r.Values {
		if s.Name == name {
			return s.Value
		}
	}
	return record.Optional{}
}

// Measure reads the numbers of one run off it.
func Measure(ctx context.Context, r *Run, opts MeasureOptions) (*RunStatistics, error) {
	m := &measurement{run: r, o: opts.Effective(), out: &RunStatistics{Run: r.Name, Group: r.group(), Seed: r.Seed}}
	for _, part := range []func(context.Context) error{m.ends, m.walk, m.geometry, m.curvature} {
		if err := part(ctx); err != nil {
			return nil, fmt.Errorf("compare: run %s: %w", r.Name, err)
		}
	}
	return m.out, nil
}

type measurement struct {
	run   *Run
	o     MeasureOptions
	out   *RunStatistics
	steps []int64 // of the iterates with theta, in order
}

func (m *measurement) add(name string, v record.Optional) {
	m.out.Values = append(m.out.Values, Statistic{name, v})
}

func (m *measurement) warn(code, format string, args ...any) {
	m.out.Warnings = append(m.out.Warnings, analyze.Warning{Code: code, Text: m.run.Name + ": " + fmt.Sprintf(format,
		args...)})
}

// passes turns gradient evaluations into passes over the training set; absent when
// the header does not know its size.
func passes(h *record.Header, evaluations int64) record.Optional {
	if h.Batch < 1 || h.Data.TrainExamples < 1 {
		return record.Optional{}
	}
	return record.Some(float64(evaluations) / float64((h.Data.TrainExamples+h.Batch-1)/h.Batch))
}

// ends measures the last iterate.
func (m *measurement) ends(ctx context.Context) error {
	for i := range m.run.Trajectory.Len() {
		s, err := m.run.Trajectory.Read(i, record.ScalarsOnly)
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if s.Substep == 0 {
			m.steps = append(m.steps, s.Step)
		}
	}
	end, err := last(m.run)
	if err != nil {
		return err
	}
	h := m.run.Trajectory.Header()
	m.add("passes", passes(h, end.Evaluations))
	if end.Step < h.Steps {
		m.warn("incomplete", "it has %d of %d updates: its last iterate is not the end of a finished run",
			end.Step, h.Steps)
	}
	evaluated := func(name string, loss analyze.Loss) (record.Optional, error) {
		if loss == nil {
			return record.Optional{}, nil
		}
		v, err := unitOf(m.o.Store, fmt.Sprintf("end %s %s", m.run.Name, name), func() ([]float64, error) {
			v, err := loss.Loss(ctx, end.Theta)
			return []float64{v}, err
		})
		if err != nil {
			return record.Optional{}, err
		}
		return record.Some(v[0]), nil
	}
	full := end.FullLoss
	if !full.Valid && m.run.Loss != nil {
		if full, err = evaluated("full_loss", m.run.Loss); err != nil {
			return err
		}
	}
	m.add("full_loss", full)
	for _, e := range m.run.Ends {
		v, err := evaluated(e.Name, e.Loss)
		if err != nil {
			return err
		}
		m.add(e.Name, v)
	}
	return nil
}

// walk measures the loss along segments.
func (m *measurement) walk(ctx context.Context) error {
	names := []string{
		"floor_position", "floor_interior_ratio", "relative_improvement", "rises_ratio", "height",
		"barrier_ratio",
	}
	if m.run.Loss == nil || m.o.Segments < 0 || len(m.steps) < 2 {
		return nil
	}
	every := max(1, (len(m.steps)-1)/m.o.Segments)
	rows, err := analyze.ParseSegments(fmt.Sprintf("every:%d", every))
	if err != nil {
		return err
	}
	r, err := walk.Run(ctx, m.run.Trajectory, m.run.Loss, walk.Options{
		Segments: rows, Alphas: m.o.Alphas, Store: analyze.Prefixed(m.o.Store, "walk "+m.run.Name+
			" "), Progress: m.o.Progress,
	})
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		m.warn("no_walk", "the segments cannot be walked: %v", err)
		for _, n := range names {
			m.add(n, record.Optional{})
		}
		return nil
	}
	u, err := line.Updates(r)
	if err != nil {
		return err
	}
	s := &r.Summary
	barriers := record.Optional{}
	if s.Segments > 0 {
		barriers = record.Some(float64(s.Barriers-s.BarriersBelowFloat32) / float64(s.Segments))
	}
	if s.FloorAtEdgeRatio.Value > 0.25 {
		m.warn("floor_at_edge", "the floor is at the edge of the samples in %.0f %% of the walked segments: it is "+
			"farther out than alpha %g", 100*s.FloorAtEdgeRatio.Value, m.o.Alphas.Max)
	}
	for i, v := range []record.Optional{
		s.FloorPositionWeighted, s.FloorInteriorRatio, u.Summary.RelativeImprovement.Median, s.RisesRatio,
		s.HeightMean.Mean, barriers,
	} {
		m.add(names[i], v)
	}
	return nil
}

// geometry measures the path without any loss.
func (m *measurement) geometry(ctx context.Context) error {
	p, err := path.Compute(ctx, m.run.Trajectory, path.Options{})
	if err != nil {
		return err
	}
	mean := func(name string) record.Optional { return analyze.Describe(p.Table.Column(name)).Mean }
	end := func(name string) record.Optional {
		c := p.Table.Column(name)
		if c == nil || c.Len() == 0 {
			return record.Optional{}
		}
		i := c.Len() - 1
		return record.Optional{Value: c.Floats[i], Valid: c.Valid == nil || c.Valid[i]}
	}
	m.add("grad_cos", mean("grad_cos"))
	m.add("update_cos", mean("update_cos"))
	m.add("step_length", mean("update_norm"))
	m.add("displacement", end("displacement"))
	m.add("path_length", end("path_length"))
	exponent := record.Optional{}
	if len(m.steps) > 3 {
		d, err := path.Diffusion(ctx, m.run.Trajectory, path.DiffusionOptions{Waits: m.steps[:1]})
		if err != nil {
			return err
		}
		if len(d.Summary.Fits) > 0 {
			exponent = d.Summary.Fits[0].Exponent
		}
	}
	m.add("displacement_exponent", exponent)
	return nil
}

// curvature computes the curvature at a few iterates.
func (m *measurement) curvature(ctx context.Context) error {
	n := len(m.steps)
	if m.run.Loss == nil || m.o.CurvatureRows < 0 || n < 2 {
		return nil
	}
	// Rows with an update behind them, from the middle to the last but one.
	half := m.steps[(n-1)/2 : n-1]
	text := ""
	for _, i := range analyze.Spread(len(half), m.o.CurvatureRows) {
		if text != "" {
			text += ","
		}
		text += fmt.Sprint(half[i])
	}
	rows, err := analyze.ParseSegments(text)
	if err != nil {
		return err
	}
	names := []string{"lambda_max", "trace", "eta_lambda_max", "update_dominant_share"}
	each := curvature.Options{
		Top: m.o.Top, Bottom: -1, MaxProducts: m.o.Products, Tolerance: 1e-3, TraceSamples: 10,
		Progress: m.o.Progress,
		Store:    analyze.Prefixed(m.o.Store, "curvature "+m.run.Name+" "),
	}.Effective()
	c, err := curvature.Along(ctx, m.run.Trajectory, m.run.Loss, curvature.AlongOptions{Rows: rows, Each: each})
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, curvature.ErrNotFinite):
		m.warn("no_curvature", "%v", err)
		for _, name := range names {
			m.add(name, record.Optional{})
		}
		return nil
	case err != nil:
		return err
	}
	if c.Summary.ProductMethod != curvature.Exact {
		m.warn("finite_differences", "curvature is from %s", c.Summary.ProductMethod)
	}
	if n := c.Summary.UnconvergedRows; n > 0 {
		m.warn("eigenpairs_unconverged", "at %d of %d iterates some of the %d largest eigenvalues have not converged "+
			"in %d products (more: --products): the share of the update in their space is uncertain, and lambda_max "+
			"may be too low", n, c.Summary.Rows, each.Top, each.MaxProducts)
	}
	end := func(name string) record.Optional {
		t := c.Table.Column(name)
		i := t.Len() - 1
		return record.Optional{Value: t.Floats[i], Valid: t.Valid == nil || t.Valid[i]}
	}
	for i, v := range []record.Optional{
		end("lambda_max"), end("trace"), c.Summary.EtaLambdaMax.Mean,
		c.Summary.UpdateDominantShare.Mean,
	} {
		m.add(names[i], v)
	}
	return nil
}

// StatisticsTable has one row per run and one column per statistic that any run has, in
// the order of the first run that has it.
func StatisticsTable(stats []RunStatistics) record.Table {
	var names, run, group, seed []string
	for i := range stats {
		run, group, seed = append(run, stats[i].Run), append(group, stats[i].Group), append(seed,
			fmt.Sprint(stats[i].Seed))
		for _, v := range stats[i].Values {
			if !slices.Contains(names, v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	t := record.Table{Columns: []record.Column{
		{Name: "run", Strings: run},
		{Name: "group", Strings: group},
		{Name: "seed", Strings: seed},
	}}
	for _, name := range names {
		c := record.Column{Name: name, Floats: make([]float64, len(stats)), Valid: make([]bool, len(stats))}
		for i := range stats {
			v := stats[i].Value(name)
			c.Floats[i], c.Valid[i] = v.Value, v.Valid
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}
