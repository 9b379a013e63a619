package objective

import (
	"context"
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
// accuracy: the loss and the accuracy over held-out data, for example.
type View struct {
	o              *Objective
	loss, accuracy int // places in the answer; -1: there is none
}

var _ analyze.Planar = View{}

// View returns the number of that name as a loss, with the accuracy of that name;
// an empty name is none. Both must be in Options.Also, or be "loss".
func (o *Objective) View(loss, accuracy string) (View, error) {
	v := View{o, slices.Index(o.o.values(), loss), -1}
	if v.loss < 0 {
		return v, fmt.Errorf("objective: %q is not among what it is asked for", loss)
	}
	if accuracy != "" {
		if v.accuracy = slices.Index(o.o.values(), accuracy); v.accuracy < 0 {
			return v, fmt.Errorf("objective: %q is not among what it is asked for", accuracy)
		}
	}
	return v, nil
}

// Places are where the loss and the accuracy are in what Evaluate returns; -1 is
// nowhere.
func (v View) Places() (loss, accuracy int) { return v.loss, v.accuracy }

// Loss returns the number at theta.
func (v View) Loss(ctx context.Context, theta []float32) (float64, error) {
	all, err := v.o.Evaluate(ctx, theta)
	if err != nil {
		return 0, err
	}
	return all[v.loss], nil
}

// OnPlane evaluates as many points at a time as there are processes.
func (v View) OnPlane(origin, u, w []float32) (int, func(ctx context.Context, a, b, loss, accuracy []float64) error, error) {
	plane := [3]*float32{unsafe.SliceData(origin), unsafe.SliceData(u), unsafe.SliceData(w)}
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
				all[i], err = v.o.ask(ctx, *theta, v.o.o.State, nil)
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
		v.o.remember(plane, a, b, all)
		return nil
	}, nil
}

// batch is the points of a plane that were evaluated last, with all their numbers:
// who asks for another of them does not evaluate anew.
type batch struct {
	plane [3]*float32
	a, b  []float64
	all   [][]float64
}

func (o *Objective) known(plane [3]*float32, a, b []float64) [][]float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.batch.plane == plane && slices.Equal(o.batch.a, a) && slices.Equal(o.batch.b, b) {
		return slices.Clone(o.batch.all)
	}
	return nil
}

func (o *Objective) remember(plane [3]*float32, a, b []float64, all [][]float64) {
	if len(o.o.Also) == 0 {
		return // nobody has anything else to ask for
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch = batch{plane, slices.Clone(a), slices.Clone(b), all}
}

// OnPlane evaluates the loss, and the accuracy if Options.Also has it, at as many
// points at a time as there are processes.
func (o *Objective) OnPlane(origin, u, v []float32) (int, func(ctx context.Context, a, b, loss, accuracy []float64) error, error) {
	return View{o, 0, slices.Index(o.o.values(), "accuracy")}.OnPlane(origin, u, v)
}
