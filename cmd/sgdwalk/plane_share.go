package main

import (
	"bytes"
	"context"
	"encoding/gob"
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

// plane returns the plane that the plan has kept for a worker, and otherwise
// chooses it.
func (s *share) plane(a *analysis, choose func() (*planeOf, error)) (*planeOf, error) {
	if s == nil || s.blob == nil {
		p, err := choose()
		if err == nil && s != nil && s.planning && p.plane.Len() <= mostKept {
			s.keeps = &keptPlane{Recipe: p.recipe, Around: p.around, Square: p.square, Origin: p.plane.Origin, U: p.plane.U, V: p.plane.V, FitKernel: a.fitKernel, Others: a.others}
		}
		return p, err
	}
	k := new(keptPlane)
	if err := gob.NewDecoder(bytes.NewReader(s.blob)).Decode(k); err != nil {
		return nil, fmt.Errorf("the plane of the plan: %w", err)
	}
	plane, err := analyze.NewPlane(k.Origin, k.U, k.V)
	if err != nil {
		return nil, fmt.Errorf("the plane of the plan: %w", err)
	}
	a.fitKernel, a.others = k.FitKernel, k.Others
	return &planeOf{plane: plane, recipe: k.Recipe, around: k.Around, square: k.Square, path: k.Path}, nil
}

// projection returns where the path lies on the plane, if that is known or is to be
// kept; nil leaves it to the landscape.
func (s *share) projection(ctx context.Context, p *planeOf, o landscape.Options) (*landscape.Projection, error) {
	if s == nil || s.keeps == nil {
		return p.path, nil
	}
	var err error
	s.keeps.Path, err = landscape.Project(ctx, p.plane, o)
	return s.keeps.Path, err
}

// encode returns the file of a plane that is kept.
func (k *keptPlane) encode() ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(k); err != nil {
		return nil, fmt.Errorf("the plane of the plan: %w", err)
	}
	return b.Bytes(), nil
}
