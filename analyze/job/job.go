// Package job runs an analysis that is divided into units: independent pieces of work,
// such as the cells of a grid or the segments of a walk.
//
//  1. An analysis lists its units and evaluates the units that the driver passes to it:
//     it is an [Evaluator]. If it also makes a result from the values, it is a [Job].
//  2. [Run] is the driver. It looks up units in a store, passes the missing units to the
//     job, saves every unit when it is finished, and reports progress. Interrupted work
//     therefore resumes with the next unit.
//  3. A worker evaluates the units of one shard with [Evaluate]. A merge runs the job
//     with a store that has the units of all shards. Both use the same driver as a local
//     run; only [Driver.Mine] selects other units. So all three compute the same bits.
//
// The example shows everything that an analysis has to provide. Package shard has the
// stores of workers and merges, and package result has the journal of a local run.
package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sgdwalk/analyze"
)

// Unit is one piece of a job.
type Unit struct {
	Name   string // the name in journals and shards: unique in the job, without a line break
	Index  int    // a number for the job's use; the driver does not read it
	Points int    // number of points that the unit evaluates, for progress; 0 counts as 1
}

// points returns the weight of the unit in progress.
func (u Unit) points() int { return max(1, u.Points) }

// Save keeps the values of a finished unit. It copies the slice if it keeps it, so the
// caller may reuse the slice.
type Save func(u Unit, values []float64) error

// Evaluator evaluates the units of an analysis.
type Evaluator interface {
	// Units returns all units that are known before the evaluation starts, in the order
	// of evaluation.
	Units() []Unit
	// Fits reports whether values from a journal or a shard can belong to the unit, for
	// example whether their number is right. A unit whose values do not fit is evaluated
	// again.
	Fits(u Unit, values []float64) bool
	// Evaluate evaluates units and calls save for each unit as soon as it is finished, from
	// one goroutine at a time. The values of a unit depend only on the unit and on the
	// options of the analysis, not on the other units of the call: shards and interrupted
	// work depend on this. It returns the context's error when the context is cancelled.
	Evaluate(ctx context.Context, units []Unit, save Save) error
}

// Job is an Evaluator with a result.
type Job[R any] interface {
	Evaluator
	// Finish makes the result from the values of the units, which it gets by calling
	// values: first with Units, and then perhaps with further units that depend on the
	// first values, such as the cells of a refinement.
	Finish(ctx context.Context, values Values) (R, error)
}

// Values evaluates the missing units, and calls take with the values of all units in the
// given order. phase names the work for progress; an empty phase disables progress
// reporting. take must copy the values that it keeps. An error of take ends the work.
// After an error of the evaluation, take is still called for the units that the store has.
// A preview skips missing units. take may call Values for other units.
type Values func(ctx context.Context, phase string, units []Unit, take Save) error

// ErrIncomplete is wrapped by the error of a job that cannot make a result because some of
// its units are missing.
var ErrIncomplete = errors.New("units are missing")

// Driver has the options of Run and Evaluate. The zero value evaluates all units and keeps
// none.
type Driver struct {
	// Store has the finished units and keeps new ones; nil keeps nothing.
	Store analyze.Store
	// Progress receives the number of finished points; nil disables progress reporting.
	Progress analyze.Progress
	// Mine reports whether this process evaluates the unit if the store does not have it;
	// nil means that it evaluates every unit.
	Mine func(unit string) bool
	// Preview makes a result from the available units and skips the missing ones.
	Preview bool
}

// Run evaluates the missing units of the job and returns its result.
func Run[R any](ctx context.Context, j Job[R], d Driver) (R, error) {
	return j.Finish(ctx, func(ctx context.Context, phase string, units []Unit, take Save) error {
		return d.values(ctx, j, phase, units, take)
	})
}

// Evaluate evaluates the units that Driver.Mine selects and saves them in Driver.Store. It
// makes no result.
func Evaluate(ctx context.Context, j Evaluator, d Driver) error {
	d.Preview = true
	return d.values(ctx, j, "units", j.Units(), func(Unit, []float64) error { return nil })
}

// values is the Values of a job.
func (d Driver) values(ctx context.Context, j Evaluator, phase string, units []Unit, take Save) error {
	if d.Store == nil {
		d.Store = analyze.NoStore{}
	}
	if d.Progress == nil || phase == "" {
		d.Progress = analyze.NoProgress{}
	}
	r := &round{Driver: d, job: j, units: units, take: take}
	total := 0
	var missing []Unit
	for _, u := range units {
		total += u.points()
		if d.Mine != nil && !d.Mine(u.Name) {
			continue
		}
		if _, ok := r.lookup(u); !ok {
			missing = append(missing, u)
		}
	}
	d.Progress.Begin(phase, total)
	err := r.evaluate(ctx, missing)
	if r.refused {
		return err
	}
	skipMissing := err != nil || d.Preview
	for r.next < len(units) {
		if e := r.takeNext(skipMissing); e != nil {
			return errors.Join(err, e)
		}
	}
	return err
}

// round is the state of one call of Values.
type round struct {
	Driver
	job     Evaluator
	units   []Unit
	take    Save
	next    int                  // place of the unit that take receives next
	early   map[string][]float64 // evaluated units that wait for an earlier unit
	refused bool                 // take returned an error
}

// lookup returns the values of a unit from the store, if they fit.
func (r *round) lookup(u Unit) ([]float64, bool) {
	values, ok := r.Store.Lookup(u.Name)
	return values, ok && r.job.Fits(u, values)
}

// evaluate lets the job evaluate the missing units, and saves each in the store as soon as
// it is finished. take receives the units in their order, so a unit that is finished before
// an earlier one waits in early.
func (r *round) evaluate(ctx context.Context, missing []Unit) error {
	if len(missing) == 0 {
		return nil
	}
	left := make(map[string]bool, len(missing))
	for _, u := range missing {
		left[u.Name] = true
	}
	r.early = make(map[string][]float64)
	err := r.job.Evaluate(ctx, missing, func(u Unit, values []float64) error {
		if !left[u.Name] {
			return fmt.Errorf("job: %s was evaluated twice or is not a missing unit", u.Name)
		}
		if err := r.Store.Save(u.Name, values); err != nil {
			return err
		}
		delete(left, u.Name)
		r.Progress.Add(u.points())
		r.early[u.Name] = values
		for r.next < len(r.units) && !left[r.units[r.next].Name] {
			if err := r.takeNext(r.Preview); err != nil {
				return err
			}
		}
		if _, waits := r.early[u.Name]; waits {
			r.early[u.Name] = slices.Clone(values)
		}
		return nil
	})
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("job: %d of %d units were not evaluated", len(left), len(missing))
	}
	return err
}

// takeNext passes the next unit to take. When the unit was neither evaluated nor is in the
// store, takeNext skips it or returns an error that wraps ErrIncomplete.
func (r *round) takeNext(skipMissing bool) error {
	u := r.units[r.next]
	r.next++
	values, ok := r.early[u.Name]
	if ok {
		delete(r.early, u.Name)
	} else if values, ok = r.lookup(u); ok {
		r.Progress.Add(u.points())
	}
	if !ok && !skipMissing {
		return fmt.Errorf("job: %s: %w", u.Name, ErrIncomplete)
	}
	if !ok {
		return nil
	}
	err := r.take(u, values)
	r.refused = r.refused || err != nil
	return err
}
