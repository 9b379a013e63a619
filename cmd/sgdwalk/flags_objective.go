package main

import (
	"context"
	"fmt"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/objective"
	"sgdwalk/cmd/runloss"
)

// objectiveFlags let another program evaluate the loss.
type objectiveFlags struct {
	Objective             string        `json:"-" placeholder:"COMMAND" help:"Let this command evaluate the loss, for example \"python3 objective.py\": for runs of other programs (sgdwalk python prints serve, its other end). No shell runs it: KEY=VALUE in front and ~ are understood, quotes keep spaces, nothing else is special."`
	ObjectiveProcs        int           `default:"1" placeholder:"N" help:"Processes of it that evaluate at the same time (default ${default})."`
	ObjectiveTimeout      time.Duration `default:"10m" placeholder:"TIME" help:"Longest that an evaluation may take (default ${default})."`
	ObjectiveStartTimeout time.Duration `default:"2m" placeholder:"TIME" help:"Longest that its start may take (default ${default})."`
	ObjectiveRestarts     int           `default:"5" placeholder:"N" help:"How often a process that died is started again (default ${default})."`
	AllowNoisyObjective   bool          `help:"Take a loss that differs at the same point; the result is marked."`
}

// check refuses flags that do not go together.
func (f *objectiveFlags) check(l lossFlags) error {
	if f.Objective == "" {
		if f.AllowNoisyObjective || f.ObjectiveProcs > 1 {
			return usagef("--allow-noisy-objective and --objective-procs are for --objective, which is not given")
		}
		return nil
	}
	switch {
	case l.Data != "" || l.AllowOtherData:
		return usagef("--objective is %q: the data are its own, so --data and --allow-other-data are not for it",
			f.Objective)
	case l.Norm != "batch": // the default, which need not be given
		return usagef("--norm is %q: with --objective the command decides; it gets the statistics of the last iterate",
			l.Norm)
	case f.ObjectiveProcs < 1:
		return usagef("--objective-procs is %d; it must be at least 1", f.ObjectiveProcs)
	case f.ObjectiveTimeout <= 0 || f.ObjectiveStartTimeout <= 0:
		return usagef("--objective-timeout is %v and --objective-start-timeout %v; both must be above 0",
			f.ObjectiveTimeout, f.ObjectiveStartTimeout)
	case f.ObjectiveRestarts < 0:
		return usagef("--objective-restarts is %d; it must be 0 or more", f.ObjectiveRestarts)
	}
	return nil
}

// program returns how the other program is run; nil without one.
func (f *objectiveFlags) program() (*objective.Options, error) {
	if f.Objective == "" {
		return nil, nil
	}
	o := &objective.Options{
		Procs: f.ObjectiveProcs, StartTimeout: f.ObjectiveStartTimeout, Timeout: f.ObjectiveTimeout,
		AllowNoisy: f.AllowNoisyObjective, Restarts: orNone(f.ObjectiveRestarts),
	}
	var err error
	if o.Set, o.Command, err = objective.ParseCommand(f.Objective); err != nil {
		return nil, usageError{err}
	}
	return o, nil
}

// derivatives are what an analysis asks a loss for.
type derivatives int

const (
	lossOnly  derivatives = iota
	gradients             // the loss and its gradient
	products              // and products of its Hessian with vectors, where they are available
)

// evaluator opens the loss that the flags name, and checks it.
func (a *analysis) evaluator(
	ctx context.Context, l lossFlags, f objectiveFlags, also []string, d derivatives,
) (analyze.Evaluator, error) {
	o, err := f.program()
	if err != nil {
		return nil, err
	}
	if o == nil {
		e, err := a.loss(l)
		if err != nil {
			return nil, withObjectiveFlag(err, a.Run)
		}
		return a.Native(e), nil
	}
	if err := a.role.checkBefore(a); err != nil {
		return nil, err
	}
	o.Also, o.Gradient, o.Hessian = also, d >= gradients, d >= products
	return a.ExternalLoss(ctx, *o)
}

// withObjectiveFlag adds to an error about a run of another program which flag evaluates its loss.
func withObjectiveFlag(err error, r *runloss.Run) error {
	if r.IsForeign() {
		return fmt.Errorf("%w; --objective lets the program that made the run evaluate it", err)
	}
	return err
}

// testLoss opens the loss over the held-out data; name is the requested measure.
func (a *analysis) testLoss(name string) (analyze.Evaluator, error) {
	test, err := a.TestLoss()
	if err == nil && test == nil {
		return nil, usagef("--also %s: the data have no held-out examples", name)
	}
	return test, err
}
