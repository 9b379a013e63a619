package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// pathCmd computes the geometry of the walk.
type pathCmd struct {
	runFlags
	lossFlags
	Changes       bool `help:"Find the step at which step lengths and cosines change most, with an interval and a null."`
	Layers        bool `help:"One more table with the same per tensor."`
	FullGradients int  `default:"0" placeholder:"N" help:"Evaluate the gradient over the whole training set at N iterates spread over the run: the noise scale from two batch sizes at one point (default ${default})."`
}

func (pathCmd) Help() string {
	return `Needs the recorded iterates only, no data but for --full-gradients. Cosines of gradients and
the noise scale need a run with --grad.

Examples:
  sgdwalk path RUN
  sgdwalk path checkpoints/                 a folder of checkpoints, without a copy
  sgdwalk path --full-gradients 50 RUN
  sgdwalk path --layers --json RUN
  sgdwalk path --changes RUN                when did the walk change?

What the numbers mean, and what not: analyze/MEANING.md.`
}

// Run computes, writes and prints.
func (c *pathCmd) Run(ctx context.Context, e *env) error {
	_, err := c.compute(ctx, e)
	return err
}

func (c *pathCmd) compute(ctx context.Context, e *env) (*path.Result, error) {
	if c.FullGradients < 0 {
		return nil, usagef("--full-gradients is %d; it must be at least 0", c.FullGradients)
	}
	a, err := c.open(e, "path")
	if err != nil {
		return nil, err
	}
	defer a.close()
	if c.FullGradients > 0 && !noisy(a.trace.Header()) {
		return nil, fmt.Errorf("path: --full-gradients is %d; the noise scale also needs the unreduced gradients of "+
			"all steps (train --grad records them)", c.FullGradients)
	}
	opts := path.Options{Layers: c.Layers, Progress: e.progress}
	if err := a.begin(); err != nil {
		return nil, err
	}
	r, err := path.Compute(ctx, a.trace, opts)
	if err != nil {
		return nil, err
	}
	if err := a.out.Table("path", &r.Table); err != nil {
		return nil, err
	}
	if c.Layers {
		if err := a.out.Table("layers", &r.Layers); err != nil {
			return nil, err
		}
	}
	if r.Summary.SecondGradients != nil {
		if err := a.out.Table("second_gradients", &r.SecondGradients); err != nil {
			return nil, err
		}
	}
	recipe := pathRecipe{Options: opts}
	if c.Changes {
		o := path.ChangesOptions{}.Effective()
		recipe.Changes = &o
		if r.Summary.Changes, err = path.Changes(&r.Table, o); err != nil {
			return nil, err
		}
		a.Warnings.Add(len(r.Summary.Changes) == 0, "no_changes", "--changes found no quantity with at least 20 finite "+
			"values that vary")
		changes := path.ChangesTable(r.Summary.Changes)
		if err := a.out.Table("changes", &changes); err != nil {
			return nil, err
		}
	}
	if err := c.more(ctx, a, &r.Summary, &recipe); err != nil {
		return nil, err
	}
	return r, a.finish(&r.Summary, r.Warnings, recipe, path.Method+" "+path.DiffusionMethod+" "+path.NoiseMethod,
		path.Citation+path.DiffusionCitation+path.NoiseCitation)
}

// pathRecipe is the options that a result keeps: the options in effect, without the
// options of parts that were left out.
type pathRecipe struct {
	path.Options
	Changes   *path.ChangesOptions   `json:"changes,omitempty"`
	Diffusion *path.DiffusionOptions `json:"diffusion,omitempty"`
	Noise     *path.NoiseOptions     `json:"noise,omitempty"`
}

// more adds diffusion and noise. What a recording is too short or too thin for is
// left out; a recording that cannot be read has failed before.
func (c *pathCmd) more(ctx context.Context, a *analysis, s *path.Summary, recipe *pathRecipe) error {
	h := a.trace.Header()
	switch {
	case !h.Columns.Theta || s.NonfiniteIterates > 0:
	case s.Rows < 3:
		a.Warnings.Add(true, "diffusion_skipped", "how the displacement grows with time is left out: it needs at "+
			"least 3 rows, and the run has %d", s.Rows)
	default:
		o := path.DiffusionOptions{Progress: a.progress}.Effective()
		d, err := path.Diffusion(ctx, a.trace, o)
		if err != nil {
			return err
		}
		o.Waits = d.Summary.Waits
		recipe.Diffusion = &o
		s.Diffusion = &d.Summary
		a.Warnings = append(a.Warnings, d.Warnings...)
		if err := a.out.Table("diffusion", &d.Table); err != nil {
			return err
		}
		if err := a.out.Table("diffusion_fits", &d.Fits); err != nil {
			return err
		}
	}
	if noisy(h) && s.GradCos.Count > 1 && s.NonfiniteGrads == 0 {
		return c.noise(ctx, a, s, recipe)
	}
	return nil
}

// noisy reports whether a run has all gradients as they were.
func noisy(h *record.Header) bool {
	return h.Columns.Grad && h.GradSchedule.IsZero() && h.Sketch == nil
}

// noise adds the noise of the gradients.
func (c *pathCmd) noise(ctx context.Context, a *analysis, s *path.Summary, recipe *pathRecipe) error {
	o := path.NoiseOptions{Examples: a.trace.Header().Data.TrainExamples, Progress: a.progress}.Effective()
	if c.FullGradients > 0 {
		g, err := a.loss(c.lossFlags)
		if err != nil {
			return err
		}
		defer g.Close()
		o.Full, o.Examples = g, a.Experiment.Data().Train.Len()
		if o.FullRows, err = a.spreadSteps(c.FullGradients); err != nil {
			return err
		}
		journal, err := a.journal(o)
		if err != nil {
			return err
		}
		defer journal.Close()
		o.Store = journal
	}
	n, err := path.Noise(ctx, a.trace, o)
	if err != nil {
		return a.interrupted(ctx, err)
	}
	recipe.Noise = &o
	s.Noise = &n.Summary
	a.Warnings = append(a.Warnings, n.Warnings...)
	if err := a.tables(namedTable{"noise", &n.Table}, namedTable{"noise_epochs", &n.Epochs}); err != nil {
		return err
	}
	if c.FullGradients > 0 {
		return a.out.Table("noise_full", &n.Full)
	}
	return nil
}

// spreadSteps chooses steps with a mini-batch, spread over the run.
func (a *analysis) spreadSteps(n int) (analyze.Segments, error) {
	var steps []int64
	for i := range a.trace.Len() {
		r, err := a.trace.Read(i, record.ScalarsOnly)
		if err != nil {
			return analyze.Segments{}, err
		}
		if r.Substep == 0 && !r.IsLast() {
			steps = append(steps, r.Step)
		}
	}
	var names []string
	for _, i := range analyze.Spread(len(steps), n) {
		names = append(names, strconv.FormatInt(steps[i], 10))
	}
	return analyze.ParseSegments(strings.Join(names, ","))
}
