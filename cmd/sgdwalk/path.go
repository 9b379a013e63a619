package main

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze/path"
)

var nan = math.NaN()

// pathCmd computes the geometry of the walk.
type pathCmd struct {
	runFlags
	Layers bool `help:"One more table with the same per tensor."`
}

func (pathCmd) Help() string {
	return `Needs the recorded iterates only, no data. Cosines of gradients need a run with --grad.

Examples:
  sgdwalk path RUN
  sgdwalk path --layers --json RUN`
}

// Run computes, writes and prints.
func (c *pathCmd) Run(ctx context.Context, e *env) error {
	_, err := c.compute(ctx, e)
	return err
}

func (c *pathCmd) compute(ctx context.Context, e *env) (*path.Result, error) {
	a, err := c.open(e, "path")
	if err != nil {
		return nil, err
	}
	defer a.close()
	opts := path.Options{Layers: c.Layers, Progress: e.progress}
	r, err := path.Compute(ctx, a.trace, opts)
	if err != nil {
		return nil, err
	}
	if err := a.begin(); err != nil {
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
	for _, f := range pathFigures(a.title(), r) {
		if err := a.figure(f.name, f.figure); err != nil {
			return nil, err
		}
	}
	a.warn = append(a.warn, r.Warnings...)
	if err := a.finish(r.Summary, opts, path.Method, path.Citation); err != nil {
		return nil, err
	}
	return r, a.show(r.Summary, pathSentences(&r.Summary))
}

func pathSentences(s *path.Summary) []string {
	var out []string
	if s.PathLength.Valid {
		out = append(out, fmt.Sprintf("%d updates: path length %.4g, displacement from theta_0 %.4g", s.Updates, s.PathLength.Value, s.Displacement.Value))
	}
	if m := s.GradCos.Mean; m.Valid {
		out = append(out, fmt.Sprintf("consecutive mini-batch gradients: mean cosine %.3f, %s of the cosines below 0", m.Value, percent(s.GradCosNegativeRatio.Value)))
	}
	if m := s.UpdateCos.Mean; m.Valid {
		out = append(out, fmt.Sprintf("consecutive updates: mean cosine %.3f, %s of the cosines below 0", m.Value, percent(s.UpdateCosNegativeRatio.Value)))
	}
	return out
}
