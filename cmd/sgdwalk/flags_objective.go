package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/objective"
	"sgdwalk/record"
	"sgdwalk/record/recorder"
	"sgdwalk/train/nn"
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
		return usagef("--objective is %q: the data are its own, so --data and --allow-other-data are not for it", f.Objective)
	case l.Norm != "batch": // the default, which need not be given
		return usagef("--norm is %q: with --objective the command decides; it gets the statistics of the last iterate", l.Norm)
	case f.ObjectiveProcs < 1:
		return usagef("--objective-procs is %d; it must be at least 1", f.ObjectiveProcs)
	case f.ObjectiveTimeout <= 0 || f.ObjectiveStartTimeout <= 0:
		return usagef("--objective-timeout is %v and --objective-start-timeout %v; both must be above 0", f.ObjectiveTimeout, f.ObjectiveStartTimeout)
	case f.ObjectiveRestarts < 0:
		return usagef("--objective-restarts is %d; it must be 0 or more", f.ObjectiveRestarts)
	}
	return nil
}

// native returns a loss of the run rebuilt as what an analysis takes.
func (a *analysis) native(e *nn.Evaluator) analyze.Evaluator {
	if a.policy == string(nn.Running) {
		return atState{e}
	}
	return e
}

// atState is a loss with the running statistics that were recorded with an iterate.
type atState struct{ *nn.Evaluator }

var _ analyze.Stateful = atState{}

func (l atState) SetState(state []float32) bool {
	l.UseState(state)
	return true
}

// wanted are the numbers that an objective is asked for beside the loss. The
// landscape has an accuracy of every loss or of none.
func wanted(also string, everywhere bool) []string {
	asked := strings.Split(also, ",")
	has := func(name string) bool { return slices.Contains(asked, name) }
	test := has("test_loss") || has("test_accuracy")
	accuracy := everywhere && has("test_accuracy") || has("accuracy")
	var out []string
	if accuracy {
		out = append(out, "accuracy")
	}
	if test {
		out = append(out, "test_loss")
	}
	if has("test_accuracy") || test && everywhere && accuracy {
		out = append(out, "test_accuracy")
	}
	return out
}

// derivatives are what an analysis asks a loss for.
type derivatives int

const (
	lossOnly  derivatives = iota
	gradients             // the loss and its gradient
	products              // and products of its Hessian with vectors, where they are available
)

// evaluator opens the loss that the flags name, and checks it.
func (a *analysis) evaluator(ctx context.Context, l lossFlags, f objectiveFlags, also []string, d derivatives) (analyze.Evaluator, error) {
	h := a.trace.Header()
	if f.Objective == "" {
		e, err := a.loss(l)
		if err != nil && foreign(h, a.run) {
			err = fmt.Errorf("%w; --objective lets the program that made the run evaluate it", err)
		}
		if err != nil {
			return nil, err
		}
		return a.native(e), nil
	}
	if err := a.role.checkBefore(a); err != nil {
		return nil, err
	}
	theta, state, err := lastVectors(a.trace, a.run)
	if err != nil {
		return nil, err
	}
	o := objective.Options{Layout: h.Layout, Gradient: d >= gradients, Hessian: d >= products, Also: also}
	if state != nil {
		o.StateLayout, o.State = h.State, state
	}
	if err := a.openObjective(ctx, f, o, theta); err != nil {
		return nil, err
	}
	compared, err := a.objective.CheckRecorded(ctx, a.trace, nil)
	if err != nil {
		return nil, err
	}
	if compared > 0 {
		a.say("%d recorded losses compared", compared)
	}
	return a.external("loss", "accuracy")
}

// openObjective starts the other program and checks it at a point. The options have
// what is asked for, the flags say of whom.
func (a *analysis) openObjective(ctx context.Context, f objectiveFlags, o objective.Options, theta []float32) (err error) {
	var loss float64
	if a.objective, loss, err = f.start(ctx, o, theta); err != nil {
		return stoppedBefore(ctx, err)
	}
	a.say("%s: loss %.6g at the last iterate", a.objective.Command(), loss)
	set, command, err := objective.ParseCommand(f.Objective)
	// What an earlier call kept is for this objective, over the same data.
	a.policy, a.objectiveKey = "objective", fmt.Sprintf("%q %q %x", set, command, loss)
	return err
}

