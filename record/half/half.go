// Package half converts float32 numbers to the two 16-bit formats in which
// recordings may keep vectors, IEEE 754 binary16 and bfloat16, and back.
//
//  1. [ToFloat16] and [ToBFloat16] round to the nearest, ties to even, as
//     processors do.
//  2. [FromFloat16] and [FromBFloat16] are exact: converting a number again and
//     again changes it only the first time.
package half

import "math"

// ToFloat16 returns the IEEE 754 binary16 number nearest to f, ties to even, as
// its bits. Magnitudes of 65520 and more become infinite, those of at most 2^-25
// become zero, both with f's sign. A NaN stays one, with its sign and the upper
// ten bits of its payload.
func ToFloat16(f float32) uint16 {
	bits := math.Float32bits(f)
	sign, abs := uint16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case abs > 0x7f800000:
		payload := uint16(abs>>13) & 0x3ff
		if payload == 0 {
			payload = 0x200 // a payload of zero would be an infinity
		}
		return sign | 0x7c00 | payload
	case abs >= 0x477ff000: // 65520, half way from the largest number to the next
		return sign | 0x7c00
	case abs < 0x38800000: // below 2^-14, the smallest normal number
		// In this range binary16 numbers are 2^-24 apart, like float32 numbers between
		// 1/2 and 1. So adding 1/2 rounds correctly, and the fraction has the result.
		shifted := math.Float32frombits(abs) + 0.5
		return sign | uint16(math.Float32bits(shifted)-0x3f000000)
	default:
		abs += 0xfff + abs>>13&1 // rounds to even; a carry into the exponent is correct
		return sign | uint16((abs-112<<23)>>13)
	}
}

// FromFloat16 returns the number with these binary16 bits, exactly.
func FromFloat16(h uint16) float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero, or subnormal: the fraction counts in units of 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
	case 0x1f: // infinity or NaN, whose payload moves to the upper bits
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	default: // the biases of the exponents, 15 and 127, differ by 112
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
}

// ToBFloat16 returns the bfloat16 number (a float32 without its lower 16 bits)
// nearest to f, ties to even, as its bits. Magnitudes beyond the largest one,
// about 3.39e38, become infinite. A NaN stays one, with its sign and the upper
// seven bits of its payload.
func ToBFloat16(f float32) uint16 {
	bits := math.Float32bits(f)
	if bits&0x7fffffff > 0x7f800000 { // a NaN: the addition below could turn it into infinity or zero
		h := uint16(bits >> 16)
		if h&0x7f == 0 {
			h |= 0x40
		}
		return h
	}
	// 0x7fff is just less than half of the last place. The added parity bit makes it half when
	// the cut result is odd, so ties go to even. A carry into the exponent is correct, up to
	// infinity.
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// FromBFloat16 returns the number with these bfloat16 bits, exactly.
func FromBFloat16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
