package landscape

import (
	"fmt"
	"strings"
)

// PlaneKind is the way in which the directions of a plane were chosen.
type PlaneKind string

// The kinds of planes.
const (
	PrincipalPlane PlaneKind = "pca"     // principal directions of the iterates
	RandomKind     PlaneKind = "random"  // random directions
	HessianPlane   PlaneKind = "hessian" // eigenvectors of the Hessian
	ThroughPlane   PlaneKind = "through" // through two or three points
	FilePlane      PlaneKind = "file"    // directions from files
)

// PlaneRecipe records how a plane, or a set of random lines, was chosen. A result contains it.
type PlaneRecipe struct {
	Kind       PlaneKind `json:"kind"`
	Origin     string    `json:"origin"`
	Directions []string  `json:"directions"`

	Normalization  string    `json:"normalization,omitempty"`
	OneDimensional string    `json:"one_dimensional,omitempty"`
	Orthogonal     bool      `json:"orthogonal,omitempty"`
	Aligned        bool      `json:"aligned,omitempty"` // the hidden units of the points after the first are permuted
	Seed           uint64    `json:"seed"`
	Eigenvalues    []float64 `json:"eigenvalues,omitempty"`
	Residuals      []float64 `json:"eigenvalue_residuals,omitempty"`
	ProductMethod  string    `json:"product_method,omitempty"` // of the Hessian, as in curvature.Summary
}

// Direction names direction i of the plane, 0 or 1.
func (p *PlaneRecipe) Direction(i int) string {
	switch {
	case i >= len(p.Directions):
		return fmt.Sprintf("direction %d", i+1)
	case p.Kind == PrincipalPlane:
		return strings.ToUpper(p.Directions[i])
	}
	return p.Directions[i]
}

// Title names the plane in a few words, such as "PC1 and PC2". It is empty when the kind is
// unknown.
func (p *PlaneRecipe) Title() string {
	switch p.Kind {
	case PrincipalPlane:
		return p.Direction(0) + " and " + p.Direction(1)
	case RandomKind:
		return "random directions"
	case HessianPlane:
		return "Hessian eigenvectors"
	case ThroughPlane:
		return "through points"
	case FilePlane:
		return "given directions"
	}
	return ""
}

// String describes the plane, such as "the plane of two random directions,
// filter-normalized, through step 20".
func (p *PlaneRecipe) String() string {
	origin := p.Origin
	switch origin {
	case "mean":
		origin = "the mean of the iterates"
	case "final":
		origin = "the last iterate"
	case "init":
		origin = "the first iterate"
	}
	if origin != "" {
		origin = " through " + origin
	}
	first, second := p.Direction(0), p.Direction(1)
	switch p.Kind {
	case PrincipalPlane:
		return fmt.Sprintf("the plane of the principal directions %s and %s%s", first, second, origin)
	case RandomKind:
		return "the plane of two random directions, " + p.LengthText() + "," + origin
	case HessianPlane:
		text := fmt.Sprintf("the plane of the eigenvectors %s and %s of the Hessian%s", strings.TrimPrefix(first,
			"eigenvector "), strings.TrimPrefix(second, "eigenvector "), origin)
		if l := p.Eigenvalues; len(l) == 2 {
			text += fmt.Sprintf(" (\u03bb = %.4g and %.4g there)", l[0], l[1])
		}
		return text
	case ThroughPlane:
		if second == "random1" {
			return fmt.Sprintf("the plane%s and %s, with a random direction, %s, as its second", origin, first,
				p.LengthText())
		}
		return fmt.Sprintf("the plane%s, %s and %s", origin, first, second)
	case FilePlane:
		return fmt.Sprintf("the plane of the given directions %s and %s%s", first, second, origin)
	}
	return "a plane"
}

// LengthText describes the normalization of random directions.
func (p *PlaneRecipe) LengthText() string {
	if p.Normalization == "" || p.Normalization == string(NoNormalization) {
		return "not normalized"
	}
	return p.Normalization + "-normalized"
}
