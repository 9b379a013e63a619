package consistency

import (
	"context"
	"errors"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// updates checks that every iterate follows from the one before it.
type updates struct {
	*journal
	result     *Result
	trajectory record.Trajectory
	losses     *losses
	rows       *rows
	foreign    bool
	groupRates func(step int64) []float64
	absent     string // why no update is checked; empty when updates are checked
	parts      []*part
	outside    []int // tensors that no parameter group has

	stored   precision   // of the recorded vectors
	trained  []precision // of theta in the training, for each tensor; nil before the first theta
	previous *record.Step
	row      int // of previous

	next, direction []float32 // the expected theta, and scratch for the gradient
	start           []float32 // scratch for another theta than the recorded one
	scale           []float64 // for each tensor the largest element of recent updates
	probe           probe
	first           *record.Step // of the current pair
	inner           []innerCheck // of the current pair
	innerFrom       int          // row of first, after which its inner iterates follow
	innerScale      []float64    // as scale, of inner iterates
	isExplaining    bool         // inner iterates were compared already

	last    *pair       // the pair before this one, if its steps are consecutive with this one's
	pending [][]float32 // for each tensor that was wrong in the last pair, the expected theta; nil for others
	open    []*event    // for each tensor the event that includes the last pair; nil when the tensor was right
}

func newUpdates(t record.Trajectory, j *journal, r *Result, l *losses, rows *rows, foreign bool, o *Options) *updates {
	h := t.Header()
	u := &updates{
		journal: j, result: r, trajectory: t, losses: l, rows: rows, foreign: foreign, groupRates: o.GroupRates,
		stored: storedPrecision(h),
	}
	u.parts, u.absent = newParts(h, j, foreign)
	if u.absent != "" {
		j.note("updates", "no update was checked: %s", u.absent)
		return u
	}
	r.Exact = !foreign && u.stored.isFull()
	n := h.Layout.Len()
	u.next, u.direction = make([]float32, n), make([]float32, n)
	u.scale, u.innerScale = make([]float64, len(h.Layout)), make([]float64, len(h.Layout))
	u.pending, u.open = make([][]float32, len(h.Layout)), make([]*event, len(h.Layout))
	if foreign && len(h.Groups) > 0 {
		for i, tensor := range h.Layout {
			if !slices.ContainsFunc(h.Groups, func(g record.ParameterGroup) bool {
				return slices.Contains(g.Tensors, tensor.Name)
			}) {
				u.outside = append(u.outside, i)
			}
		}
		if o.GroupRates == nil {
			j.note("updates", "the learning rates of the parameter groups are assumed to change like that of the first one: "+
				"the rates of the other groups are not given")
		}
	}
	if !u.stored.isFull() {
		j.note("updates", "the vectors are stored as %s, so updates are compared to that precision, not bit for bit", u.stored.name)
	}
	return u
}

// add checks the update from the previous iterate to s, which is row i.
func (u *updates) add(ctx context.Context, i int, s *record.Step) error {
	if u.absent != "" || s.Substep != 0 {
		return nil
	}
	a := u.previous
	previousRow := u.row
	kept := *s
	u.previous, u.row = &kept, i
	if u.trained == nil && s.Theta != nil {
		u.trained = trainedPrecision(u.trajectory.Header().Layout, s.Theta)
		u.leaveOut16Bit(s.Step)
	}
	if a == nil {
		for _, p := range u.parts {
			p.known = s.Step == 0
		}
		return nil
	}
	x, why := u.pairOf(a, &kept)
	if why != "" {
		u.count("updates", a.Step, why)
		u.forget()
		return nil
	}
	u.first, u.innerFrom, u.inner = a, previousRow, u.inner[:0]
	return u.check(ctx, x)
}

// leaveOut16Bit removes the parts of a model in 16 bits whose optimizer keeps a running mean
// of squares. In 16 bits, such a mean does not change by a thousandth of itself.
func (u *updates) leaveOut16Bit(step int64) {
	u.parts = slices.DeleteFunc(u.parts, func(p *part) bool {
		if !u.foreign || u.trained[p.tensors[0]].isFull() || !u.stored.isFull() || !optim.EdgeOf(p.rule).Preconditioned {
			return false
		}
		u.count("updates", step, "%d tensors were left out: they are trained in 16 bits, and the rule has a running mean that "+
			"depends on how it is rounded")
		return true
	})
	if len(u.parts) == 0 {
		u.absent = "every tensor was left out"
	}
}

// forget drops what is known from earlier steps: steps are missing here.
func (u *updates) forget() {
	for _, p := range u.parts {
		p.known = false
	}
	u.last = nil
	clear(u.pending)
	clear(u.open)
}

// check compares a pair.
func (u *updates) check(ctx context.Context, x *pair) error {
	var found []update
	for _, p := range u.parts {
		f, err := u.checkPart(ctx, p, x)
		switch {
		case errors.Is(err, errInner):
			u.absent = err.Error()
			u.note("updates", "updates from step %d on were not checked: %s needs further mini-batches in a step%s",
				x.a.Step, p.rule.Name, u.advice())
			return nil
		case errors.Is(err, errSecond):
			u.count("updates", x.a.Step, "%d updates were not checked: the second gradient of the step is not recorded")
			u.forget()
			return nil
		case err != nil:
			return err
		}
		found = append(found, f...)
	}
	if x.isRenamed {
		if len(found) > 0 { // steps are missing between the rows
			u.count("updates", x.a.Step, "%d pairs of rows were not compared: steps between them are missing")
			u.forget()
			return nil
		}
		u.note("rows", "the update from the row of step %d to the row of step %d is one step of the optimizer, so the rows "+
			"follow each other and a number of a step is wrong", x.a.Step, x.b.Step)
	}
	for _, t := range u.outside {
		if a, b := u.view(t, x.a.Theta), u.view(t, x.b.Theta); !equalBits(a, b) {
			f := measure(a, b, a, u.trained[t])
			f.tensor, f.code, f.isOutside = t, Update, true
			found = append(found, f)
		}
	}
	if !x.isUncertain {
		u.result.Updates++
	}
	u.report(x, found)
	u.last = x
	if x.isComputed { // the gradient will be overwritten
		last := *x
		last.grad = nil
		u.last = &last
	}
	return nil
}

// view returns a tensor of a vector.
func (u *updates) view(t int, v []float32) []float32 { return u.trajectory.Header().Layout[t].View(v) }

// step sets u.next, in the part, to what the rule makes of theta and the gradient.
func (u *updates) step(ctx context.Context, p *part, x *pair, theta, grad []float32) error {
	next, direction := u.next[p.from:p.to], u.direction[p.from:p.to]
	copy(next, theta[p.from:p.to])
	copy(direction, grad[p.from:p.to])
	b := (*replay.Batches)(nil)
	if x.isMeasured && u.losses.isExact {
		b = u.losses.batches
	}
	u.probe = probe{
		batches: b, step: x.a.Step, loss: x.a.BatchLoss.Value, recorded: u.innerRow, scratch: u.probe.scratch,
	}
	if !u.isExplaining {
		u.probe.inner = func(number int32, theta, grad []float32, loss record.Optional) error {
			return u.checkInner(p, number, theta, grad, loss)
		}
	}
	if err := p.optimizer.Step(ctx, next, direction, x.rates[p.group], &u.probe); err != nil {
		return err
	}
	if u.probe.unmeasured {
		u.probe.length = fitLength(next, theta[p.from:p.to], x.b.Theta[p.from:p.to])
	}
	return nil
}

// advice says how a rule that needs further evaluations is checked completely.
func (u *updates) advice() string {
	if u.losses.isExact {
		return ", which a sample of all rows computes again"
	}
	return ""
}

// end adds notes about the whole run.
func (u *updates) end() {
	masked, all := 0, 0
	for _, p := range u.parts {
		all += p.to - p.from
		for _, m := range p.masked {
			if m {
				masked++
			}
		}
	}
	if masked > 0 {
		u.note("updates", "%d of %d parameters were left out: the rule divides by the size of the gradient, and %s does not have the "+
			"digits of a gradient that is small or that weight decay cancels", masked, all, u.stored.name)
	}
}
