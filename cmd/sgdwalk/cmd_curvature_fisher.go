package main

import (
	"context"
	"fmt"

	"sgdwalk/analyze/curvature"
)

// defaultGradients is the default of curvature --gradients.
const defaultGradients = 50

// checkFisher refuses flags that do not go with the matrix.
func (c *curvatureCmd) checkFisher() error {
	if curvature.Matrix(c.Matrix) != curvature.FisherMatrix {
		if c.Gradients != defaultGradients {
			return usagef("--gradients is for --matrix %s; --matrix is %s", curvature.FisherMatrix, c.Matrix)
		}
		return nil
	}
	for _, f := range []struct {
		isSet     bool
		name, why string
	}{
		{c.Along != "", "along", "it is computed at one step; choose it with --step"},
		{c.Layers, "layers", "it has no diagonal blocks here"},
		{c.Products != 400 || c.Block != 4, "products and --block", "it needs no Lanczos iteration"},
		{c.Probes != 10 || c.Seed != 0, "probes and --seed", "all its eigenvalues are known, without random vectors"},
		{
			c.Data != "" || c.AllowOtherData || c.Norm != "batch", "data, --allow-other-data and --norm",
			"it is made of recorded gradients and evaluates no loss",
		},
		{c.Objective != "", "objective", "it is made of recorded gradients and evaluates no loss"},
	} {
		if f.isSet {
			return usagef("--%s: not for --matrix %s: %s", f.name, curvature.FisherMatrix, f.why)
		}
	}
	return nil
}

// fisher computes the empirical Fisher matrix of the recorded gradients around a step.
func (c *curvatureCmd) fisher(ctx context.Context, e *env) error {
	most, err := parseSize("--max-memory", c.MaxMemory)
	if err != nil {
		return err
	}
	o := curvature.FisherOptions{
		Step: c.Step, Gradients: c.Gradients, Top: c.Top, MaxMemory: most,
		Progress: e.progress,
	}
	if c.Gradients == 0 {
		return usagef("--gradients is 0; it must be at least 2")
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	a, err := c.open(e, "curvature")
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.indivisible("the empirical Fisher matrix is one pass over recorded gradients and cannot be shared"); err != nil {
		return err
	}
	r, err := curvature.EmpiricalFisher(ctx, a.trace, o)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Dir, err)
	}
	if err := a.begin(); err != nil {
		return err
	}
	if err := a.tables([]namedTable{
		{"eigenvalues", &r.Eigenvalues},
		{"spectrum", &r.Spectrum},
		{"gradients", &r.Gradients},
	}...); err != nil {
		return err
	}
	return a.finish(&r.Summary, r.Warnings, o.Effective(), curvature.FisherMethod, curvature.FisherCitation)
}
