package replay

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/optim"
)

// Preconditioner gives what an optimizer such as Adam divides every coordinate by at a row of a recording. It runs
// the optimizer's own code on the recorded iterates and gradients, from the first step on.
type Preconditioner struct {
	trace     record.Trajectory
	optimizer train.Optimizer
	next      int    // row to be fed next
	step      int64  // its step
	absent    string // why there is none; empty when there is one
	theta     []float32
	grad      []float32
}

// NewPreconditioner returns nil for an optimizer that scales no coordinate.
func NewPreconditioner(trace record.Trajectory) (*Preconditioner, error) {
	h := trace.Header()
	if !optim.EdgeOf(h.Optimizer).Preconditioned {
		return nil, nil
	}
	o, _, err := optim.New(h.Optimizer.Name, h.Optimizer.Hyperparameters, h.Layout, h.Seed)
	if err != nil { // an optimizer of another program by that name, with settings of its own
		return &Preconditioner{absent: fmt.Sprintf("the scales of %s cannot be computed again: %v",
			h.Optimizer.Name, err)}, nil
	}
	n := h.Layout.Len()
	return &Preconditioner{trace: trace, optimizer: o, theta: make([]float32, n), grad: make([]float32, n)}, nil
}

// Preconditioner returns the scales of the update at the row; for the row after the last update, the scales of that
// update. absent says why there are none. Rows must be requested in ascending order.
func (s *Preconditioner) Preconditioner(ctx context.Context, row int) (d []float32, absent string, err error) {
	for ; s.next <= row && s.absent == ""; s.next++ {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		r, err := s.trace.Read(s.next, record.ThetaPart|record.GradPart)
		if err != nil {
			return nil, "", err
		}
		switch {
		case r.IsLast() || r.Substep > 0:
			continue // no update follows
		case r.Step != s.step || r.Grad == nil || r.Theta == nil:
			s.setAbsent()
			continue
		}
		// Copies: the optimizer writes to both.
		copy(s.theta, r.Theta)
		copy(s.grad, r.Grad)
		p := &recordedProbe{trace: s.trace, row: s.next, loss: r.BatchLoss.Value}
		err = s.optimizer.Step(ctx, s.theta, s.grad, r.LearningRate.Value, p)
		switch {
		case errors.Is(err, errNoSecond):
			s.setAbsent()
		case err != nil:
			return nil, "", err
		default:
			s.step++
		}
	}
	if s.absent != "" {
		return nil, s.absent, nil
	}
	d = make([]float32, len(s.theta))
	if !s.optimizer.(interface{ Preconditioner([]float32) bool }).Preconditioner(d) {
		return nil, "no gradient has scaled a coordinate yet", nil
	}
	return d, "", nil
}

// setAbsent says that the step to be fed next is missing.
func (s *Preconditioner) setAbsent() {
	s.absent = fmt.Sprintf("the scales of %s follow from the gradients of all steps up to the iterate, and "+
		"that of step %d is not recorded (train --grad records them)", s.trace.Header().Optimizer.Name, s.step)
}
