package runloss

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/objective"
	"sgdwalk/record"
)

// Values returns the names of the numbers that another program must return in addition to the
// loss, for the comma-separated measures of --also. With everyLoss, an analysis measures the
// accuracy of all its losses or of none of them, as a landscape does.
func Values(also string, everyLoss bool) []string {
	requested := strings.Split(also, ",")
	has := func(name string) bool { return slices.Contains(requested, name) }
	test := has("test_loss") || has("test_accuracy")
	accuracy := everyLoss && has("test_accuracy") || has("accuracy")
	var out []string
	if accuracy {
		out = append(out, "accuracy")
	}
	if test {
		out = append(out, "test_loss")
	}
	if has("test_accuracy") || test && everyLoss && accuracy {
		out = append(out, "test_accuracy")
	}
	return out
}

// ExternalLoss starts the program of o.Command, checks it at the last iterate and against the
// recorded losses, and returns its loss. It sets the layouts and the state of o; the caller
// sets what the program must return and how it is run.
func (r *Run) ExternalLoss(ctx context.Context, o objective.Options) (analyze.Evaluator, error) {
	theta, err := r.atEnd(&o)
	if err != nil {
		return nil, err
	}
	if err := r.StartObjective(ctx, o, theta); err != nil {
		return nil, err
	}
	compared, err := r.Objective.CheckRecorded(ctx, r, nil)
	if err != nil {
		return nil, err
	}
	if compared > 0 {
		r.notice("%d recorded losses compared", compared)
	}
	return r.external("loss", "accuracy")
}

// StartObjective starts the program of o.Command and checks it at theta. Units of an earlier
// call stay valid only if the command and its loss at theta are the same, which is what the
// objective key has.
func (r *Run) StartObjective(ctx context.Context, o objective.Options, theta []float32) (err error) {
	var loss float64
	r.Objective, loss, err = start(ctx, o, theta)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("stopped while the objective was started and checked, before anything was evaluated: %w", err)
	}
	if err != nil {
		return err
	}
	r.notice("%s: loss %.6g at the last iterate", r.Objective.Command(), loss)
	r.Policy, r.ObjectiveKey = "objective", fmt.Sprintf("%q %x", r.Objective.Command(), loss)
	return nil
}

// start starts and checks a program, and returns its loss at theta. After an error no process
// is left.
func start(ctx context.Context, o objective.Options, theta []float32) (*objective.Objective, float64, error) {
	x, err := objective.Open(ctx, o)
	if err != nil {
		return nil, 0, err
	}
	loss, err := x.Check(ctx, theta)
	if err != nil {
		_ = x.Close() // the error of the check says what is wrong
		return nil, 0, err
	}
	return x, loss, nil
}

func (r *Run) notice(format string, args ...any) {
	if r.Notice != nil {
		r.Notice(format, args...)
	}
}

// atEnd sets the layouts and the last state of the run, and returns its last iterate.
func (r *Run) atEnd(o *objective.Options) (theta []float32, err error) {
	theta, state, err := r.LastVectors()
	o.Layout = r.Header().Layout
	if state != nil {
		o.StateLayout, o.State = r.Header().State, state
	}
	return theta, err
}

// LastVectors returns the last iterate, and the last state if one was recorded.
func (r *Run) LastVectors() (theta, state []float32, err error) {
	if r.Header().Sketch != nil {
		return nil, nil, fmt.Errorf("%s keeps a sketch of theta and not theta: no loss can be evaluated", r.Dir)
	}
	for i := r.Len() - 1; i >= 0 && (theta == nil || state == nil && r.Header().Columns.State); i-- {
		s, err := r.Read(i, record.ThetaPart|record.StatePart)
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
		return nil, nil, fmt.Errorf("%s: no iterate was recorded", r.Dir)
	}
	return theta, state, nil
}

// external returns a number of the program as a loss, with its accuracy if the program
// returns one.
func (r *Run) external(loss, accuracy string) (analyze.Evaluator, error) {
	v, err := r.Objective.View(loss, accuracy)
	if err != nil {
		v, err = r.Objective.View(loss, "")
	}
	if err != nil {
		return nil, err
	}
	return objective.NewEvaluator(v, nil), nil
}

// Products adds derivatives to the loss of another program, after ExternalLoss. They come from
// a second process of the program of o.Command, which starts when the first one is needed. The
// caller calls end when no more products are needed.
func (r *Run) Products(
	ctx context.Context, o objective.Options, on *analyze.Measured,
) (loss *objective.LateProducts, end func()) {
	var x *objective.Objective
	loss = &objective.LateProducts{Measured: on}
	loss.Open = func() (analyze.Gradient, error) {
		theta, err := r.atEnd(&o)
		if err != nil {
			return nil, err
		}
		o.Procs, o.Gradient, o.Hessian = 1, true, true
		if x, _, err = start(ctx, o, theta); err != nil {
			return nil, err
		}
		known := r.Objective.Warnings()
		for _, w := range x.Warnings() {
			if !slices.ContainsFunc(known, func(k analyze.Warning) bool { return k.Code == w.Code }) {
				r.Warnings = append(r.Warnings, w)
			}
		}
		return objective.NewEvaluator(x.LossAlone(), nil), nil
	}
	return loss, func() {
		if x != nil {
			_ = x.Close() // every product was returned already
		}
	}
}