// start starts and checks it, and returns its loss at theta. Nothing runs after an
// error.
func (f *objectiveFlags) start(ctx context.Context, o objective.Options, theta []float32) (x *objective.Objective, loss float64, err error) {
	if o.Set, o.Command, err = objective.ParseCommand(f.Objective); err != nil {
		return nil, 0, usageError{err}
	}
	o.Procs, o.StartTimeout, o.Timeout, o.AllowNoisy = f.ObjectiveProcs, f.ObjectiveStartTimeout, f.ObjectiveTimeout, f.AllowNoisyObjective
	if o.Restarts = f.ObjectiveRestarts; o.Restarts == 0 {
		o.Restarts = -1
	}
	if x, err = objective.Open(ctx, o); err != nil {
		return nil, 0, err
	}
	if loss, err = x.Check(ctx, theta); err != nil {
		_ = x.Close() // the error before says what is wrong
		return nil, 0, err
	}
	return x, loss, nil
}

// stoppedBefore says what an interruption stopped, when that was the start.
func stoppedBefore(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("stopped while the objective was started and checked, before anything was evaluated: %w", err)
}

// closeObjective ends the other program. What it does wrong now changes no number.
func (a *analysis) closeObjective() {
	if a.objective == nil {
		return
	}
	if err := a.objective.Close(); err != nil {
		a.say("sgdwalk: note: %s", oneLine(err))
	}
}

// foreign reports whether another program made the run in a directory.
func foreign(h *record.Header, dir string) bool {
	_, err := os.Stat(filepath.Join(dir, recorder.IngestName))
	return err == nil || h.Data.Spec == "" || h.Model == record.ImportedModel
}

// lastVectors returns the last iterate and the last statistics of the run in a
// directory.
func lastVectors(t record.Trajectory, dir string) (theta, state []float32, err error) {
	if t.Header().Sketch != nil {
		return nil, nil, fmt.Errorf("%s keeps a sketch of theta and not theta: no loss can be evaluated", dir)
	}
	for i := t.Len() - 1; i >= 0 && (theta == nil || state == nil && t.Header().Columns.State); i-- {
		s, err := t.Read(i, record.ThetaPart|record.StatePart)
		if err != nil {
			return nil, nil, err
		}
		if theta == nil && s.Substep == 0 {
			theta = s.Theta
		}
		if state == nil && len(s.State) > 0 {
			state = s.State
		}
	}
	if theta == nil {
		return nil, nil, fmt.Errorf("%s: no iterate was recorded", dir)
	}
	return theta, state, nil
}

// external returns a number of the objective as a loss, with its accuracy if it was
// asked for.
func (a *analysis) external(loss, accuracy string) (*objective.Evaluator, error) {
	v, err := a.objective.View(loss, accuracy)
	if err != nil {
		v, err = a.objective.View(loss, "")
	}
	if err != nil {
		return nil, err
	}
	return objective.NewEvaluator(v, nil), nil
}

// testLoss opens the loss over the held-out data; name is what it was asked for as.
func (a *analysis) testLoss(name string) (analyze.Evaluator, error) {
	if a.objective != nil {
		return a.external("test_loss", "test_accuracy")
	}
	test, err := a.experiment.TestLoss()
	switch {
	case err != nil:
		return nil, err
	case test == nil:
		return nil, usagef("--also %s: the data have no held-out examples", name)
	}
	return a.native(test), nil
}

// withProducts gives the loss of another program its derivatives. close ends their
// process.
func (a *analysis) withProducts(ctx context.Context, f objectiveFlags, on *analyze.Measured) (loss *objective.LateProducts, end func()) {
	var o *objective.Objective
	loss = &objective.LateProducts{Measured: on}
	loss.Open = func() (g analyze.Gradient, err error) {
		theta, state, err := lastVectors(a.trace, a.run)
		if err != nil {
			return nil, err
		}
		f.ObjectiveProcs = 1
		options := objective.Options{Layout: a.trace.Header().Layout, Gradient: true, Hessian: true}
		if state != nil {
			options.StateLayout, options.State = a.trace.Header().State, state
		}
		if o, _, err = f.start(ctx, options, theta); err != nil {
			return nil, err
		}
		known := a.objective.Warnings()
		for _, w := range o.Warnings() {
			if !slices.ContainsFunc(known, func(k analyze.Warning) bool { return k.Code == w.Code }) {
				a.warn = append(a.warn, w)
			}
		}
		return o.LossAlone(), nil
	}
	return loss, func() {
		if o != nil {
			_ = o.Close() // every number has been given
		}
	}
}
