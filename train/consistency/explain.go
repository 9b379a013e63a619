package consistency

import (
	"context"
	"math"

	"sgdwalk/train/optim"
)

// checkPart compares the update of a part with its rule, and returns the tensors that
// disagree.
func (u *updates) checkPart(ctx context.Context, p *part, x *pair) ([]update, error) {
	theta, next := x.a.Theta, x.b.Theta
	if p.stateful && !p.known {
		if !x.isUncertain {
			x.isUncertain = true
			u.count("updates", x.a.Step, "%d updates were not checked: the state of the optimizer is not known, because "+
				"earlier steps or gradients are missing")
		}
		if p.known = u.infer(p, x, false); p.known && !x.isInferred {
			x.isInferred = true
			u.count("updates", x.a.Step, "%d times, the state of the optimizer was inferred from an update, and the updates after it "+
				"were compared to rounding")
		}
		return nil, nil
	}
	u.inner = u.inner[:0]
	p.save()
	p.mask(theta, x.grad)
	if err := u.step(ctx, p, x, theta, x.grad); err != nil {
		return nil, err
	}
	for _, t := range p.tensors {
		u.scale[t] = max(largestUpdate(u.view(t, theta), u.view(t, u.next)), 0.9*u.scale[t])
	}
	if u.probe.unmeasured {
		u.count("updates", x.a.Step, "%d updates were compared up to their length: it depends on a loss that is not recorded"+
			u.advice())
	}
	found := u.compare(p, theta, next)
	defer func() { p.touched = p.touched || !isZero(x.grad[p.from:p.to]) }()
	switch {
	case len(found) == 0:
		u.addInner()
		return nil, nil
	case x.isRenamed:
		return found, nil
	case u.isLeftOut(p, x):
		return nil, p.restore()
	}
	found, err := u.explain(ctx, p, x, found)
	if len(found) > 0 && found[0].code == Update {
		u.addInner()
	}
	return found, err
}

// infer sets the state of the part's optimizer from an update. isWrong means that the state
// is the one after the same step with its recorded gradient. infer returns false when the
// state does not follow from one update.
func (u *updates) infer(p *part, x *pair, isWrong bool) bool {
	o, ok := p.optimizer.(inferrer)
	if !ok || x.grad == nil {
		return false
	}
	direction := u.direction[p.from:p.to]
	copy(direction, x.grad[p.from:p.to])
	p.inferred = o.InferState(x.a.Theta[p.from:p.to], x.b.Theta[p.from:p.to], direction, x.rates[p.group],
		isWrong)
	return p.inferred
}

// mask marks the elements whose gradient is not known well enough for a rule that divides
// by its size: 16 bits have few digits of a small number, and weight decay may cancel the
// gradient.
func (p *part) mask(theta, grad []float32) {
	if p.masked == nil {
		return
	}
	const cancelled = 8 // a sum that is smaller by this factor has lost three of its bits
	theta, grad = theta[p.from:p.to], grad[p.from:p.to]
	decay, clip := p.rule.Hyperparameters["weight_decay"], 1.0
	if optim.EdgeOf(p.rule).DecoupledDecay {
		decay = 0
	}
	if largest := p.rule.Hyperparameters["clip_norm"]; largest > 0 {
		square := 0.0
		for _, g := range grad {
			square += float64(g) * float64(g)
		}
		clip = min(1, largest/math.Sqrt(square))
	}
	for i, x := range grad {
		g, d := clip*float64(x), decay*float64(theta[i])
		if math.Abs(float64(x)) < p.smallest || math.Abs(g+d)*cancelled < math.Abs(g)+math.Abs(d) {
			p.masked[i] = true
		}
	}
}

// isLeftOut reports whether another program did not make the update of a part: it skips
// parameters without a gradient, and all parameters when mixed precision gives a gradient
// that is not finite.
func (u *updates) isLeftOut(p *part, x *pair) bool {
	grad := x.grad[p.from:p.to]
	if !u.foreign || !equalBits(x.a.Theta[p.from:p.to], x.b.Theta[p.from:p.to]) {
		return false
	}
	switch {
	case isZero(grad):
		u.count("updates", x.a.Step, "%d updates of single tensors were left out: the gradient is 0 and theta did not move, "+
			"as that of a frozen parameter")
	case !isFinite(x.grad):
		u.count("updates", x.a.Step, "%d updates of single tensors were left out: the gradient of the step is not finite and theta "+
			"did not move, as in a step that a gradient scaler skips")
	default:
		return false
	}
	return true
}

// compare returns the tensors of a part whose recorded next theta is not u.next.
func (u *updates) compare(p *part, theta, recorded []float32) []update {
	var found []update
	for _, t := range p.tensors {
		a, b, expected := u.view(t, theta), u.view(t, recorded), u.view(t, u.next)
		limit := u.toleranceOf(p, t)
		if !limit.agrees(a, b, expected) {
			f := measure(a, b, expected, limit.precision)
			f.tensor, f.code = t, Update
			found = append(found, f)
		}
	}
	return found
}

