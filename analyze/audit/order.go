package audit

import (
	"math"
	"slices"
)

// findExchanged finds blocks of checkpoints in reverse order, of 2 to longest checkpoints; a block of
// two is a pair of exchanged neighbours. Reversing a block changes only the two distances at
// its ends, so it is tested for every pair of ends whether they become much shorter.
func (j *judge) findExchanged(m *matrix, longest int) {
	rows := m.good()
	if len(rows) < fewest {
		return
	}
	type block struct {
		a, b int
		gain float64
	}
	gain := func(a, b int) float64 { // of reversing places a to b; the ends may be those of the series
		before, after := 0.0, 0.0
		if a > 0 {
			before += m.squared(rows[a-1], rows[a])
			after += m.squared(rows[a-1], rows[b])
		}
		if b < len(rows)-1 {
			before += m.squared(rows[b], rows[b+1])
			after += m.squared(rows[a], rows[b+1])
		}
		return before / max(after, before*1e-12)
	}
	var neighbours []float64
	for a := 1; a+2 < len(rows); a++ {
		neighbours = append(neighbours, gain(a, a+1))
	}
	if len(neighbours) == 0 {
		return
	}
	// Exchanging two neighbours turns their gain into its inverse. The order can be decided when the
	// inverse of a typical gain is above the limit, and the limit above what the series itself has.
	slices.Sort(neighbours)
	typical, usual := neighbours[len(neighbours)/2], neighbours[len(neighbours)*9/10]
	limit := max(1.3, 1.5*usual)
	if limit*typical > 1 {
		if longest > 2 {
			return // reported already
		}
		j.add(UndecidedOrder, Event, -1, nil, Finding{Value: some(usual), Expected: some(0.5)},
			"the distances do not tell the order of neighbouring steps: the walk oscillates, or moves around one place")
		return
	}
	var found []block
	for a := 1; a < len(rows)-1; a++ {
		for b := a + 1; b < len(rows)-1 && b-a < longest; b++ {
			if g := gain(a, b); g > limit {
				found = append(found, block{a, b, g})
			}
		}
	}
	slices.SortStableFunc(found, func(x, y block) int {
		switch {
		case x.gain > y.gain:
			return -1
		case x.gain < y.gain:
			return 1
		}
		return (x.b - x.a) - (y.b - y.a)
	})
	taken := make([]bool, len(rows))
	for _, x := range found {
		if slices.Contains(taken[x.a:x.b+1], true) || !j.isReversed(m, rows, x.a, x.b) {
			continue
		}
		for k := x.a; k <= x.b; k++ {
			taken[k] = true
		}
		block := rows[x.a : x.b+1]
		f := Finding{Steps: j.stepsOf(block), Value: some(math.Sqrt(x.gain)), Expected: some(0.7)}
		if x.b == x.a+1 {
			j.add(WrongOrder, Fault, block[0], nil, f, "steps %d and %d are exchanged: in the other order, the squared "+
				"distances to their neighbours are %.3g times smaller", j.steps[block[0]], j.steps[block[1]], x.gain)
		} else {
			j.add(WrongOrder, Fault, block[0], nil, f, "steps %d to %d are in reverse order: reversed, the squared "+
				"distances to their neighbours are %.3g times smaller", j.steps[block[0]], j.steps[block[len(block)-1]],
				x.gain)
		}
		j.mark(block, j.parameters(), true)
	}
}

// isReversed reports whether a block is really in reverse order: the reversal must shorten the
// distances at both ends, and the distances within the block must not be longer than those
// at the ends. Another content at a wrong place also makes some reversal shorter.
func (j *judge) isReversed(m *matrix, rows []int, a, b int) bool {
	inner := 0.0
	for k := a; k < b; k++ {
		inner = max(inner, m.squared(rows[k], rows[k+1]))
	}
	before, after := m.squared(rows[a-1], rows[a]), m.squared(rows[b], rows[b+1])
	return inner < 1.1*min(before, after) && before > m.squared(rows[a-1], rows[b]) && after > m.squared(rows[a], rows[b+1])
}
