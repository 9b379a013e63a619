// Package runloss opens a recorded run, or a series of checkpoints, together with its loss. The command line and the
// notebooks share it, so that both evaluate the same function of theta.
//
// [Open] opens the recording, and a [Run] is itself a [record.Trajectory]. The loss comes from
// one of two places. [Run.TrainLoss] rebuilds the data and the model from the header of the
// run. [Run.ExternalLoss] starts another program that evaluates the loss, for runs that this
// module did not train. The fields of [Evaluated] then say what the numbers depend on: a
// journal of finished units is only valid for the same values.
package runloss

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/objective"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
	"sgdwalk/record/recorder"
	"sgdwalk/train/nn"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/replay"
)

// Package train and package analyze do not import each other. The analyses accept what
// train/replay rebuilds because the method sets agree, which is checked here.
var (
	_ analyze.HessianProduct         = (*nn.Evaluator)(nil)
	_ analyze.GaussNewtonProduct     = (*nn.Evaluator)(nil)
	_ analyze.Stateful               = atState{}
	_ curvature.PreconditionerSource = (*replay.Preconditioner)(nil)
)

// Options choose the data and the statistics with which a loss is rebuilt. The zero value
// evaluates on the recorded data as in training.
type Options struct {
	Data           string    // where the data are now; empty means where the run was recorded
	AllowOtherData bool      // accept data whose hash is not the recorded one; the run gets a warning
	Policy         nn.Policy // statistics of normalization layers; empty means those of the batch
}

// replay returns the options as package replay wants them. The policy running takes the
// statistics of the last row that has them; replay refuses the policy when no row has any.
func (o Options) replay(t record.Trajectory) replay.Options {
	r := replay.Options{Data: o.Data, AllowOtherData: o.AllowOtherData, Policy: o.Policy}
	if o.Policy == nn.Running && t.Len() > 0 {
		if state, err := record.StateOf(t, t.Len()-1); err == nil {
			r.State = state
		}
	}
	return r
}

// Evaluated identifies what evaluated a loss. Fields are empty until a loss was opened.
type Evaluated struct {
	DataHash     string // of the data
	Kernel       string // instruction set
	Policy       string // statistics of normalization layers; empty without such layers; or "objective"
	ObjectiveKey string // command of the other program, and its loss at the last iterate
}

func evaluated(x *replay.Experiment) Evaluated {
	return Evaluated{DataHash: x.Data().Hash, Kernel: kernel.Name(), Policy: string(x.Policy())}
}

// Run is a recorded run or a series of checkpoints, and its loss once a method opened it.
type Run struct {
	Recording
	Series *exchange.Series // the recording, when it is a series of checkpoints; nil for a recorded run
	Dir    string
	Evaluated
	Experiment *replay.Experiment   // the rebuilt run; nil before TrainLoss
	Objective  *objective.Objective // the other program; nil before ExternalLoss or StartObjective
	Warnings   analyze.Warnings     // caveats of the loss, for the result
	// Notice receives progress messages of the start of another program, without a line
	// break. nil disables them.
	Notice func(format string, args ...any)
}

// Open opens the run in a directory, or a series of checkpoints of which everything is guessed.
// The caller closes it.
func Open(path string) (*Run, error) { return OpenWith(path, exchange.ImportOptions{}) }

// OpenWith does what Open does, and reads a series with the options.
func OpenWith(path string, o exchange.ImportOptions) (*Run, error) {
	t, s, err := openEither(path, o)
	switch {
	case err != nil:
		return nil, err
	case s != nil:
		return &Run{Recording: s, Series: s, Dir: path}, nil
	}
	return &Run{Recording: t, Dir: path}, nil
}

// Close stops the other program, if there is one, and closes the recording. An error changes
// no number that was evaluated before.
func (r *Run) Close() error {
	var errs []error
	if r.Objective != nil {
		errs = append(errs, r.Objective.Close())
	}
	if r.Recording != nil {
		errs = append(errs, r.Recording.Close())
	}
	return errors.Join(errs...)
}

