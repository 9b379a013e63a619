package objective

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// perProcess is the number of points that a process gets per batch: enough that the other
// processes wait little for one slow point.
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
	_ analyze.Batched    = View{}
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

// BatchSize returns a few points for each process; one point for a single process, which
// gains nothing from more.
func (v View) BatchSize() int {
	if v.o.Procs() == 1 {
		return 1
	}
	return perProcess * v.o.Procs()
}

// OnSpan evaluates one point at a time in each process.
func (v View) OnSpan(s record.Span) (func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error,
	error,
) {
	for k := range s.Len() {
		if n := len(s.Vector(k)); n != v.o.o.Layout.Len() {
			return nil, fmt.Errorf("objective: vector %d of the span has %d elements; the layout has %d", k, n,
				v.o.o.Layout.Len())
		}
	}
	scratch := sync.Pool{New: func() any { theta := make([]float32, v.o.o.Layout.Len()); return &theta }}
	return func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error {
		if accuracy != nil && v.accuracy < 0 {
			return fmt.Errorf("objective: no accuracy was requested")
		}
		key := v.keyOf(&s, at)
		all := v.known(key)
		if all == nil {
			all = make([][]float64, len(at))
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(v.o.Procs())
		for i := range at {
			if all[i] != nil {
				continue
			}
			group.Go(func() (err error) {
				theta := scratch.Get().(*[]float32)
				defer scratch.Put(theta)
				s.Point(&at[i], 0, *theta)
				all[i], err = v.o.ask(ctx, v.at(&at[i]).point(*theta))
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
			v.remember(key, all)
		}
		return nil
	}, nil
}

// at returns the view with the state of a point, if the objective has a state and the point
// has its own.
func (v View) at(c *record.Coordinates) View {
	if c.State != nil && v.o.StateLen() > 0 {
		v.state = c.State
	}
	return v
}

// batch holds the numbers of the points that were evaluated last, so that another number
// of the same points needs no evaluation.
type batch struct {
	key uint64 // of the points, see keyOf
	all [][]float64
}

// seed of the keys.
var seed = maphash.MakeSeed()

// keyOf returns a hash of what determines the points: the vectors of the span, and the
// coordinates and states. It is of the values, because a caller may use the memory of a
// vector again.
func (v View) keyOf(s *record.Span, at []record.Coordinates) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	vector := func(x []float32) {
		maphash.WriteComparable(&h, len(x))
		h.Write(bytesOf(x))
	}
	for k := range s.Len() {
		vector(s.Vector(k))
	}
	for i := range at {
		maphash.WriteComparable(&h, [2]int{at[i].Base, len(at[i].Along)})
		for _, a := range at[i].Along {
			maphash.WriteComparable(&h, a)
		}
		vector(v.at(&at[i]).state)
	}
	return h.Sum64()
}

// known returns the numbers of the points if they were evaluated last, or nil.
func (v View) known(key uint64) [][]float64 {
	v.o.mu.Lock()
	defer v.o.mu.Unlock()
	if v.o.batch.key == key {
		return slices.Clone(v.o.batch.all)
	}
	return nil
}

// remember keeps the numbers of the points.
func (v View) remember(key uint64, all [][]float64) {
	v.o.mu.Lock()
	defer v.o.mu.Unlock()
	v.o.batch = batch{key, all}
}