// toleranceOf returns how exactly the updates of a tensor of a part must agree.
func (u *updates) toleranceOf(p *part, t int) tolerance {
	if u.result.Exact && !p.inferred && !u.probe.unmeasured {
		return tolerance{isExact: true, precision: float32Precision}
	}
	// Theta is rounded before and after the update. An inferred state has the rounding of
	// two more thetas.
	limit := tolerance{ulps: 2, precision: u.stored}
	if p.inferred {
		limit.ulps = 4
	}
	limit.ulps += u.probe.length // which multiplies a rounding error
	relative := p.relative
	if u.foreign && u.trained[t].digits < limit.digits {
		limit.precision = u.trained[t]
		relative = max(relative, perUnit*limit.unit())
	}
	limit.absolute = relative * u.scale[t]
	if p.masked != nil {
		start := u.trajectory.Header().Layout[t].Offset - p.from
		limit.masked = p.masked[start:]
	}
	return limit
}

// explain finds the cause under which the tensors agree that disagreed, and continues with
// it. Without such a cause, it returns the tensors unchanged.
func (u *updates) explain(ctx context.Context, p *part, x *pair, found []update) ([]update, error) {
	u.isExplaining = true
	defer func() { u.isExplaining = false }()
	if u.arePending(found) {
		start := u.startFrom(x.a.Theta, found)
		if ok, err := u.try(ctx, p, x, start, x.grad); err != nil || ok {
			for i, f := range found {
				found[i] = difference(u.view(f.tensor, x.a.Theta), u.pending[f.tensor])
				found[i].tensor, found[i].code = f.tensor, Theta
			}
			return found, err
		}
	}
	wasInferred := p.inferred
	if err := p.restore(); err != nil {
		return nil, err
	}
	if u.last != nil && u.arePending(found) && u.infer(p, u.last, true) {
		if err := u.step(ctx, p, x, x.a.Theta, x.grad); err != nil {
			return nil, err
		}
		if len(u.compare(p, x.a.Theta, x.b.Theta)) == 0 {
			return nil, nil // the earlier update had another gradient than the recorded one
		}
	}
	p.inferred = wasInferred
	if p.stateful {
		old := p.optimizer
		p.optimizer = p.newRule()
		if err := u.step(ctx, p, x, x.a.Theta, x.grad); err != nil {
			return nil, err
		}
		switch {
		case len(u.compare(p, x.a.Theta, x.b.Theta)) > 0:
			p.optimizer = old
		case !p.touched: // earlier steps without a gradient do not count
			return nil, nil
		default:
			for i := range found {
				found[i].code = OptimizerState
			}
			return found, nil
		}
	}
	if grad, err := u.losses.again(x.a); err != nil {
		return nil, err
	} else if grad != nil && !equalBits(grad[p.from:p.to], x.grad[p.from:p.to]) {
		if ok, err := u.try(ctx, p, x, x.a.Theta, grad); err != nil || ok {
			for i, f := range found {
				found[i] = difference(u.view(f.tensor, x.grad), u.view(f.tensor, grad))
				found[i].tensor, found[i].code = f.tensor, Gradient
			}
			return found, err
		}
	}
	if _, err := u.try(ctx, p, x, x.a.Theta, x.grad); err != nil { // so that the state is the usual one
		return nil, err
	}
	if x.isComputed {
		for i, f := range found {
			if f.relative < otherKernel {
				found[i].code = Rounding
			}
		}
	}
	return found, nil
}

// try reports whether a part agrees when the step starts at another theta, or with another
// gradient, than the recorded one.
func (u *updates) try(ctx context.Context, p *part, x *pair, theta, grad []float32) (bool, error) {
	if err := p.restore(); err != nil {
		return false, err
	}
	if err := u.step(ctx, p, x, theta, grad); err != nil {
		return false, err
	}
	return len(u.compare(p, theta, x.b.Theta)) == 0, nil
}

// arePending reports whether all tensors were wrong in the last pair too.
func (u *updates) arePending(found []update) bool {
	for _, f := range found {
		if u.pending[f.tensor] == nil {
			return false
		}
	}
	return true
}

// startFrom returns theta with the expected values of these tensors.
func (u *updates) startFrom(theta []float32, found []update) []float32 {
	u.start = append(u.start[:0], theta...)
	for _, f := range found {
		copy(u.view(f.tensor, u.start), u.pending[f.tensor])
	}
	return u.start
}

// difference describes how a recorded tensor differs from the expected one.
func difference(recorded, expected []float32) update {
	f := measure(make([]float32, len(recorded)), recorded, expected, float32Precision)
	f.isRatio, f.isStill = false, false
	return f
}

func isZero(v []float32) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

func isFinite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}
