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

// perProcess is the number of points of a plane that a process gets per batch: enough
// that the other processes wait little for one slow point.
const perProcess = 4

// View presents one number of an Objective as a loss and another as its accuracy, for
// example loss and accuracy on held-out data. WithState sets another state for its
// points. A View is safe for concurrent use.
type View struct {
	o              *Objective
	loss, accuracy int       // indices in the answer; -1 if missing
	state          []float32 // of all its evaluations
	asked          int       // how many numbers are requested
}

var (
	_ analyze.Gradient   = View{}
	_ analyze.Planar     = View{}
	_ analyze.Ahead      = View{}
	_ analyze.Concurrent = View{}
)

// all returns the view of the loss with all numbers.
func (o *Objective) all() View {
	names := o.o.values()
	return View{o, 0, slices.Index(names, "accuracy"), o.o.State, len(names)}
}

// View returns a view of the number with the name loss. An empty accuracy means no
// accuracy. Both names must be in Options.Also or be "loss".
func (o *Objective) View(loss, accuracy string) (View, error) {
	v, names := o.all(), o.o.values()
	if v.loss = slices.Index(names, loss); v.loss < 0 {
		return v, fmt.Errorf("objective: %q is not a requested number; add it to Also", loss)
	}
	if v.accuracy = -1; accuracy != "" {
		if v.accuracy = slices.Index(names, accuracy); v.accuracy < 0 {
			return v, fmt.Errorf("objective: %q is not a requested number; add it to Also", accuracy)
		}
	}
	return v, nil
}

// LossAlone returns a view that requests the loss and nothing else.
func (o *Objective) LossAlone() View {
	return View{o, 0, -1, o.o.State, 1}
}

// WithState returns the view with another state, of the length of
// Options.StateLayout; nil means Options.State. The view keeps the slice, which must
// not change.
func (v View) WithState(state []float32) View {
	if v.state = state; state == nil {
		v.state = v.o.o.State
	}
	return v
}

// Places returns the indices of loss and accuracy in the result of Evaluate; -1 if
// missing.
func (v View) Places() (loss, accuracy int) { return v.loss, v.accuracy }

// Concurrency returns the number of processes.
func (v View) Concurrency() int { return v.o.Procs() }

// Evaluate returns the loss and the numbers of Options.Also at theta, in that
// order.
func (v View) Evaluate(ctx context.Context, theta []float32) ([]float64, error) {
	o := v.o
	if numbers := v.evaluatedAhead(theta); numbers != nil {
		return numbers, nil
	}
	if v.asked == 1 { // a single number is not worth a copy of the point
		return o.ask(ctx, v.point(theta))
	}
	o.mu.Lock()
	if o.lastNumbers != nil && slices.Equal(o.last, theta) && slices.Equal(o.lastState, v.state) {
		defer o.mu.Unlock()
		return slices.Clone(o.lastNumbers), nil
	}
	o.mu.Unlock()
	numbers, err := o.ask(ctx, v.point(theta))
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.lastState, o.lastNumbers = append(o.last[:0], theta...), append(o.lastState[:0],
		v.state...), slices.Clone(numbers)
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
		return 0, fmt.Errorf("objective: %q has no gradient; only the loss has", o.o.values()[v.loss])
	case len(grad) != o.o.Layout.Len():
		return 0, fmt.Errorf("objective: the gradient has %d elements; the layout has %d", len(grad), o.o.Layout.Len())
	}
	numbers, err := o.ask(ctx, point{theta: theta, state: v.state, grad: grad, asked: 1})
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// OnPlane evaluates one point at a time in each process.
func (v View) OnPlane(origin, u, w []float32) (int, func(ctx context.Context, a, b, loss, accuracy []float64) error,
	error,
) {
	plane := [4]*float32{unsafe.SliceData(origin), unsafe.SliceData(u), unsafe.SliceData(w), unsafe.SliceData(v.state)}
	if w == nil {
		w = make([]float32, len(u))
	}
	p := &analyze.Plane{Origin: origin, U: u, V: w}
	scratch := sync.Pool{New: func() any { s := make([]float32, len(origin)); return &s }}
	return perProcess * v.o.Procs(), func(ctx context.Context, a, b, loss, accuracy []float64) error {
		if accuracy != nil && v.accuracy < 0 {
			return fmt.Errorf("objective: no accuracy was requested")
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
		if v.asked > 1 { // with one number there is nothing to reuse
			v.o.remember(plane, a, b, all)
		}
		return nil
	}, nil
}

// batch holds the plane points that were evaluated last, with all their numbers, so
// that another number of the same points needs no evaluation.
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