// IsForeign reports whether another program made the run: its header then does not suffice to
// rebuild the loss.
func (r *Run) IsForeign() bool {
	_, err := os.Stat(filepath.Join(r.Dir, recorder.IngestName))
	h := r.Header()
	return err == nil || h.Data.Spec == "" || h.Model == record.ImportedModel
}

// TrainLoss rebuilds the mean loss over all training examples from the header of the run. The
// error is [replay.ErrOtherData] if the data are not the recorded ones and o does not allow that.
func (r *Run) TrainLoss(o Options) (*nn.Evaluator, error) {
	if err := r.checkNative(); err != nil {
		return nil, err
	}
	x, err := replay.FromHeader(r.Header(), o.replay(r))
	if err != nil {
		return nil, err
	}
	r.noteOtherData(x, "the loss")
	r.Experiment, r.Evaluated = x, evaluated(x)
	return x.TrainLoss()
}

// checkNative returns an error for a series whose files do not have the header of a run of
// this program: nothing says which model and data the loss needs.
func (r *Run) checkNative() error {
	if r.Series != nil && r.Header().Data.Spec == "" {
		return fmt.Errorf("%s is a series of checkpoints, which do not say how their loss is computed", r.Dir)
	}
	return nil
}

// noteOtherData adds a warning if the loss uses data that are not the recorded ones.
func (r *Run) noteOtherData(x *replay.Experiment, loss string) {
	recorded := r.Header().Data.Hash
	if x.Data().Hash == recorded {
		return
	}
	name, _, _ := strings.Cut(x.Data().Spec, ":") // without the directory
	r.Warnings = append(r.Warnings, analyze.Warning{Code: "other_data", Text: fmt.Sprintf(
		"%s was evaluated on %s (%s), not on the data of the run (%s)", loss, name, x.Data().Hash, recorded)})
}

// TestLoss returns the loss over the held-out examples, after TrainLoss or ExternalLoss. It is
// nil if the data have none.
func (r *Run) TestLoss() (analyze.Evaluator, error) {
	if r.Objective != nil {
		return r.external("test_loss", "test_accuracy")
	}
	test, err := r.Experiment.TestLoss()
	if err != nil || test == nil {
		return nil, err
	}
	return r.Native(test), nil
}

// Native returns a rebuilt loss as the analyses want it. With the policy running, an analysis
// may set the statistics that were recorded with each iterate; otherwise it must not.
func (e Evaluated) Native(loss *nn.Evaluator) analyze.Evaluator {
	if e.Policy == string(nn.Running) {
		return atState{loss}
	}
	return loss
}

// atState is a loss with the running statistics that were recorded with an iterate.
type atState struct{ *nn.Evaluator }

// SetState sets the running statistics.
func (l atState) SetState(state []float32) bool {
	l.UseState(state)
	return true
}

// Iterate returns theta and the state of a step; step -1 means the last iterate.
func (r *Run) Iterate(step int64) (record.Step, error) {
	for i := r.Len() - 1; i >= 0; i-- {
		s, err := r.Read(i, record.ScalarsOnly)
		if err != nil {
			return s, err
		}
		if s.Substep != 0 || step >= 0 && s.Step != step {
			continue
		}
		if s, err = r.Read(i, record.ThetaPart|record.StatePart); err != nil {
			return s, err
		}
		if s.Theta == nil {
			return s, fmt.Errorf("%s: the iterate of step %d was not recorded", r.Dir, s.Step)
		}
		return s, nil
	}
	return record.Step{}, fmt.Errorf("%s: step %d is not in the recording", r.Dir, step)
}

// RowOf returns the row of a step that Iterate has found.
func (r *Run) RowOf(step int64) int {
	for i := r.Len() - 1; i > 0; i-- {
		if s, err := r.Read(i, record.ScalarsOnly); err == nil && s.Substep == 0 && s.Step == step {
			return i
		}
	}
	return 0
}
