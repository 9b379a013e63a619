package canvas

import (
	"math"
	"strconv"
)

// Levels chooses round contour levels strictly between lo and hi: about n of
// them (n <= 0 is 11), from a ladder of 1, 2, 2.5 and 5 times powers of ten when
// log is false, and otherwise from a fixed set of mantissas in each decade, as
// many as the number of decades leaves room for. No levels come back when lo and
// hi are equal, not finite, or not positive with log.
func Levels(lo, hi float64, log bool, n int) []float64 {
	if n <= 0 {
		n = 11
	}
	if !(lo < hi) || math.IsInf(hi-lo, 0) || log && lo <= 0 {
		return nil
	}
	inside := func(v float64) bool {
		eps := 1e-9 * math.Max(math.Abs(v), hi-lo)
		if log {
			eps = 1e-9 * v
		}
		return v > lo+eps && v < hi-eps
	}
	var out []float64
	if !log {
		for _, v := range multiples(lo, hi, niceStep(hi-lo, n)) {
			if inside(v) {
				out = append(out, v)
			}
		}
		return out
	}
	if math.Log10(hi/lo) < 0.5 {
		return Levels(lo, hi, false, n)
	}
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	// From dense to sparse; the one that comes nearest to n is taken.
	ladders := [][]float64{
		{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8},
		{1, 1.5, 2, 3, 5, 7},
		{1, 2, 3, 5},
		{1, 2, 5},
		{1, 3},
		{1},
	}
	best := math.Inf(1)
	try := func(mantissas []float64, every int) {
		var levels []float64
		for k := first; k <= last; k++ {
			if mod(k, every) != 0 {
				continue
			}
			for _, m := range mantissas {
				if v := m * math.Pow(10, float64(k)); inside(v) {
					levels = append(levels, v)
				}
			}
		}
		if d := math.Abs(float64(len(levels) - n)); d < best {
			best, out = d, levels
		}
	}
	for _, l := range ladders {
		try(l, 1)
	}
	for every := 2; every <= 100; every++ {
		try([]float64{1}, every)
	}
	return out
}

// LevelLabels formats levels as on an axis: on a linear scale all with the number of
// decimals that the finest level needs, on a logarithmic scale each as short as
// possible.
func LevelLabels(levels []float64, log bool) []string {
	out := make([]string, len(levels))
	decimals := 0
	top := 0.0
	for i, v := range levels {
		out[i] = Plain(v)
		top = math.Max(top, math.Abs(v))
		if v != 0 {
			decimals = max(decimals, decimalsOf(math.Abs(v)))
		}
	}
	if log {
		ticks := make([]Tick, len(levels))
		for i, v := range levels {
			ticks[i] = Tick{v, out[i]}
		}
		powersOfTen(ticks)
		for i := range ticks {
			out[i] = ticks[i].Label
		}
		return out
	}
	if top >= 1e5 || decimals > 5 {
		return out
	}
	for i, v := range levels {
		out[i] = Minus(strconv.FormatFloat(v, 'f', decimals, 64))
	}
	return out
}
