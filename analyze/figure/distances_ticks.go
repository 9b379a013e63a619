package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
)

// ticks chooses the checkpoints whose steps are written at both axes: the first and the last
// one, the multiples of a round number that have room, and then the roundest others that
// still have room. So the labels of a regular part are evenly spaced, and an uneven series
// (0, 1, 2, 4, ..., 512, 1000, 2000, ...) has some everywhere.
func (d *Distances) ticks(p *canvas.Page, f canvas.Frame) []canvas.Tick {
	n := len(d.Steps)
	width := make([]float64, n)
	for i, step := range d.Steps {
		width[i] = p.Label(fmt.Sprint(step), canvas.TickScale, p.Theme.Ink).Width()
	}
	hasRoom := func(i, j int) bool {
		return math.Abs(f.At(float64(i), 0).X-f.At(float64(j), 0).X) >= max((width[i]+width[j])/2+p.Font*0.7, p.Font*1.4)
	}
	ends := []int{0, n - 1}
	gap := usualGap(d.Steps)
	order := slices.Concat(ends, d.multiples(gap, hasRoom), d.roundest(gap))
	var placed []int
	for _, i := range order {
		if !slices.ContainsFunc(placed, func(j int) bool { return i == j || !hasRoom(i, j) }) {
			placed = append(placed, i)
		}
	}
	slices.Sort(placed)
	out := make([]canvas.Tick, len(placed))
	for k, i := range placed {
		out[k] = canvas.Tick{Value: float64(i), Label: fmt.Sprint(d.Steps[i])}
	}
	return out
}

// multiples returns the checkpoints whose steps are multiples of the smallest of gap, 2 gap,
// 5 gap, 10 gap, ... for which all of them have room.
func (d *Distances) multiples(gap int64, hasRoom func(i, j int) bool) []int {
	for unit := gap; unit <= d.Steps[len(d.Steps)-1]/10; unit *= 10 {
		for _, m := range []int64{1, 2, 5} {
			var out []int
			isDense := false
			for i, step := range d.Steps {
				if step%(m*unit) == 0 {
					isDense = isDense || len(out) > 0 && !hasRoom(out[len(out)-1], i)
					out = append(out, i)
				}
			}
			if !isDense {
				return out
			}
		}
	}
	return nil
}

// roundest returns all checkpoints, the roundest steps first.
func (d *Distances) roundest(gap int64) []int {
	order := make([]int, len(d.Steps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(roundness(d.Steps[b], gap), roundness(d.Steps[a], gap))
	})
	return order
}

// usualGap returns the most frequent distance of consecutive steps, and 1 when there is none
// that most of them have.
func usualGap(steps []int64) int64 {
	counts := map[int64]int{}
	for i := 1; i < len(steps); i++ {
		gap := steps[i] - steps[i-1]
		if counts[gap]++; 2*counts[gap] >= len(steps) {
			return gap
		}
	}
	return 1
}

// roundness returns the largest of 1, 2 and 5 times a power of ten that divides a step in
// units of gap, and less than 1 for a step between the multiples of gap. Zero is rounder than
// all others.
func roundness(step, gap int64) float64 {
	if step == 0 {
		return math.Inf(1)
	}
	unit := 1.0
	if step%gap == 0 {
		step /= gap
	} else {
		unit = 1e-20
	}
	for step%10 == 0 {
		step, unit = step/10, unit*10
	}
	switch {
	case step%5 == 0:
		return 5 * unit
	case step%2 == 0:
		return 2 * unit
	}
	return unit
}
