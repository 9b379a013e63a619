package objective

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
)

// perProcess is how many points of a plane each process gets at a time: so many
// that one slow point keeps the others waiting for little.
const perProcess = 4

// View is one of the numbers of an Objective as a loss, and another as its
// accuracy: the loss and the accuracy over held-out data, for example. Its points
// have a state of their own, where WithState gives one. It is as safe for
// concurrent use as the Objective.
type View struct {
	o              *Objective
	loss, accuracy int       // places in the answer; -1: there is none
	state          []float32 // of all its evaluations
	asked          int       // how many of the numbers are asked for
}

var (
	_ analyze.Gradient   = View{}
	_ analyze.Planar     = View{}
	_ analyze.Ahead      = View{}
	_ analyze.Concurrent = View{}
)

// all is the view of an objective without any other.
func (o *Objective) all() View {
	names := o.o.values()
	return View{o, 0, slices.Index(names, "accuracy"), o.o.State, len(names)}
}

// View returns the number of that name as a loss, with the accuracy of that name;
// an empty name is none. Both must be in Options.Also, or be "loss".
func (o *Objective) View(loss, accuracy string) (View, error) {
	v, names := o.all(), o.o.values()
	if v.loss = slices.Index(names, loss); v.loss < 0 {
		return v, fmt.Errorf("objective: %q is not among what it is asked for", loss)
	}
	if v.accuracy = -1; accuracy != "" {
		if v.accuracy = slices.Index(names, accuracy); v.accuracy < 0 {
			return v, fmt.Errorf("objective: %q is not among what it is asked for", accuracy)
		}
	}
	return v, nil
}

// LossAlone returns the loss, for whose sake nothing else is asked for.
func (o *Objective) LossAlone() View {
	return View{o, 0, -1, o.o.State, 1}
}

// WithState returns the view with another state for its evaluations; it is borrowed
// and must not change. Its length is that of Options.StateLayout; nil is
// Options.State.
func (v View) WithState(state []float32) View {
	if v.state = state; state == nil {
		v.state = v.o.o.State
	}
	return v
}

// Places are where the loss and the accuracy are in what Evaluate returns; -1 is
// nowhere.
func (v View) Places() (loss, accuracy int) { return v.loss, v.accuracy }

// Concurrency is how many processes there are.
func (v View) Concurrency() int { return v.o.Procs() }

// Evaluate returns the loss and the numbers of Options.Also at theta, in that
// order.
func (v View) Evaluate(ctx context.Context, theta []float32) ([]float64, error) {
	o := v.o
	if numbers := v.evaluatedAhead(theta); numbers != nil {
		return numbers, nil
	}
	if v.asked == 1 { // the point is not worth a copy
		return o.ask(ctx, v.point(theta))
	}
	o.mu.Lock()
	if o.lastIs != nil && slices.Equal(o.last, theta) && slices.Equal(o.lastState, v.state) {
		defer o.mu.Unlock()
		return slices.Clone(o.lastIs), nil
	}
	o.mu.Unlock()
	numbers, err := o.ask(ctx, v.point(theta))
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.lastState, o.lastIs = append(o.last[:0], theta...), append(o.lastState[:0], v.state...), slices.Clone(numbers)
	return numbers, nil
}

func (v View) point(theta []float32) point {
	return point{theta: theta, state: v.state, asked: v.asked}
}

// Loss returns the number at theta.
func (v View) Loss(ctx context.Context, theta []float32) (float64, error) {
	all, err := v.Evaluate(ctx, theta)
	if err != nil {
		return 0, err
	}
	return all[v.loss], nil
}

// Gradient returns the loss at theta and fills grad, of the length of theta.
// Options.Gradient must have been set, and the view be of the loss.
func (v View) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	o := v.o
	switch {
	case !o.o.Gradient:
		return 0, errors.New("objective: it was opened without gradients")
	case v.loss != 0:
		return 0, fmt.Errorf("objective: there is no gradient of %q", o.o.values()[v.loss])
	case len(grad) != o.o.Layout.Len():
		return 0, fmt.Errorf("objective: the gradient has %d elements; the layout has %d", len(grad), o.o.Layout.Len())
	}
	numbers, err := o.ask(ctx, point{theta: theta, state: v.state, grad: grad, asked: 1})
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// OnPlane evaluates as many points at a time as there are processes.
func (v View) OnPlane(origin, u, w []float32) (int, func(ctx context.Context, a, b, loss, accuracy []float64) error, error) {
	plane := [4]*float32{unsafe.SliceData(origin), unsafe.SliceData(u), unsafe.SliceData(w), unsafe.SliceData(v.state)}
	if w == nil {
		w = make([]float32, len(u))
	}
	p := &analyze.Plane{Origin: origin, U: u, V: w}
	scratch := sync.Pool{New: func() any { s := make([]float32, len(origin)); return &s }}
	return perProcess * v.o.Procs(), func(ctx context.Context, a, b, loss, accuracy []float64) error {
		if accuracy != nil && v.accuracy < 0 {
			return fmt.Errorf("objective: it was not asked for an accuracy")
		}
		all := v.o.known(plane, a, b)
		if all == nil {
			all = make([][]float64, len(a))
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(v.o.Procs())
		for i := range a {
			if all[i] != nil {
				continue
			}
			group.Go(func() (err error) {
				theta := scratch.Get().(*[]float32)
				defer scratch.Put(theta)
				p.Point(a[i], b[i], *theta)
				all[i], err = v.o.ask(ctx, v.point(*theta))
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i, numbers := range all {
			loss[i] = numbers[v.loss]
			if accuracy != nil {
				accuracy[i] = numbers[v.accuracy]
			}
		}
		if v.asked > 1 { // otherwise nobody has anything else to ask for
			v.o.remember(plane, a, b, all)
		}
		return nil
	}, nil
}

// batch is the points of a plane that were evaluated last, with all their numbers:
// who asks for another of them does not evaluate anew.
type batch struct {
	plane [4]*float32 // origin, directions and state
	a, b  []float64
	all   [][]float64
}

func (o *Objective) known(plane [4]*float32, a, b []float64) [][]float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.batch.plane == plane && slices.Equal(o.batch.a, a) && slices.Equal(o.batch.b, b) {
		return slices.Clone(o.batch.all)
	}
	return nil
}

func (o *Objective) remember(plane [4]*float32, a, b []float64, all [][]float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch = batch{plane, slices.Clone(a), slices.Clone(b), all}
}
