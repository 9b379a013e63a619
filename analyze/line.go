package analyze

import (
	"fmt"
	"math"
)

// Line is the set Origin + a U in the space of theta. The coordinate a is a multiple of U,
// which need not be of unit length. The slices have length P and are shared with the
// creator of the line: read them, do not change them. Make a line with [NewLine].
type Line struct {
	Origin []float32
	U      []float32

	uu float64
}

// NewLine returns the line through origin along u. It keeps the slices. It returns an
// error when origin is empty, when the lengths differ, when u is zero, or when an element
// is not finite.
func NewLine(origin, u []float32) (Line, error) {
	if err := checkDirection("direction", origin, u); err != nil {
		return Line{}, err
	}
	return Line{Origin: origin, U: u, uu: dot(u, u)}, nil
}

// Norm returns the length of U.
func (l *Line) Norm() float64 { return math.Sqrt(l.uu) }

// Point sets dst, of length P, to Origin + a U. Every element is computed in float64 from
// the origin and rounded once, as in [Plane.Point]. It panics when dst has another length.
func (l *Line) Point(a float64, dst []float32) {
	if len(dst) != len(l.Origin) {
		panic(fmt.Sprintf("analyze: line: Point got %d elements for %d parameters", len(dst), len(l.Origin)))
	}
	u := l.U[:len(dst)]
	for i, o := range l.Origin {
		dst[i] = float32(float64(o) + float64(a*float64(u[i])))
	}
}

// Project returns the coordinate of the point on the line that is nearest to theta, as a
// multiple of U, and the distance between this point and theta. It panics when theta has
// another length.
func (l *Line) Project(theta []float32) (a, residual float64) {
	if len(theta) != len(l.Origin) {
		panic(fmt.Sprintf("analyze: line: Project got %d elements for %d parameters", len(theta), len(l.Origin)))
	}
	var du, r float64
	u := l.U[:len(theta)]
	for i, o := range l.Origin {
		du += (float64(theta[i]) - float64(o)) * float64(u[i])
	}
	a = du / l.uu
	for i, o := range l.Origin {
		d := float64(theta[i]) - (float64(o) + a*float64(u[i]))
		r += d * d
	}
	return a, math.Sqrt(r)
}
