package main

import (
	"context"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
	"sgdwalk/train/nn"
)

// pcaFlags choose what a PCA is of.
type pcaFlags struct {
	Kinds   string `default:"weights" help:"Parameters that take part: weights (filters and linear weights, as Li et al. do), all, or kinds with commas between them (default ${default})."`
	Tensors string `placeholder:"NAMES" help:"Tensors that take part instead, with commas between them; sgdwalk info names them."`
	Center  string `default:"mean" help:"What is subtracted: mean, final or init (default ${default})."`
	Rows    string `default:"all" help:"Iterates that take part: all, A-B,C (steps), epoch:A-B,C, every:K (default ${default})."`
}

func (f *pcaFlags) options(e *env, components int) (o pca.Options, err error) {
	if o.Rows, err = analyze.ParseSegments(f.Rows); err != nil {
		return o, usageError{err}
	}
	o.Components, o.Kinds, o.Center, o.Progress = components, pca.Kinds(f.Kinds), pca.Center(f.Center), e.progress
	if f.Tensors != "" {
		if o.Tensors = strings.Split(f.Tensors, ","); o.Kinds == pca.Weights {
			o.Kinds = "" // the default
		}
	}
	if err := o.Validate(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// pcaCmd finds the principal directions.
type pcaCmd struct {
	runFlags
	lossFlags
	pcaFlags
	Components int      `default:"10" help:"How many principal directions (default ${default})."`
	With       []string `placeholder:"RUN2" sep:"none" help:"Further runs of the same layout, for joint directions of all runs; may be repeated."`
	EqualRuns  bool     `help:"Give every run the same weight, for any number of iterates."`
	Surrogates *int     `placeholder:"N" help:"Surrogate walks of each kind, made from the updates of the run; 0 for none (default 20, or none above 2048 iterates)."`
	Seed       uint64   `default:"0" help:"Seed of the surrogate walks (default ${default})."`
	Layers     bool     `help:"One more table: the directions of every tensor alone."`
	Losses     int      `default:"0" placeholder:"N" help:"Evaluate the training loss at N iterates spread over the run, and at the nearest points of the plane (default ${default})."`
	ScoresOnly bool     `help:"Leave the directions themselves out: the run is read once, and nothing as long as the parameters is kept."`
}

func (pcaCmd) Help() string {
	return `Needs the recorded iterates only, no data but for --losses. A random walk shows large shares
of variance too: they stand beside those of the run.

Examples:
  sgdwalk pca RUN
  sgdwalk pca checkpoints/                  a folder of checkpoints, without a copy
  sgdwalk pca --kinds all --components 5 --json RUN
  sgdwalk pca --layers --surrogates 200 --seed 1 --losses 20 RUN
  sgdwalk pca --with RUN2 --with RUN3 --center init --out DIR RUN

What the numbers mean, and what not: analyze/MEANING.md.`
}

// check completes the options.
func (c *pcaCmd) check(o *pca.Options) error {
	switch {
	case c.Components < 1:
		return usagef("--components is %d; it must be at least 1", c.Components)
	case c.Surrogates != nil && *c.Surrogates < 0:
		return usagef("--surrogates is %d; it must be at least 0", *c.Surrogates)
	case c.Surrogates != nil && *c.Surrogates > 0 && len(c.With) > 0:
		return usagef("--surrogates is %d; surrogates are not defined for several runs", *c.Surrogates)
	case c.EqualRuns && len(c.With) == 0:
		return usagef("--equal-runs needs --with, a further run")
	case c.Losses < 0:
		return usagef("--losses is %d; it must be at least 0", c.Losses)
	case c.Losses > 0 && (c.ScoresOnly || len(c.With) > 0):
		return usagef("--losses is %d; it needs the plane of one run, without --scores-only or --with", c.Losses)
	case c.Layers && len(c.With) > 0:
		return usagef("--layers is of one run, without --with")
	}
	if c.Surrogates != nil {
		if o.Surrogates = *c.Surrogates; o.Surrogates == 0 {
			o.Surrogates = -1
		}
	}
	o.Seed, o.EqualRuns, o.ScoresOnly = c.Seed, c.EqualRuns, c.ScoresOnly
	return nil
}

// Run computes, writes and prints.
func (c *pcaCmd) Run(ctx context.Context, e *env) error {
	_, err := c.compute(ctx, e)
	return err
}

// pcaRecipe is the options that a result keeps.
type pcaRecipe struct {
	pca.Options
	With   []pcaWith `json:"with,omitempty"`
	Losses int       `json:"losses,omitempty"`
}

// pcaWith names a further run as provenance does: by its directory and its header.
type pcaWith struct {
	Run    string `json:"run"`
	Header string `json:"header_sha256"`
}

func (c *pcaCmd) compute(ctx context.Context, e *env) (r *pca.Result, err error) {
	opts, err := c.options(e, c.Components)
	if err != nil {
		return nil, err
	}
	if err := c.check(&opts); err != nil {
		return nil, err
	}
	a, err := c.open(e, "pca")
	if err != nil {
		return nil, err
	}
	defer a.close()
	if n := len(a.trace.Header().Layout); c.Layers && n > mostLayers {
		return nil, usagef("--layers: the run has %d tensors; a fit of each is made for at most %d", n, mostLayers)
	}
	recipe := pcaRecipe{Options: opts, Losses: c.Losses}
	a.fitKernel = pca.Kernel()
	runs := []record.Trajectory{a.trace}
	for _, run := range c.With {
		other, err := c.openRun(run)
		if err != nil {
			return nil, err
		}
		defer other.Close()
		a.Warnings = append(a.Warnings, seriesWarnings(other)...)
		if err := a.dependsOn(other); err != nil {
			return nil, err
		}
		p, err := provenance(other)
		if err != nil {
			return nil, err
		}
		runs, recipe.With = append(runs, other), append(recipe.With, pcaWith{p.Run, p.HeaderSHA256})
	}
	var loss *nn.Evaluator
	if c.Losses > 0 { // before a fit that may be long
		if loss, err = a.loss(c.lossFlags); err != nil {
			return nil, err
		}
		defer loss.Close()
	}
	j, err := pca.NewJob(runs, opts)
	if err != nil {
		return nil, err
	}
	err = runJob(ctx, a, j, finish[*pca.Result]{key: recipe, noJournal: true, write: func(made *pca.Result) error {
		r = made
		return c.write(ctx, a, r, &recipe, loss)
	}})
	return r, err
}

// write writes the directions and prints what they say.
func (c *pcaCmd) write(ctx context.Context, a *analysis, r *pca.Result, recipe *pcaRecipe, loss analyze.Loss) error {
	if err := c.tables(ctx, a, r, recipe, loss); err != nil {
		return err
	}
	return a.finish(&r.Summary, r.Warnings, recipe, pca.Method, pca.Citation)
}

// mostLayers is the largest number of tensors that --layers fits one by one.
const mostLayers = 10_000

// textParameters is the number of parameters up to which the components are
// written as text too; above, the file would be of gigabytes.
const textParameters = 1_000_000

// tables writes the tables; loss is nil unless --losses requests it.
func (c *pcaCmd) tables(ctx context.Context, a *analysis, r *pca.Result, recipe *pcaRecipe, loss analyze.Loss) error {
	if err := a.out.Table("scores", &r.Table); err != nil {
		return err
	}
	spectrum := r.SpectrumTable()
	if err := a.out.Table("spectrum", &spectrum); err != nil {
		return err
	}
	if c.Layers {
		layers, err := pca.LayerTable(ctx, a.trace, recipe.Options)
		if err != nil {
			return err
		}
		if err := a.out.Table("layers", &layers); err != nil {
			return err
		}
	}
	if c.Losses > 0 {
		journal, err := a.journal(recipe)
		if err != nil {
			return err
		}
		defer journal.Close()
		losses, err := r.LossTable(ctx, a.trace, loss, c.Losses, a.progress, journal)
		if err != nil {
			return a.interrupted(ctx, err)
		}
		if err := a.out.Table("losses", losses); err != nil {
			return err
		}
	}
	if c.ScoresOnly {
		return nil
	}
	components := r.ComponentTable()
	if components.Len() > textParameters {
		return a.out.Arrow("components", &components)
	}
	return a.out.Table("components", &components)
}
