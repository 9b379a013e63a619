package audit

import (
	"math"
	"slices"
)

// swapped is a pair of places whose contents are exchanged, if the gain is large.
type swapped struct {
	a, b int
	gain float64 // see gainOf
}

// gainOf returns the sum of the squared distances of the contents at places a and b to their
// neighbours, over the same sum after they are exchanged. isBoth reports whether both
// contents are nearer to their neighbours then. Both places have two neighbours.
func (m *matrix) gainOf(order []int, a, b int) (gain float64, isBoth bool) {
	at := func(k int) int { // the content at place k after the exchange
		switch k {
		case a:
			return order[b]
		case b:
			return order[a]
		}
		return order[k]
	}
	around := func(k int, content func(int) int) float64 {
		sum := 0.0
		for _, side := range []int{k - 1, k + 1} {
			if min(k, side) != a || max(k, side) != b { // the distance between both does not change
				sum += m.squared(content(k), content(side))
			}
		}
		return sum
	}
	now := func(k int) int { return order[k] }
	beforeA, beforeB := around(a, now), around(b, now)
	afterA, afterB := around(a, at), around(b, at)
	return (beforeA + beforeB) / max(afterA+afterB, 1e-12*(beforeA+beforeB)), afterA < beforeA && afterB < beforeB
}

// mostApart is how far apart exchanged places are that are found as a pair. Of two that are farther
// apart, each fits the other place much better than its own, and is found alone.
const mostApart = 4

// findExchanged finds pairs of checkpoints near each other whose steps are exchanged: the best pair
// first, and the next one after the first was exchanged back.
func (j *judge) findExchanged(m *matrix) {
	rows := m.good()
	if len(rows) < fewest {
		return
	}
	limit, isDecidable := orderLimit(m, rows)
	if !isDecidable {
		j.add(UndecidedOrder, Event, -1, nil, Finding{Value: some(limit), Expected: some(1.3)},
			"the distances do not tell the order of neighbouring steps: the walk oscillates, or moves around one place")
		return
	}
	order := slices.Clone(rows)
	bests := make([]swapped, len(order)) // the best exchange of each place with a later one
	update := func(first, last int) {
		for a := max(1, first); a <= min(last, len(order)-3); a++ {
			bests[a] = swapped{gain: limit}
			for b := a + 1; b <= min(a+mostApart, len(order)-2); b++ {
				if gain, isBoth := m.gainOf(order, a, b); isBoth && gain > bests[a].gain {
					bests[a] = swapped{a, b, gain}
				}
			}
		}
	}
	update(0, len(order))
	for range len(rows) / 2 {
		best := swapped{gain: limit}
		for _, x := range bests {
			if x.gain > best.gain {
				best = x
			}
		}
		if best.b == 0 {
			break
		}
		order[best.a], order[best.b] = order[best.b], order[best.a]
		update(best.a-mostApart-1, best.b+1)
		pair := []int{rows[best.a], rows[best.b]}
		j.mark(pair, j.parameters(), true)
		j.add(WrongOrder, Fault, pair[0], nil, Finding{
			Steps: j.stepsOf(pair), Value: some(math.Sqrt(best.gain)), Expected: some(0.7),
		}, "steps %d and %d are exchanged: in the other order, the squared distances to their neighbours are %.3g times "+
			"smaller", j.steps[pair[0]], j.steps[pair[1]], best.gain)
	}
}

// orderLimit returns the gain above which an exchange is accepted. Exchanging two neighbours turns
// their gain into its inverse. So the order can be decided if the inverse of a typical gain is
// above the limit, and the limit above what the series itself has and above chance.
func orderLimit(m *matrix, rows []int) (limit float64, isDecidable bool) {
	var neighbours, dimensions []float64
	for a := 1; a+2 < len(rows); a++ {
		gain, _ := m.gainOf(rows, a, a+1)
		neighbours = append(neighbours, gain)
		dimensions = append(dimensions, m.dimensions(rows[a-1:a+3]))
	}
	slices.Sort(neighbours)
	typical, usual := neighbours[len(neighbours)/2], neighbours[len(neighbours)*9/10]
	byChance := chanceRatio(float64(len(rows)*mostApart), median(dimensions))
	limit = max(1.3, 1.5*usual, byChance*byChance)
	return limit, limit*typical <= 1
}
