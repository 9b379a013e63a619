package consistency

import (
	"math"
)

// update says how the recorded update of a tensor differs from the expected one.
type update struct {
	tensor          int
	code            Code
	relative        float64 // largest error, divided by the largest element of the expected update
	value, expected float64 // the element with the largest error
	element         int
	ratio           float64 // of the recorded update to the expected one
	isRatio         bool    // the ratio is that of all elements
	isNearRatio     bool    // the ratio is approximately that of the elements
	isStill         bool    // the tensor did not move, but should have moved
	isOutside       bool    // no parameter group has the tensor, and it moved
}

// smallestFloat16 is the smallest float16 number with all digits.
const smallestFloat16 = 0x1p-14

// equalBits reports whether two vectors have the same bits. A NaN equals every NaN,
// because processors give different ones.
func equalBits(a, b []float32) bool {
	b = b[:len(a)]
	for i, x := range a {
		if y := b[i]; math.Float32bits(x) != math.Float32bits(y) && (x == x || y == y) { //nolint:gocritic // NaN
			return false
		}
	}
	return true
}

// tolerance is the largest difference between a recorded and an expected element.
type tolerance struct {
	isExact  bool // bits must agree
	absolute float64
	ulps     float64 // in addition, in units of the last place
	precision
	masked []bool // elements that are not compared; nil compares all
}

// allows reports whether the tolerance allows a recorded value b, where the rule
// gives the expected value and started from a.
func (t *tolerance) allows(i int, a, b, expected float32) bool {
	d := math.Abs(float64(b) - float64(expected))
	switch {
	case d <= t.absolute || b == expected || t.masked != nil && t.masked[i]:
		return true
	case d != d: //nolint:gocritic // NaN: equal infinities, or a NaN on either side
		return expected != expected && b != b || !t.isFull() && a != a //nolint:gocritic // NaN
	}
	most := max(math.Abs(float64(a)), math.Abs(float64(b)), math.Abs(float64(expected)))
	return d <= t.absolute+t.ulps*t.ulp(most) || !t.isFull() && math.IsInf(most, 0)
}

// agrees reports whether a tensor agrees with the expected one.
func (t *tolerance) agrees(a, b, expected []float32) bool {
	if t.isExact {
		return equalBits(b, expected)
	}
	for i := range b {
		if !t.allows(i, a[i], b[i], expected[i]) {
			return false
		}
	}
	return true
}

// largestUpdate returns the largest element of an update from a to b; it ignores
// elements that are not finite.
func largestUpdate(a, b []float32) float64 {
	largest := 0.0
	b = b[:len(a)]
	for i, x := range a {
		if d := math.Abs(float64(b[i]) - float64(x)); d > largest && !math.IsInf(d, 0) {
			largest = d
		}
	}
	return largest
}

// measure describes how the update from a to b differs from the one to expected.
func measure(a, b, expected []float32, p precision) update {
	u := update{isStill: true}
	worst, largest := -1.0, largestUpdate(a, expected)
	var product, square, recorded float64
	for i, x := range a {
		e := math.Abs(float64(b[i]) - float64(expected[i]))
		if e != e { //nolint:gocritic // NaN
			e = math.Inf(1)
			if b[i] != b[i] && expected[i] != expected[i] { //nolint:gocritic // both are NaN
				e = 0
			}
		}
		if e > worst {
			worst, u.element, u.value, u.expected = e, i, float64(b[i]), float64(expected[i])
		}
		u.isStill = u.isStill && b[i] == x
		d := float64(expected[i]) - float64(x)
		r := float64(b[i]) - float64(x)
		product += d * r
		square += d * d
		recorded += r * r
	}
	u.relative = worst / largest                        // +Inf when no update was expected
	if u.ratio = product / square; u.ratio == u.ratio { //nolint:gocritic // not NaN
		u.isRatio = math.Abs(u.ratio-1) > leastRatio && isVisible(a, expected, p) && fits(a, b, expected, u.ratio, largest, p)
		u.isNearRatio = product*product > nearCosine*nearCosine*square*recorded && math.Abs(u.ratio-1) > leastNearRatio
	}
	u.isStill = u.isStill && largest > 0
	return u
}

// Limits for the statement that an update is a multiple of the expected one.
const (
	ratioError  = 1e-3 // largest error of an element, relative to the largest element
	ratioDigits = 16   // the largest element has at least this number of units in the last place
	leastRatio  = 1e-4 // a ratio nearer to 1 is rounding

	// The same for the statement that it is approximately a multiple. Weight decay, for
	// example, does not change when the gradient is scaled.
	nearCosine     = 0.98
	leastNearRatio = 0.1
)

// fits reports whether the update from a to b is ratio times the one to expected, whose
// largest element is given.
func fits(a, b, expected []float32, ratio, largest float64, p precision) bool {
	for i, x := range a {
		d := float64(expected[i]) - float64(x)
		ulp := p.ulp(max(math.Abs(float64(x)), math.Abs(float64(b[i]))))
		if e := math.Abs(float64(b[i]) - float64(x) - ratio*d); !(e <= ratioError*math.Abs(ratio)*largest+2*ulp) {
			return false
		}
	}
	return true
}

// isVisible reports whether an update has an element that is much larger than the rounding
// of theta.
func isVisible(a, expected []float32, p precision) bool {
	for i, x := range a {
		if math.Abs(float64(expected[i])-float64(x)) > ratioDigits*p.ulp(float64(x)) {
			return true
		}
	}
	return false
}

// fitLength scales the update from theta to next, in place, to the length that fits the
// recorded one best, and returns the factor. A factor below 0 becomes 0.
func fitLength(next, theta, recorded []float32) float64 {
	var product, square float64
	for i, x := range theta {
		d := float64(next[i]) - float64(x)
		product += d * (float64(recorded[i]) - float64(x))
		square += d * d
	}
	length := 0.0
	if square > 0 {
		length = max(0, product/square)
	}
	for i, x := range theta {
		next[i] = float32(float64(x) + length*(float64(next[i])-float64(x)))
	}
	return length
}
