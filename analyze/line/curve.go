package line

import (
	"fmt"
	"math"

	"sgdwalk/record"
)

// Form is the form of a curve between two points. One further point bends the curve.
type Form string

// The forms. The empty string is Bezier.
const (
	// Bezier is the quadratic Bezier curve (1-t)^2 a + 2t(1-t) w + t^2 b.
	Bezier Form = "bezier"
	// Polychain is the chain of the segments from a to w and from w to b.
	Polychain Form = "polychain"
)

// Curve is a curve from A (t = 0) to B (t = 1). Bend is the control point of a Bezier curve,
// which the curve does not pass through, or the corner of a polychain at t = 1/2. The slices
// have the same length and belong to the caller that made the curve.
type Curve struct {
	Form Form
	A, B []float32
	Bend []float32
}

// weights returns the weights of A, Bend and B in the point at t. They add up to 1.
func (f Form) weights(t float64) (a, w, b float64) {
	switch {
	case f != Polychain:
		return (1 - t) * (1 - t), 2 * t * (1 - t), t * t
	case t <= 0.5:
		return 1 - 2*t, 2 * t, 0
	default:
		return 0, 2 * (1 - t), 2*t - 1
	}
}

// coordinates returns the point at t in the span of the points A, Bend and B.
func (f Form) coordinates(t float64) record.Coordinates {
	_, w, b := f.weights(t)
	switch {
	case t == 1:
		return record.Coordinates{Base: 2}
	case f == Polychain && t >= 0.5:
		return record.Between(1, 2, b, 3)
	}
	return record.Coordinates{Along: []float64{0, w, b}}
}

// Point sets dst to the point at t, 0 <= t <= 1. The point is computed in float64 and rounded
// once. t = 0 and 1 give A and B to the bit. Point panics when dst has another length than A.
func (c *Curve) Point(t float64, dst []float32) {
	if len(dst) != len(c.A) {
		panic(fmt.Sprintf("line: curve: Point got %d elements for %d parameters", len(dst), len(c.A)))
	}
	switch t {
	case 0:
		copy(dst, c.A)
		return
	case 1:
		copy(dst, c.B)
		return
	}
	a, w, b := c.Form.weights(t)
	for i := range dst {
		dst[i] = float32(float64(a*float64(c.A[i])) + float64(w*float64(c.Bend[i])) + float64(b*float64(c.B[i])))
	}
}

// Length returns the length of the curve.
func (c *Curve) Length() float64 { return c.LengthTo(1) }

// LengthTo returns the length of the part from 0 to t. The speed of a Bezier curve is
// |2(1-t)(w-a) + 2t(b-w)|, which three inner products determine. LengthTo integrates the
// speed by Simpson's rule on 2000 pieces.
func (c *Curve) LengthTo(t float64) float64 {
	aa, ab, bb := c.gram()
	if c.Form == Polychain {
		return min(t, 0.5)*2*math.Sqrt(aa) + max(t-0.5, 0)*2*math.Sqrt(bb)
	}
	speed := func(s float64) float64 {
		u := 1 - s
		return 2 * math.Sqrt(max(0, u*u*aa+2*u*s*ab+s*s*bb))
	}
	const pieces = 2000
	h, sum := t/pieces, 0.0
	for i := range pieces {
		x := h * float64(i)
		sum += speed(x) + 4*speed(x+h/2) + speed(x+h)
	}
	return sum * h / 6
}

// gram returns the inner products of w-a and b-w.
func (c *Curve) gram() (aa, ab, bb float64) {
	for i := range c.A {
		x := float64(c.Bend[i]) - float64(c.A[i])
		y := float64(c.B[i]) - float64(c.Bend[i])
		aa += float64(x * x)
		ab += float64(x * y)
		bb += float64(y * y)
	}
	return aa, ab, bb
}
