package consistency

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
)

// report makes events of the tensors that disagree in a pair.
func (u *updates) report(x *pair, found []update) {
	was := slices.Clone(u.open)
	for _, t := range u.checkedTensors() {
		u.open[t], u.pending[t] = nil, nil
	}
	fresh := make(map[Code]*event)
	var order []*event
	for _, f := range found {
		if f.code == Update {
			u.pending[f.tensor] = slices.Clone(u.view(f.tensor, u.next))
			if e := was[f.tensor]; e != nil && e.Code == Update && f.isOutside == e.updates[0].isOutside {
				e.continueTo(x.a.Step, f)
				u.open[f.tensor] = e
				continue
			}
		}
		if e := was[f.tensor]; f.code == Theta && e != nil {
			e.withdraw(f.tensor)
		}
		if f.code == Gradient {
			u.losses.rounded = nil
			if u.losses.wrongStep == x.a.Step { // the losses have a violation about it
				continue
			}
		}
		e := fresh[f.code]
		if e == nil {
			e = &event{
				Violation: Violation{Code: f.code, Step: x.a.Step, LastStep: x.a.Step, Rows: 1},
				layout:    u.trajectory.Header().Layout, part: u.partOf(f.tensor), isFirst: u.foreign && x.a.Step == 0, rates: x.rates,
			}
			fresh[f.code] = e
			order = append(order, e)
		}
		e.updates = append(e.updates, f)
		if f.code == Update {
			u.open[f.tensor] = e
		}
	}
	for _, e := range order {
		if e.Code == Update {
			e.isUniform = len(e.updates) == len(found) && u.isUniform(x, e.updates)
		}
		u.events = append(u.events, e)
	}
}

// checkedTensors returns the tensors that a pair compares.
func (u *updates) checkedTensors() []int {
	all := slices.Clone(u.outside)
	for _, p := range u.parts {
		all = append(all, p.tensors...)
	}
	return all
}

func (u *updates) partOf(t int) *part {
	for _, p := range u.parts {
		if slices.Contains(p.tensors, t) {
			return p
		}
	}
	return nil
}

// isUniform reports whether all tensors moved by the same multiple of the expected update.
func (u *updates) isUniform(x *pair, found []update) bool {
	// The tensor with the largest update has the most exact ratio.
	var best update
	for _, f := range found {
		if f.isRatio && (!best.isRatio || u.scale[f.tensor] > u.scale[best.tensor]) {
			best = f
		}
	}
	if len(found) < 2 || !best.isRatio {
		return false
	}
	for _, p := range u.parts {
		for _, t := range p.tensors {
			a, b, expected := u.view(t, x.a.Theta), u.view(t, x.b.Theta), u.view(t, u.next)
			if !fits(a, b, expected, best.ratio, largestUpdate(a, expected), u.trained[t]) {
				return false
			}
		}
	}
	return true
}

// continueTo adds a tensor that is still wrong in a later step.
func (e *event) continueTo(step int64, f update) {
	if step > e.LastStep {
		e.LastStep = step
		e.Rows++
	}
	first := e.updates[0]
	if !f.isRatio || math.Abs(f.ratio-first.ratio) > ratioError*math.Abs(first.ratio) {
		e.isVarying = true
	}
}

// withdraw removes a tensor whose difference has another cause.
func (e *event) withdraw(tensor int) {
	if e.Rows > 1 {
		return
	}
	e.updates = slices.DeleteFunc(e.updates, func(f update) bool { return f.tensor == tensor })
	e.dropped = len(e.updates) == 0
	e.isUniform = false
}

// complete fills in the violation of an event of updates.
func (e *event) complete() {
	if len(e.updates) == 0 {
		return
	}
	worst := e.updates[0]
	for _, f := range e.updates {
		if f.relative > worst.relative {
			worst = f
		}
	}
	e.Tensor, e.Tensors = e.layout[worst.tensor].Name, len(e.updates)
	e.Relative, e.Value, e.Expected = record.Some(worst.relative), record.Some(worst.value), record.Some(worst.expected)
	where := "tensor " + e.Tensor
	if e.isUniform {
		e.Tensor, e.Tensors, where = "", 0, "every tensor"
	} else if n := e.Tensors - 1; n > 0 {
		where = fmt.Sprintf("tensor %s and of %d more", e.Tensor, n)
	}
	if e.Code == Update && (worst.isRatio || worst.isNearRatio) && !worst.isStill {
		e.Ratio, e.Value, e.Expected = record.Some(worst.ratio), record.Some(worst.ratio), record.Some(1)
	}
	e.Text = e.describe(where, &worst)
}

