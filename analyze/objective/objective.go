package objective

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Objective is a loss that other processes evaluate. It is safe for concurrent
// use; each process evaluates one point at a time.
type Objective struct {
	o        Options
	children []*child // by slot; only the goroutine that took the slot from free may use the child
	free     chan int // unused slots; the capacity is the number of processes

	mu       sync.Mutex
	restarts int
	failure  error // every further call returns it
	warnings []analyze.Warning
	// One point and its loss: a process that was started again must give the same loss.
	checked      []float32
	checkedState []float32
	first        float64
	// The last point and its numbers, kept when more than the loss is requested.
	last, lastState []float32
	lastNumbers     []float64
	batch           batch
	frozen          [][2]int // ranges of theta that have no gradient
	absent          string   // the reason why products with the Hessian are missing; empty if they are available
	keepsState      bool     // the program keeps its own state, whatever the state of a point is
}

var (
	_ analyze.Gradient       = (*Objective)(nil)
	_ analyze.Batched        = (*Objective)(nil)
	_ analyze.Concurrent     = (*Objective)(nil)
	_ analyze.HessianProduct = (*Objective)(nil)
	_ analyze.Frozen         = (*Objective)(nil)
)

// Open starts the processes, at the same time. Close must be called.
func Open(ctx context.Context, options Options) (*Objective, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if !littleEndian {
		return nil, errBigEndian
	}
	o := &Objective{o: options.effective()}
	o.children, o.free = make([]*child, o.o.Procs), make(chan int, o.o.Procs)
	group, starting := errgroup.WithContext(ctx)
	for i := range o.children {
		group.Go(func() (err error) {
			o.children[i], err = startChild(starting, &o.o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		for _, c := range o.children {
			if c != nil {
				c.kill()
			}
		}
		return nil, err
	}
	for i, c := range o.children {
		o.free <- i
		if !c.welcome.Hessian {
			o.absent = "the program offers gradients only"
		}
		if c.welcome.StateLayout == nil {
			o.keepsState = true
		}
	}
	o.warnOfPrinted()
	return o, nil
}

// warnOfPrinted warns of lines that the program printed before its first answer.
func (o *Objective) warnOfPrinted() {
	c := o.children[0]
	if len(c.printed) == 0 {
		return
	}
	text := strings.Join(c.printed, ", ")
	if c.more > 0 {
		text += fmt.Sprintf(" and %d more lines", c.more)
	}
	o.warn("objective_printed", "%s printed %s on standard output before its first answer; this was ignored",
		o.Command(), text)
}

// Procs returns the number of processes.
func (o *Objective) Procs() int { return o.o.Procs }

// StateLen returns the number of elements of state; 0 without a state.
func (o *Objective) StateLen() int { return o.o.StateLayout.Len() }

// Command returns the command line.
func (o *Objective) Command() string { return o.o.name() }

// Warnings returns what a reader of the results must know. The caller owns the slice.
func (o *Objective) Warnings() []analyze.Warning {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.warnings)
}

func (o *Objective) warn(code, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.warnings = append(o.warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
}

// take waits for an unused process and returns its slot.
func (o *Objective) take(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	o.mu.Lock()
	err := o.failure
	o.mu.Unlock()
	if err != nil {
		return 0, err
	}
	select {
	case i := <-o.free:
		return i, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// point is one request: a place in parameter space and the values to compute there.
type point struct {
	theta, state []float32
	grad         []float32 // receives the gradient; nil requests none
	asked        int       // how many of the numbers: the loss and what follows it
	// products receive the Hessian times vectors; nil requests none.
	vectors, products [][]float32
}

// ask evaluates a point in an unused process.
func (o *Objective) ask(ctx context.Context, p point) ([]float64, error) {
	a, err := o.answer(ctx, p)
	return a.values, err
}

// answer does the same and returns the whole answer.
func (o *Objective) answer(ctx context.Context, p point) (answer, error) {
	i, err := o.take(ctx)
	if err != nil {
		return answer{}, err
	}
	defer func() { o.free <- i }()
	return o.askSlot(ctx, i, p)
}

// askSlot evaluates a point in the process of slot i, which the caller has taken,
// and again in a new process if it dies.
func (o *Objective) askSlot(ctx context.Context, i int, p point) (answer, error) {
	for {
		if o.children[i].closed { // killed by an interrupted evaluation
			if err := o.restart(ctx, i, nil); err != nil {
				return answer{}, err
			}
		}
		v, err := o.children[i].ask(ctx, p)
		if err == nil {
			return v, nil
		}
		if crashed(err) {
			err = o.restart(ctx, i, err)
		}
		if err != nil {
			return answer{}, o.fail(err)
		}
	}
}

// fail keeps a final error for all further calls. An interruption is not final.
func (o *Objective) fail(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failure == nil {
		o.failure = err
	}
	return err
}

// restart starts a process again after it died of cause, and checks that it gives the
// same loss as the first process.
func (o *Objective) restart(ctx context.Context, i int, cause error) error {
	o.mu.Lock()
	if cause != nil {
		if o.restarts++; o.restarts > o.o.Restarts {
			o.mu.Unlock()
			if o.o.Restarts <= 0 {
				return cause
			}
			return fmt.Errorf("%w (after %d restarts, the most that are allowed)", cause, o.o.Restarts)
		}
		o.warnings = slices.DeleteFunc(o.warnings,
			func(w analyze.Warning) bool { return w.Code == "objective_restarted" })
		o.warnings = append(o.warnings, analyze.Warning{
			Code: "objective_restarted",
			Text: fmt.Sprintf("processes of the objective that died were started again (%d in total); unanswered "+
				"points were evaluated again", o.restarts),
		})
	}
	checked, state, first := o.checked, o.checkedState, o.first
	o.mu.Unlock()
	c, err := startChild(ctx, &o.o)
	if err != nil {
		return err
	}
	o.children[i] = c
	if checked == nil {
		return nil
	}
	a, err := c.ask(ctx, point{theta: checked, state: state, asked: 1})
	switch {
	case crashed(err):
		return o.restart(ctx, i, err)
	case err != nil:
		return err
	case !same(a.values[0], first) && !o.o.AllowNoisy:
		return c.failed("after it was started again", fmt.Errorf("gives the loss %v; before it gave %v", a.values[0],
			first))
	}
	return nil
}

// Evaluate returns the loss and the numbers of Options.Also at theta, in that
// order.
func (o *Objective) Evaluate(ctx context.Context, theta []float32) ([]float64, error) {
	return o.all().Evaluate(ctx, theta)
}

// Loss returns the loss at theta.
func (o *Objective) Loss(ctx context.Context, theta []float32) (float64, error) {
	return o.all().Loss(ctx, theta)
}

// Gradient returns the loss at theta and fills grad, of the length of theta.
// Options.Gradient must have been set.
func (o *Objective) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	return o.all().Gradient(ctx, theta, grad)
}

// BatchSize returns the number of points that is fastest for the processes.
func (o *Objective) BatchSize() int { return o.all().BatchSize() }

// OnSpan evaluates the loss, and the accuracy if Options.Also has it, with one point at a
// time in each process.
func (o *Objective) OnSpan(s record.Span) (func(ctx context.Context, at []record.Coordinates, loss,
	accuracy []float64) error, error,
) {
	return o.all().OnSpan(s)
}

// Concurrency returns the number of processes.
func (o *Objective) Concurrency() int { return o.Procs() }

// Close ends the processes. The error reports a process that did not end properly;
// all results stay valid.
func (o *Objective) Close() error {
	errs := make([]error, len(o.children))
	var wait sync.WaitGroup
	for i, c := range o.children {
		wait.Go(func() { errs[i] = c.close() })
	}
	wait.Wait()
	return errors.Join(errs...)
}
