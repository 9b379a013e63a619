package main

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
)

// keptPlane is what a plan keeps of the plane of a landscape, so that no worker has
// to find it again: principal directions take two readings of all iterates,
// eigenvectors dozens of gradients, and the path on the plane one reading more.
// What a merge says of the plane beside that it finds out itself.
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
// in memory beside the plane.
const mostKept = 50_000_000

// plane returns the plane that a plan has kept.
func (k *keptPlane) plane(a *analysis) (*landscape.ChosenPlane, error) {
	plane, err := analyze.NewPlane(k.Origin, k.U, k.V)
	if err != nil {
		return nil, fmt.Errorf("the plane of the plan: %w", err)
	}
	a.fitKernel, a.others = k.FitKernel, k.Others
	return &landscape.ChosenPlane{Plane: plane, Recipe: k.Recipe, Around: k.Around, Square: k.Square, Path: k.Path}, nil
}
