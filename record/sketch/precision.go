package sketch

import "sgdwalk/record/half"

// Precision is the type to which the elements of a vector are rounded. In memory they stay
// float32, with a value that the shorter type can represent. The header's DType tells a
// file format that it can store them in two bytes without a further loss.
type Precision uint8

// The precisions. See half.ToFloat16 and half.ToBFloat16 for the rounding.
const (
	Float32  Precision = iota // not rounded
	Float16                   // 11 significant bits, magnitudes of 6e-8 to 65504
	BFloat16                  // 8 significant bits, the range of float32
)

var precisionNames = [...]string{"float32", "float16", "bfloat16"}

// String returns the name in the text of a Spec.
func (p Precision) String() string {
	if int(p) < len(precisionNames) {
		return precisionNames[p]
	}
	return "unknown"
}

// RoundTo rounds src into dst, which may be src. It panics when dst is shorter.
func (p Precision) RoundTo(dst, src []float32) {
	dst = dst[:len(src)]
	switch p {
	case Float16:
		for i, x := range src {
			dst[i] = half.FromFloat16(half.ToFloat16(x))
		}
	case BFloat16:
		for i, x := range src {
			dst[i] = half.FromBFloat16(half.ToBFloat16(x))
		}
	default:
		copy(dst, src)
	}
}
