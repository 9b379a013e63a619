package analyze

import (
	"fmt"
	"math"
)

// minSine2 is the smallest squared sine of the angle between the two directions
// of a plane. Below it (an angle of 1e-5) the second coordinate of a projection
// would keep less than half the digits of its inputs.
const minSine2 = 1e-10

// Plane is the set Origin + a U + b V in the space of theta. U and V need not have unit
// length and need not be orthogonal. Coordinates are multiples of the directions, both in
// [Plane.Point] and in [Plane.Project].
//
// The three slices have length P and are shared with the creator of the plane: read them,
// do not change them. Make a plane with [NewPlane].
type Plane struct {
	Origin []float32
	U, V   []float32

	uu, uv, vv float64 // Gram matrix of U and V
}

// NewPlane returns the plane through origin along u and v. It keeps the slices. It returns
// an error when origin is empty, when the lengths differ, when a direction is zero, when an
// element is not finite, or when the directions are parallel.
func NewPlane(origin, u, v []float32) (Plane, error) {
	if err := checkDirection("first direction", origin, u); err != nil {
		return Plane{}, err
	}
	if err := checkDirection("second direction", origin, v); err != nil {
		return Plane{}, err
	}
	p := Plane{Origin: origin, U: u, V: v}
	p.uu, p.uv, p.vv = dot(u, u), dot(u, v), dot(v, v)
	cos := p.uv / math.Sqrt(p.uu) / math.Sqrt(p.vv)
	if 1-cos*cos < minSine2 {
		return Plane{}, fmt.Errorf("analyze: plane: the two directions are parallel (cosine %.12g); they must span a "+
			"plane", cos)
	}
	return p, nil
}

// PlaneThrough returns the plane through the points a, b and c, which get the coordinates
// (0,0), (1,0) and (0,1). The plane through the last iterates of three runs shows their
// basins together. It returns an error when the lengths differ, when an element is not
// finite, or when the points are on one line.
func PlaneThrough(a, b, c []float32) (Plane, error) {
	directions := [2][]float32{}
	for i, q := range [][]float32{b, c} {
		if len(q) != len(a) {
			return Plane{}, fmt.Errorf("analyze: plane: point %d has %d elements, the first one has %d; they must be "+
				"equal", i+2, len(q), len(a))
		}
		directions[i] = make([]float32, len(a))
		for j := range a {
			directions[i][j] = q[j] - a[j]
		}
	}
	return NewPlane(a, directions[0], directions[1])
}

// checkDirection returns an error when origin and d cannot be the origin and a direction of
// a line or plane.
func checkDirection(name string, origin, d []float32) error {
	switch {
	case len(origin) == 0:
		return fmt.Errorf("analyze: plane: the origin has no elements; it must have one for every parameter")
	case len(d) != len(origin):
		return fmt.Errorf("analyze: plane: the %s has %d elements, the origin has %d; they must be equal", name,
			len(d), len(origin))
	}
	if i := notFinite(origin); i >= 0 {
		return fmt.Errorf("analyze: plane: element %d of the origin is %v; it must be finite", i, origin[i])
	}
	if i := notFinite(d); i >= 0 {
		return fmt.Errorf("analyze: plane: element %d of the %s is %v; it must be finite", i, name, d[i])
	}
	if dot(d, d) == 0 {
		return fmt.Errorf("analyze: plane: the %s is zero; it must have a positive length", name)
	}
	return nil
}

// Len returns P, the number of parameters.
func (p *Plane) Len() int { return len(p.Origin) }

// Norms returns the lengths of U and V: the distances in the space of theta of one unit of
// each coordinate.
func (p *Plane) Norms() (u, v float64) { return math.Sqrt(p.uu), math.Sqrt(p.vv) }

// Cosine returns the cosine of the angle between U and V.
func (p *Plane) Cosine() float64 { return p.uv / math.Sqrt(p.uu) / math.Sqrt(p.vv) }

// Point sets dst, of length P, to Origin + a U + b V. Every element is computed in float64
// from the origin and rounded once, so a point does not depend on earlier points. It panics
// when dst has another length.
//
// The conversions in the sums keep a compiler from fusing multiplication and
// addition, so that every processor evaluates the loss at the same points.
func (p *Plane) Point(a, b float64, dst []float32) {
	if len(dst) != len(p.Origin) {
		panic(fmt.Sprintf("analyze: plane: Point got %d elements for %d parameters", len(dst), len(p.Origin)))
	}
	u, v := p.U[:len(dst)], p.V[:len(dst)]
	for i, o := range p.Origin {
		dst[i] = float32(float64(o) + float64(a*float64(u[i])) + float64(b*float64(v[i])))
	}
}

// Project returns the coordinates of the point on the plane that is nearest to theta, and
// the distance between this point and theta. The coordinates solve the normal equations
// with the 2x2 Gram matrix of the directions, so they are also right for oblique directions
// and for directions of any length. A theta that is not finite gives NaN. It panics when
// theta has another length.
func (p *Plane) Project(theta []float32) (a, b, residual float64) {
	if len(theta) != len(p.Origin) {
		panic(fmt.Sprintf("analyze: plane: Project got %d elements for %d parameters", len(theta), len(p.Origin)))
	}
	var du, dv float64
	u, v := p.U[:len(theta)], p.V[:len(theta)]
	for i, o := range p.Origin {
		d := float64(theta[i]) - float64(o)
		du += d * float64(u[i])
		dv += d * float64(v[i])
	}
	// The determinant is uu times the squared length of the part of V that is orthogonal
	// to U. The plain difference uu*vv - uv*uv would lose the digits of a small angle.
	shear := p.uv / p.uu
	orthogonal := p.vv - shear*p.uv
	b = (dv - shear*du) / orthogonal
	a = (du - b*p.uv) / p.uu

	// The distance is the sum of the squared differences. Computing it from norms
	// (Pythagoras) would leave only half of the digits near the plane.
	var r float64
	for i, o := range p.Origin {
		d := float64(theta[i]) - (float64(o) + a*float64(u[i]) + b*float64(v[i]))
		r += d * d
	}
	return a, b, math.Sqrt(r)
}

// dot sums the products in float64, where a product of two float32 is exact. It uses four
// running sums in a fixed pattern: they are faster than one sum, and the bits never change.
func dot(x, y []float32) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += float64(x[i]) * float64(y[i])
		s1 += float64(x[i+1]) * float64(y[i+1])
		s2 += float64(x[i+2]) * float64(y[i+2])
		s3 += float64(x[i+3]) * float64(y[i+3])
	}
	for ; i < len(x); i++ {
		s0 += float64(x[i]) * float64(y[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(x []float32) int {
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}
