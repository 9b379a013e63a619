package report

import (
	"fmt"

	"sgdwalk/analyze"
)

// settled says whether the full training loss, or the mini-batch loss where there
// is none, still moved when the run ended.
func settled(t *series) string {
	var v []float64
	for _, x := range t.column("full_loss") {
		if x == x {
			v = append(v, x)
		}
	}
	if n := len(v); n >= 2 {
		before, last := v[n-2], v[n-1]
		if !(before > 0 && last-last == 0 && before-before == 0) {
			return ""
		}
		return verdict(fmt.Sprintf("Between the last two measurements of the training loss, %s to %s", short(before),
			short(last)), (before-last)/before)
	}
	// The means over the last tenth of the steps and over the tenth before it.
	batch := t.column("batch_loss")
	k := len(batch) / 10
	if k < 10 {
		return ""
	}
	mean := func(v []float64) float64 {
		sum, n := 0.0, 0
		for _, x := range v {
			if x == x {
				sum, n = sum+x, n+1
			}
		}
		return sum / float64(n)
	}
	before, last := mean(batch[len(batch)-2*k:len(batch)-k]), mean(batch[len(batch)-k:])
	if !(before > 0 && last-last == 0 && before-before == 0) {
		return ""
	}
	return verdict(fmt.Sprintf("From the last tenth but one of the steps to the last, the mean mini-batch loss %s to "+
		"%s", short(before), short(last)), (before-last)/before)
}

// verdict ends a sentence about a relative fall of the loss with what it means.
func verdict(s string, fall float64) string {
	switch {
	case fall > 0.02:
		return fmt.Sprintf("%s, it fell by %s: it had not converged.", s, analyze.Percent(fall))
	case fall < -0.02:
		return fmt.Sprintf("%s, it rose by %s: it had not settled.", s, analyze.Percent(-fall))
	default:
		return fmt.Sprintf("%s, it changed by %s: it had settled.", s, analyze.Percent(max(fall, -fall)))
	}
}
