package consistency

import (
	"math"

	"sgdwalk/record"
	"sgdwalk/record/sketch"
)

// precision is the type of the elements of theta and grad, as they were kept.
type precision struct {
	name   string
	digits int // significant bits
	least  int // exponent of the smallest number above 0
}

var (
	float32Precision  = precision{record.Float32, 24, -149}
	float16Precision  = precision{record.Float16, 11, -24}
	bfloat16Precision = precision{record.BFloat16, 8, -133}
)

// unit returns the largest relative error of rounding.
func (p precision) unit() float64 { return math.Ldexp(1, -p.digits) }

// ulp returns the distance of x from the next number.
func (p precision) ulp(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return math.Ldexp(1, p.least)
	}
	return math.Ldexp(1, max(math.Ilogb(x)-p.digits+1, p.least))
}

// isFull reports whether vectors were not rounded.
func (p precision) isFull() bool { return p.digits == float32Precision.digits }

// storedPrecision returns the precision of the vectors of a recording. Before format
// 2, the header's dtype does not name it.
func storedPrecision(h *record.Header) precision {
	name := h.DType
	if h.Sketch != nil {
		if spec, err := sketch.ParseSpec(h.Sketch.Spec); err == nil && spec.Precision != sketch.Float32 {
			name = spec.Precision.String()
		}
	}
	switch name {
	case record.Float16:
		return float16Precision
	case record.BFloat16:
		return bfloat16Precision
	}
	return float32Precision
}

// trainedPrecision returns for every tensor the precision in which another program
// keeps theta, although the recording has float32: a model may be in 16 bits. Numbers
// with short fractions, such as 0 and 1, say nothing, so a tensor of such numbers
// counts as the most precise of the other tensors.
func trainedPrecision(layout record.Layout, theta []float32) []precision {
	const enough = 4 // numbers with a fraction; that many float32 numbers are not all rounded by chance
	all, finest := make([]precision, len(layout)), precision{}
	for i, t := range layout {
		var bits uint32
		numbers := 0
		for _, x := range t.View(theta) {
			if fraction := math.Float32bits(x) & (1<<23 - 1); fraction != 0 {
				bits |= fraction
				numbers++
			}
		}
		switch {
		case numbers < enough:
			continue
		case bits&(1<<16-1) == 0:
			all[i] = bfloat16Precision
		case bits&(1<<13-1) == 0:
			all[i] = float16Precision
		default:
			all[i] = float32Precision
		}
		if all[i].digits > finest.digits {
			finest = all[i]
		}
	}
	if finest.digits == 0 {
		finest = float32Precision
	}
	for i := range all {
		if all[i].digits == 0 {
			all[i] = finest
		}
	}
	return all
}
