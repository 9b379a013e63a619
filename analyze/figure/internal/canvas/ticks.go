package canvas

import (
	"math"
	"strconv"
	"strings"
)

// Tick is a mark on an axis; the minor ones have no label.
type Tick struct {
	Value float64
	Label string
}

// niceStep returns the smallest of 1, 2, 2.5, 5 times a power of ten that divides
// span into at most n parts.
func niceStep(span float64, n int) float64 {
	raw := span / float64(max(n, 1))
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*base >= raw*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// multiples returns the multiples of step in [lo, hi].
func multiples(lo, hi, step float64) []float64 {
	var out []float64
	eps := 1e-9 * (hi - lo) / step
	for k := math.Ceil(lo/step - eps); k <= math.Floor(hi/step+eps) && len(out) < 1000; k++ {
		v := k * step
		if v == 0 {
			v = 0 // no negative zero
		}
		out = append(out, v)
	}
	return out
}

// linearTicks returns at most n+1 ticks in [lo, hi] and the power of ten that
// their labels are to be multiplied by (0 for none).
func linearTicks(lo, hi float64, n int, whole bool) (ticks []Tick, exponent int) {
	step := tickStep(lo, hi, n, whole)
	if finer := tickStep(lo, hi, n+n/2, whole); len(multiples(lo, hi, step)) < 3 {
		step = finer // two numbers do not show a scale
	}
	if top := math.Max(math.Abs(lo), math.Abs(hi)); top >= 1e5 && !whole || top < 1e-2 {
		exponent = int(math.Floor(math.Log10(top) + 1e-9))
	}
	unit := math.Pow(10, float64(exponent))
	decimals := decimalsOf(step / unit)
	for _, v := range multiples(lo, hi, step) {
		ticks = append(ticks, Tick{v, Minus(strconv.FormatFloat(v/unit, 'f', decimals, 64))})
	}
	return ticks, exponent
}

// tickStep is the distance of about n ticks.
func tickStep(lo, hi float64, n int, whole bool) float64 {
	step := niceStep(hi-lo, n)
	if !whole {
		return step
	}
	if step = math.Max(1, step); step == 2.5 {
		return 5
	}
	return step
}

// decimalsOf returns how many decimals a nice step needs.
func decimalsOf(step float64) int {
	for d := range 12 {
		if s := step * math.Pow(10, float64(d)); math.Abs(s-math.Round(s)) < 1e-6*s {
			return d
		}
	}
	return 12
}

// Minus writes the sign as a minus, which is as wide as a plus; a hyphen is not.
func Minus(s string) string { return strings.Replace(s, "-", "\u2212", 1) }

// logTicks returns labelled ticks and minor ones for an axis of logarithms with
// room for about n labels. Below two decades 2 and 5 are labelled too.
func logTicks(lo, hi float64, n int) (major, minor []Tick) {
	a, b := int(math.Floor(math.Log10(lo)+1e-9)), int(math.Ceil(math.Log10(hi)-1e-9))
	if math.Log10(hi/lo) < 0.35 {
		t, _ := linearTicks(lo, hi, n, false)
		return t, nil
	}
	inside := int(math.Floor(math.Log10(hi)+1e-9)) - int(math.Ceil(math.Log10(lo)-1e-9))
	every := 1 + inside/max(n, 1)
	for every > 1 && decadesWithin(lo, hi, every) < 2 { // one number does not show a scale
		every--
	}
	var mantissas []float64
	switch decades := math.Log10(hi / lo); {
	case every > 1:
		mantissas = []float64{1}
	case decades*3 <= float64(n):
		mantissas = []float64{1, 2, 5}
	case decades*2 <= float64(n):
		mantissas = []float64{1, 3}
	default:
		mantissas = []float64{1}
	}
	if math.Log10(hi/lo) < 1 {
		mantissas = []float64{1, 2, 3, 5, 7}
	}
	for k := a; k <= b; k++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, float64(k))
			if v < lo*(1-1e-9) || v > hi*(1+1e-9) || v == 0 || math.IsInf(v, 0) {
				continue
			}
			labelled := false
			for _, w := range mantissas {
				labelled = labelled || w == m
			}
			if labelled && (every == 1 || mod(k, every) == 0) {
				major = append(major, Tick{v, Plain(v)})
			} else if every == 1 || m == 1 {
				minor = append(minor, Tick{Value: v})
			}
		}
	}
	powersOfTen(major)
	return major, minor
}

// decadesWithin returns how many powers of ten with an exponent divisible by every are in a
// range.
func decadesWithin(lo, hi float64, every int) int {
	first := math.Ceil(math.Log10(lo)/float64(every) - 1e-9)
	last := math.Floor(math.Log10(hi)/float64(every) + 1e-9)
	return int(last - first + 1)
}

// powersOfTen writes all labels as powers of ten when one of them has to be.
func powersOfTen(ticks []Tick) {
	decades, needed := true, false
	exponents := make([]string, len(ticks))
	for i, t := range ticks {
		e := math.Log10(t.Value)
		decades = decades && math.Abs(e-math.Round(e)) < 1e-9
		needed = needed || strings.Contains(t.Label, "^")
		exponents[i] = Minus(strconv.Itoa(int(math.Round(e))))
	}
	if !decades || !needed {
		return
	}
	for i, e := range exponents {
		ticks[i].Label = "10^{" + e + "}"
	}
}

func mod(a, b int) int { return ((a % b) + b) % b }

// Plain writes a round number as people do: 0.05, 300, and 10^{-5} or
// 2*10^{5} beyond.
func Plain(v float64) string {
	a := math.Abs(v)
	if a == 0 || a >= 0.999e-4 && a < 9.999e4 {
		return Minus(strconv.FormatFloat(v, 'g', 6, 64))
	}
	s := strconv.FormatFloat(v, 'e', 5, 64)
	mantissa, exp, _ := strings.Cut(s, "e")
	e, _ := strconv.Atoi(exp) // FormatFloat wrote it
	mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	power := "10^{" + Minus(strconv.Itoa(e)) + "}"
	if mantissa == "1" {
		return power
	}
	return Minus(mantissa) + "\u00b7" + power
}

// Short writes a number in three digits for a note or a legend.
func Short(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "\u2212Inf"
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64) // FormatFloat wrote it
	return Plain(r)
}
