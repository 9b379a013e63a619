package main

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
)

// keptPlane is what a plan keeps of the plane of a landscape, so that no worker has
// to find it again: principal directions take two readings of all iterates,
// eigenvectors dozens of gradients, and the path on the plane one reading more.
// A merge finds the plane again, because it also describes it.
type keptPlane struct {
	Recipe       landscape.PlaneRecipe
	Around       [][2]float64
	Square       bool
	Origin, U, V []float32
	Others       []string              // fingerprints of further runs that it goes through
	FitKernel    string                // that found it, of principal directions
	Path         *landscape.Projection // nil without a path
}

// mostKept bounds the parameters of a plane that is kept: a worker holds the file
// in memory together with the plane.
const mostKept = 50_000_000

// plane chooses the plane and projects the path onto it. A worker reads both from the plan.
func (c *landscapeCmd) plane(
	ctx context.Context, a *analysis, fit pca.Options, loss analyze.Gradient, o landscape.Options,
	aligned *alignedPlane,
) (p *landscape.ChosenPlane, err error) {
	kept := new(keptPlane)
	err = a.once(kept, func() (keep bool, err error) {
		choice, err := c.planeOptions(a)
		if err != nil {
			return false, err
		}
		if aligned != nil {
			aligned.choose(ctx, &choice)
		}
		if choice.PCA, choice.Gradient = fit, loss; choice.Kind == "pca" {
			a.fitKernel = pca.Kernel()
		}
		if p, err = landscape.ChoosePlane(ctx, a.trace, choice); err != nil {
			return false, a.interrupted(ctx, err)
		}
		if c.withPath(p.Recipe.Kind) {
			o.Path = a.trace
			if p.Path, err = landscape.Project(ctx, p.Plane, o); err != nil {
				return false, err
			}
		}
		*kept = keptPlane{
			Recipe: p.Recipe, Around: p.Around, Square: p.Square, Path: p.Path, FitKernel: a.fitKernel,
			Others: a.others,
			Origin: p.Plane.Origin, U: p.Plane.U, V: p.Plane.V,
		}
		return p.Plane.Len() <= mostKept, nil
	})
	if err != nil || p != nil {
		return p, err
	}
	plane, err := analyze.NewPlane(kept.Origin, kept.U, kept.V)
	if err != nil {
		return nil, fmt.Errorf("the plane of the plan: %w", err)
	}
	a.fitKernel, a.others = kept.FitKernel, kept.Others
	return &landscape.ChosenPlane{
		Plane: plane, Recipe: kept.Recipe, Around: kept.Around, Square: kept.Square, Path: kept.Path,
	}, nil
}
