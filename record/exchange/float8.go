package exchange

import "math"

// float8 describes an 8-bit format: a sign bit, an exponent and a fraction.
type float8 struct {
	fraction int  // number of bits
	bias     int  // of the exponent
	infinite bool // the highest exponent is for infinities and NaNs, as in IEEE 754
	unsigned bool // 0x80 is the only NaN; there is no negative zero (the FNUZ formats)
}

// The formats of Micikevicius et al. 2022 (FP8 formats for deep learning), and their FNUZ
// variants, which are finite and have an unsigned zero.
var float8Formats = map[class]float8{
	float8E4M3:     {3, 7, false, false},
	float8E5M2:     {2, 15, true, false},
	float8E4M3FNUZ: {3, 8, false, true},
	float8E5M2FNUZ: {2, 16, false, true},
}

// value returns the number with these bits, exactly.
func (f float8) value(b byte) float64 {
	fractions := 1 << f.fraction
	exponent, fraction := int(b&0x7f)>>f.fraction, int(b)&(fractions-1)
	highest := exponent == 0x7f>>f.fraction
	var v float64
	switch {
	// The formats differ in their NaNs: FNUZ uses the code of negative zero, IEEE 754 the
	// highest exponent with a fraction, and E4M3FN only the code with all bits set.
	case f.unsigned && b == 0x80, f.infinite && highest && fraction != 0, !f.infinite && !f.unsigned && b&0x7f == 0x7f:
		v = math.NaN()
	case f.infinite && highest:
		v = math.Inf(1)
	case exponent == 0: // subnormal: no implicit 1 before the fraction
		v = math.Ldexp(float64(fraction), 1-f.bias-f.fraction)
	default:
		v = math.Ldexp(float64(fractions+fraction), exponent-f.bias-f.fraction)
	}
	if b >= 0x80 {
		v = math.Copysign(v, -1)
	}
	return v
}
