package audit

import (
	"cmp"
	"math"
	"slices"
)

// findReversed finds blocks of three or more checkpoints in reverse order. Reversing a block changes
// only the two distances at its ends, so it is tested for every pair of ends whether they
// become much shorter.
func (j *judge) findReversed(m *matrix, longest int) {
	rows := m.good()
	if len(rows) < fewest {
		return
	}
	limit, isDecidable := orderLimit(m, rows)
	if !isDecidable {
		return // reported for neighbours
	}
	var found []swapped // of the ends
	for a := 1; a < len(rows)-1; a++ {
		for b := a + 2; b < len(rows)-1 && b-a < longest; b++ {
			if g := m.gainOfReversal(rows, a, b); g > limit {
				found = append(found, swapped{a, b, g})
			}
		}
	}
	slices.SortStableFunc(found, func(x, y swapped) int {
		return cmp.Or(cmp.Compare(y.gain, x.gain), cmp.Compare(x.b-x.a, y.b-y.a))
	})
	taken := make([]bool, len(rows))
	for _, x := range found {
		if slices.Contains(taken[x.a:x.b+1], true) || !m.isReversed(rows, x.a, x.b) {
			continue
		}
		for k := x.a; k <= x.b; k++ {
			taken[k] = true
		}
		block := rows[x.a : x.b+1]
		j.mark(block, j.parameters(), true)
		j.add(WrongOrder, Fault, block[0], nil, Finding{
			Steps: j.stepsOf(block), Value: some(math.Sqrt(x.gain)), Expected: some(0.7),
		}, "steps %d to %d are in reverse order: reversed, the squared distances to their neighbours are %.3g times "+
			"smaller", j.steps[block[0]], j.steps[block[len(block)-1]], x.gain)
	}
}

// gainOfReversal returns the sum of the squared distances at the ends of a block, over the same
// sum after the block is reversed.
func (m *matrix) gainOfReversal(rows []int, a, b int) float64 {
	before := m.squared(rows[a-1], rows[a]) + m.squared(rows[b], rows[b+1])
	after := m.squared(rows[a-1], rows[b]) + m.squared(rows[a], rows[b+1])
	return before / max(after, before*1e-12)
}

// isReversed reports whether a block is really in reverse order: the reversal must shorten the
// distances at both ends, and the distances within the block must not be longer than those
// at the ends. Another content at a wrong place also makes some reversal shorter.
func (m *matrix) isReversed(rows []int, a, b int) bool {
	inner := 0.0
	for k := a; k < b; k++ {
		inner = max(inner, m.squared(rows[k], rows[k+1]))
	}
	before, after := m.squared(rows[a-1], rows[a]), m.squared(rows[b], rows[b+1])
	return inner < 1.1*min(before, after) && before > m.squared(rows[a-1], rows[b]) && after > m.squared(rows[a], rows[b+1])
}
