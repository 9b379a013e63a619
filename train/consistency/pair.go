package consistency

import (
	"math"
	"slices"

	"sgdwalk/record"
)

// pair is a step with the step after it.
type pair struct {
	a, b        *record.Step
	grad        []float32 // of step a
	isComputed  bool      // grad is not recorded, but was computed again
	isMeasured  bool      // further evaluations of the step are computed again
	rates       []float64 // for each parameter group
	isRenamed   bool      // the steps have other numbers than consecutive ones
	isUncertain bool      // some part was not checked
	isInferred  bool      // the state of some part was inferred
}

// pairOf returns the two steps, or why they cannot be compared.
func (u *updates) pairOf(a, b *record.Step) (x *pair, why string) {
	x = &pair{a: a, b: b, grad: a.Grad, isMeasured: u.losses.step == a.Step}
	switch {
	case b.Step != a.Step+1 && !u.rows.jumped:
		return nil, "%d pairs of rows were not compared: steps between them are not recorded"
	case a.Theta == nil || b.Theta == nil:
		return nil, "%d updates were not checked: theta of the step or of the next one is not recorded"
	case x.grad == nil && u.losses.isExact && x.isMeasured:
		x.grad, x.isComputed = u.losses.grad, true
	case x.grad == nil:
		return nil, "%d updates were not checked: the gradient of the step is not recorded"
	}
	x.isRenamed = b.Step != a.Step+1
	if x.rates = u.ratesOf(a); x.rates == nil {
		return nil, "%d updates were not checked: the learning rate of the step is not recorded"
	}
	if slices.ContainsFunc(x.rates, func(r float64) bool { return !(r >= 0) || math.IsInf(r, 0) }) {
		return nil, "%d updates were not checked: the learning rate of the step is negative or not finite"
	}
	return x, ""
}

// ratesOf returns the learning rate of every parameter group, nil when it is not known.
func (u *updates) ratesOf(s *record.Step) []float64 {
	h := u.trajectory.Header()
	rate, ok := s.LearningRate.Value, s.LearningRate.Valid
	if len(h.Groups) == 0 {
		switch {
		case !ok && u.foreign:
			rate, ok = h.Hyperparameter("learning_rate")
		case !ok:
			rate, ok = u.rows.rate(s.Step), true
		}
		if !ok {
			return nil
		}
		return []float64{rate}
	}
	if u.groupRates != nil {
		if rates := u.groupRates(s.Step); len(rates) == len(h.Groups) {
			return rates
		}
		return nil
	}
	factor := 1.0
	if first := h.Groups[0].Optimizer.Hyperparameters["learning_rate"]; ok && first != 0 {
		factor = rate / first
	}
	rates := make([]float64, len(h.Groups))
	for i, g := range h.Groups {
		rates[i] = factor * g.Optimizer.Hyperparameters["learning_rate"]
	}
	return rates
}
