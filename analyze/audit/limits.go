package audit

import (
	"math"
	"slices"
)

// limits are the numbers of a placed content above which it does not fit its place.
type limits struct{ elsewhere, detour float64 }

// Base limits. Sound series of networks stay below half of their excess over 1, with schedules,
// restarts and averages; EVIDENCE.md has the trials. Whole checkpoints are means over many
// tensors, so they vary less than one tensor, and a tensor with few elements varies most.
var (
	wholeLimits  = limits{elsewhere: 1.3, detour: 1.8}
	shardLimits  = limits{elsewhere: 1.4, detour: 2}
	tensorLimits = limits{elsewhere: 2.2, detour: 3}
	smallLimits  = limits{elsewhere: 2.5, detour: 3.5}
	tinyLimits   = limits{elsewhere: 4, detour: 6}
)

// limitsFor returns the base limits of a single tensor of n elements.
func limitsFor(n int) limits {
	switch {
	case n < 32:
		return tinyLimits
	case n < minSteady:
		return smallLimits
	}
	return tensorLimits
}

// limitsOf returns the limits for a matrix: the base, raised where the series itself exceeds it in
// many places, because its walk oscillates or has few dimensions. Contents at wrong places must
// not raise the limits, even if there are many: their nearest content is far away and not a
// few places away, and a quarter of the detours may be those of wrong places.
func limitsOf(all []placed, base limits) limits {
	var swings, detours []float64
	for _, p := range all {
		swings, detours = append(swings, p.swing), append(detours, p.detour)
	}
	slices.Sort(swings)
	slices.Sort(detours)
	n := len(all)
	// The less a walk moves away, the less its distances say about the order of near steps.
	const randomWalk = 0.7 // the usual detour
	order := max(1, detours[n/2]/randomWalk)
	return limits{max(base.elsewhere*order, 3*swings[n*9/10]-2), max(base.detour, 2.5*detours[n*3/4])}
}

// excess is positive for a content that exceeds a limit.
func (l limits) excess(p placed) float64 {
	return max(math.Log(p.elsewhere/l.elsewhere), math.Log(max(p.detour, 1e-9)/l.detour))
}
