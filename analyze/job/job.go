// Package job runs an analysis that is divided into units: pieces that do not depend
// on one another, such as the cells of a grid or the segments of a walk.
//
//  1. An analysis describes its units as data and evaluates those that the driver
//     hands to it: it is an [Evaluator]. With a result it is a [Job].
//  2. [Run] is the driver. It looks units up in a store, hands the missing ones to the
//     job, saves every unit when it is finished, and reports progress. So interrupted
//     work resumes with the next unit.
//  3. A worker evaluates the units of one shard with [Evaluate]; a merge runs the job
//     with a store that has the units of all shards. Both are the same driver as a
//     local run, with another choice of units: [Driver.Mine].
//
// The example shows all that an analysis has to provide. Package shard has the stores
// of workers and merges, package result the journal of a local run.
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
	Name   string // its name in journals and shards, without a line break; unique in the job
	Index  int    // the job's own number of it; the driver only hands it back
	Points int    // points that it evaluates, for progress; 0 counts as 1
}

// points is what the unit counts in progress.
func (u Unit) points() int { return max(1, u.Points) }

// Save keeps the values of a finished unit. The driver does not keep the slice.
type Save func(u Unit, values []float64) error

// Evaluator evaluates the units of an analysis.
type Evaluator interface {
	// Units returns all units that are known before anything is evaluated, in the order
	// of evaluation.
	Units() []Unit
	// Fits reports whether values, from a journal or a shard, can be those of the unit.
	// A unit whose values do not fit is evaluated again.
	Fits(u Unit, values []float64) bool
	// Evaluate evaluates units and calls save for each as soon as it is finished, one at a
	// time. The values depend on the unit and the options of the analysis only: not on the
	// units that are evaluated in the same call. It returns the context's error when it was
	// cancelled.
	Evaluate(ctx context.Context, units []Unit, save Save) error
}

// Job is an Evaluator with a result.
type Job[R any] interface {
	Evaluator
	// Finish makes the result of the values of its units, which it gets from values:
	// first those of Units, then perhaps further units that depend on them, such as the
	// cells of a refinement.
	Finish(ctx context.Context, values Values) (R, error)
}

// Values calls take with the values of the units, in their order, evaluating those that
// are missing. phase names the work for progress; without a name none is reported. take
// must copy what it keeps; an error of take ends the work. After an error of the
// evaluation, take is still called for the units that the store has. In a preview units
// that are missing are left out. take may call Values for units of its own.
type Values func(ctx context.Context, phase string, units []Unit, take Save) error

// ErrIncomplete is wrapped by the error of a job that cannot make a result of some of
// its units.
var ErrIncomplete = errors.New("units are missing")

// Driver chooses what is done with the units of a job. The zero value evaluates all of
// them and keeps nothing.
type Driver struct {
	// Store has finished units and keeps new ones; nil keeps nothing.
	Store analyze.Store
	// Progress receives the points that are finished; nil disables progress reporting.
	Progress analyze.Progress
	// Mine reports whether this process evaluates the unit if the store does not have it;
	// nil means that it evaluates every unit.
	Mine func(unit string) bool
	// Preview makes a result of the units that are available.
	Preview bool
}

// Run evaluates the units of the job that are missing and returns its result.
func Run[R any](ctx context.Context, j Job[R], d Driver) (R, error) {
	return j.Finish(ctx, func(ctx context.Context, phase string, units []Unit, take Save) error {
		return d.values(ctx, j, phase, units, take)
	})
}

// Evaluate evaluates the units of the job that the driver chooses, and makes no result.
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
	leaveOut := err != nil || d.Preview
	for r.next < len(units) {
		if e := r.takeNext(leaveOut); e != nil {
			return errors.Join(err, e)
		}
	}
	return err
}

// round is one call of Values.
type round struct {
	Driver
	job     Evaluator
	units   []Unit
	take    Save
	next    int                  // place of the unit that take receives next
	early   map[string][]float64 // evaluated units that come later
	refused bool                 // take returned an error
}

func (r *round) lookup(u Unit) ([]float64, bool) {
	values, ok := r.Store.Lookup(u.Name)
	return values, ok && r.job.Fits(u, values)
}

// evaluate has the job evaluate the missing units. Each goes to the store and, in the
// order of the units, to take.
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
			return fmt.Errorf("job: %s was evaluated twice or is not one of the units that are missing", u.Name)
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

// takeNext hands over the next unit, unless the store does not have it. Then it is left
// out, or that is an error.
func (r *round) takeNext(leaveOut bool) error {
	u := r.units[r.next]
	r.next++
	values, ok := r.early[u.Name]
	if ok {
		delete(r.early, u.Name)
	} else if values, ok = r.lookup(u); ok {
		r.Progress.Add(u.points())
	}
	if !ok && !leaveOut {
		return fmt.Errorf("job: %s: %w", u.Name, ErrIncomplete)
	}
	if !ok {
		return nil
	}
	err := r.take(u, values)
	r.refused = r.refused || err != nil
	return err
}
