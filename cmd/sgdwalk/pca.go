package main

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/pca"
)

// pcaFlags choose what a PCA is of.
type pcaFlags struct {
	Kinds  string `default:"weights" help:"Parameters that take part: weights (filters and linear weights, as Li et al. do), all, or kinds with commas between them (default ${default})."`
	Center string `default:"mean" help:"What is subtracted: mean, final or init (default ${default})."`
	Rows   string `default:"all" help:"Iterates that take part: all, A-B,C (steps), epoch:A-B,C, every:K (default ${default})."`
}

func (f *pcaFlags) options(e *env, components int) (o pca.Options, err error) {
	if o.Rows, err = analyze.ParseSegments(f.Rows); err != nil {
		return o, usageError{err}
	}
	o.Components, o.Kinds, o.Center, o.Progress = components, pca.Kinds(f.Kinds), pca.Center(f.Center), e.progress
	if err := o.Validate(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// pcaCmd finds the principal directions.
type pcaCmd struct {
	runFlags
	pcaFlags
	Components int `default:"10" help:"How many principal directions (default ${default})."`
}

func (pcaCmd) Help() string {
	return `Needs the recorded iterates only, no data. A random walk shows large shares of variance too:
they stand beside those of the run.

Examples:
  sgdwalk pca RUN
  sgdwalk pca --kinds all --components 5 --json RUN

What the numbers mean, and what not: analyze/MEANING.md.`
}

// Run computes, writes and prints.
func (c *pcaCmd) Run(ctx context.Context, e *env) error {
	_, err := c.compute(ctx, e)
	return err
}

func (c *pcaCmd) compute(ctx context.Context, e *env) (*pca.Result, error) {
	if c.Components < 1 {
		return nil, usagef("--components is %d; it must be at least 1", c.Components)
	}
	opts, err := c.options(e, c.Components)
	if err != nil {
		return nil, err
	}
	a, err := c.open(e, "pca")
	if err != nil {
		return nil, err
	}
	defer a.close()
	r, err := pca.Fit(ctx, a.trace, opts)
	if err != nil {
		return nil, err
	}
	if err := a.begin(); err != nil {
		return nil, err
	}
	if err := a.out.Table("scores", &r.Table); err != nil {
		return nil, err
	}
	spectrum, components := spectrumTable(r), componentTable(r)
	if err := a.out.Table("spectrum", &spectrum); err != nil {
		return nil, err
	}
	if err := a.out.Table("components", &components); err != nil {
		return nil, err
	}
	if err := a.figure("pca", draw.Spectrum(a.title(), r)); err != nil {
		return nil, err
	}
	if err := a.figure("scores_over_steps", draw.Scores(a.title(), r)); err != nil {
		return nil, err
	}
	a.warn = append(a.warn, r.Warnings...)
	if err := a.finish(r.Summary, opts, pca.Method, pca.Citation); err != nil {
		return nil, err
	}
	return r, a.show(r.Summary, pcaSentences(&r.Summary))
}

func pcaSentences(s *pca.Summary) []string {
	var out []string
	for i, share := range s.ExplainedVarianceRatio {
		line := fmt.Sprintf("PC%d: %s of the variance; a random walk of %d rows shows %s", i+1, percent(share), s.Rows, percent(at(s.RandomWalk.ExplainedVarianceRatio, i)))
		if i < len(s.LissajousCorrelation) && s.LissajousCorrelation[i].Valid {
			line += fmt.Sprintf("; its scores correlate %.2f with a random walk's", s.LissajousCorrelation[i].Value)
		}
		if out = append(out, line); i == 2 {
			break
		}
	}
	return append(out, fmt.Sprintf("participation ratio %.2f (random walk %.2f); median distance of an iterate from the plane of PC1 and PC2: %s of its distance from the centre", s.ParticipationRatio, s.RandomWalk.ParticipationRatio, percent(s.MedianResidualRatio)))
}

func at(v []float64, i int) float64 {
	if i < len(v) {
		return v[i]
	}
	return 0
}