// describe returns the sentence of an event of updates.
func (e *event) describe(where string, worst *update) string {
	element := fmt.Sprintf("element %d is %g and should be %g", worst.element, worst.value, worst.expected)
	switch e.Code {
	case Theta:
		return fmt.Sprintf("theta of %s is wrong at step %d: it does not follow from step %d, and step %d follows from the theta that "+
			"does; %s", where, e.Step, e.Step-1, e.Step+1, element)
	case Gradient:
		return fmt.Sprintf("the gradient of %s at step %d is not that of its mini-batch at theta, and the update to step %d follows "+
			"from the gradient that is; %s", where, e.Step, e.Step+1, element)
	case OptimizerState:
		return fmt.Sprintf("%s started again without its state at step %d: the update of %s follows from the gradient of this "+
			"step alone", e.part.rule.Name, e.Step, where)
	case Rounding:
		return fmt.Sprintf("theta of %s at step %d follows from the gradient that is computed again to a relative error of %.2g only, "+
			"not bit for bit", where, e.Step+1, worst.relative)
	}
	switch {
	case worst.isOutside:
		return fmt.Sprintf("theta of %s changed in step %d, and no parameter group has the tensor", where, e.Step)
	case worst.isStill:
		return fmt.Sprintf("theta of %s did not move in step %d, although the rule of %s moves it: the tensor is frozen, or no optimizer "+
			"updates it%s", where, e.Step, e.part.rule.Name, e.context())
	case worst.isRatio:
		return fmt.Sprintf("the update of %s in step %d is %.6g times the expected one: %s%s", where, e.Step, worst.ratio,
			e.cause(worst.ratio), e.context())
	case worst.isNearRatio:
		return fmt.Sprintf("the update of %s in step %d is approximately %.3g times the expected one: %s%s", where, e.Step,
			worst.ratio, e.cause(worst.ratio), e.context())
	}
	return fmt.Sprintf("theta of %s at step %d is not what %s makes of theta and the gradient of step %d: %s, an error of %.2g times "+
		"the largest element of the update%s", where, e.Step+1, e.part.rule.Name, e.Step, element, worst.relative, e.context())
}

// cause returns the likely causes of a ratio.
func (e *event) cause(ratio float64) string {
	const leastScale = 8 // smaller powers of two are likely factors of a learning rate
	power := math.Log2(math.Abs(ratio))
	isPower := math.Abs(power-math.Round(power)) < 0.01 && math.Abs(power) > leastScale-0.5
	rate := e.rates[e.part.group]
	switch {
	case math.Abs(ratio+1) < ratioError:
		return "the optimizer maximizes, or the sign of the gradient was changed"
	case ratio < 0:
		return "the gradient or the learning rate has another sign and size"
	case isPower:
		return "the recorded gradient has the scale of mixed precision, which was removed before the update, or the reverse"
	case ratio < 1:
		return fmt.Sprintf("the learning rate was %.6g and not %.6g, or the gradient was clipped or scaled after it was recorded",
			ratio*rate, rate)
	}
	return fmt.Sprintf("the learning rate was %.6g and not %.6g, or the gradient was scaled after it was recorded", ratio*rate, rate)
}

// context returns what else explains a difference.
func (e *event) context() string {
	switch {
	case e.part.stateful && e.isFirst:
		return "; the recording starts here, so the optimizer may have had a state before it"
	case e.Rows > 1 && e.part.stateful && e.isVarying:
		return "; the later differences may be a consequence, because the state of the optimizer is not known after this step"
	case e.Rows > 1 && e.isVarying:
		return "; the size of the difference varies, as when gradients are clipped"
	}
	return ""
}

// describe returns an optional number for a sentence.
func describe(o record.Optional) string {
	if !o.Valid {
		return "not recorded"
	}
	return fmt.Sprintf("%g", o.Value)
}
