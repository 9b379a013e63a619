package report

import (
	"fmt"

	"sgdwalk/analyze"
)

// settled returns a sentence on whether the full training loss still changed at the end of
// the run. A run without two measurements of the full loss is judged by the mini-batch loss.
// The sentence is empty when there are too few values.
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
		return verdict(fmt.Sprintf("The training loss went from %s to %s between its last two measurements",
			short(before), short(last)), (before-last)/before)
	}
	// The mini-batch loss is noisy, so the means over two tenths of the steps are compared.
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
	return verdict(fmt.Sprintf("The mean mini-batch loss went from %s to %s between the last two tenths of the steps",
		short(before), short(last)), (before-last)/before)
}

// verdict completes the sentence s with the relative fall of the loss and its meaning. A
// change of at most 2 % counts as settled.
func verdict(s string, fall float64) string {
	switch {
	case fall > 0.02:
		return fmt.Sprintf("%s; it fell by %s and had not converged.", s, analyze.Percent(fall))
	case fall < -0.02:
		return fmt.Sprintf("%s; it rose by %s and had not settled.", s, analyze.Percent(-fall))
	default:
		return fmt.Sprintf("%s; it changed by %s and had settled.", s, analyze.Percent(max(fall, -fall)))
	}
}
