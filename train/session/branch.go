package session

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// Decay says how the learning rate of a branch decays to zero.
type Decay string

// The decays, as factors of the learning rate at the start of the branch. x is the share of
// its updates that are done (Haegele et al. 2024, "Scaling Laws and Compute-Optimal Training
// Beyond Fixed Training Durations").
const (
	LinearDecay Decay = "linear" // 1 - x
	SqrtDecay   Decay = "1-sqrt" // 1 - sqrt(x)
)

// factor returns the factor of an update of the branch, counted from 0.
func (d Decay) factor(update, steps int64) float64 {
	x := float64(update) / float64(steps)
	if d == SqrtDecay {
		return 1 - math.Sqrt(x)
	}
	return 1 - x
}

// BranchOptions are the options of NewBranches.
type BranchOptions struct {
	Steps   int64  // updates of a branch, at least 1
	Decay   Decay  // LinearDecay or SqrtDecay
	Data    string // where the data are now; empty means where the run was recorded
	Workers int    // goroutines of the kernels; 0 takes all cores
}

// Branches trains on from recorded iterates of a run with a learning rate that decays to
// zero, on the data and the batches that the run had or would have had.
//
// A branch starts from the recorded theta. An optimizer with a state, such as a momentum, and
// running statistics that are not recorded need the steps before: then Branches trains the run
// again from its start, and compares the iterate with the recorded one, bit for bit.
type Branches struct {
	dir        string
	trace      record.Trajectory
	options    BranchOptions
	experiment *replay.Experiment
	initial    *train.Checkpoint // before the first step
	reached    *train.Checkpoint // where training again has come to
}

// NewBranches prepares branches of the run in dir, which trace reads. The error says what is
// missing: the run must be of this program, and have theta as it was trained.
func NewBranches(dir string, trace record.Trajectory, o BranchOptions) (*Branches, error) {
	h := trace.Header()
	switch {
	case o.Steps < 1:
		return nil, record.Optionf("a branch has %d steps; it must have at least 1", o.Steps)
	case o.Decay != LinearDecay && o.Decay != SqrtDecay:
		return nil, record.Optionf("the decay of a branch is %q; allowed are %q and %q", o.Decay, LinearDecay, SqrtDecay)
	case h.Sketch != nil || h.DType != record.Float32:
		return nil, fmt.Errorf("%s does not keep theta as it was trained (%s): no branch can start from it", dir, h.DType)
	}
	UseKernel(h)
	if err := CheckKernel(dir, h); err != nil {
		return nil, err
	}
	x, err := replay.FromHeader(h, replay.Options{Data: o.Data, Workers: o.Workers})
	if err != nil {
		return nil, err
	}
	initial := x.InitialCheckpoint()
	return &Branches{dir: dir, trace: trace, options: o, experiment: x, initial: initial, reached: initial}, nil
}

// Close ends the goroutines of the model.
func (b *Branches) Close() { b.experiment.Model().Close() }

// Train trains a branch from the recorded iterate of a step. It returns theta and the running
// statistics after the last update, in new memory. A branch that diverges is no error: its
// theta is then where it stopped.
func (b *Branches) Train(ctx context.Context, from int64) (theta, state []float32, err error) {
	start, err := b.start(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	end, err := b.run(ctx, start, from+b.options.Steps, func(rate rates) rates {
		base := rate(from)
		return func(k int64) float64 { return base * b.options.Decay.factor(k-from, b.options.Steps) }
	})
	if err != nil {
		return nil, nil, err
	}
	return end.Theta, end.State, nil
}

// start returns the state of the training before a step.
func (b *Branches) start(ctx context.Context, from int64) (*train.Checkpoint, error) {
	row, err := b.recorded(from)
	if err != nil {
		return nil, err
	}
	if len(b.initial.Optimizer) == 0 && (len(b.initial.State) == 0 || row.State != nil) {
		c := b.at(from)
		c.Theta, c.State = row.Theta, row.State
		return c.Clone(), nil
	}
	if b.reached.Step > from {
		b.reached = b.initial
	}
	if b.reached.Step < from {
		if b.reached, err = b.run(ctx, b.reached, from, unchanged); err != nil {
			return nil, err
		}
	}
	if !slices.Equal(b.reached.Theta, row.Theta) {
		return nil, fmt.Errorf("training %s again gives another theta at step %d than the recorded one; sgdwalk verify "+
			"--replay shows the first difference", b.dir, from)
	}
	return b.reached, nil
}

// recorded returns the row of the iterate of a step.
func (b *Branches) recorded(step int64) (record.Step, error) {
	for i := range b.trace.Len() {
		s, err := b.trace.Read(i, record.ScalarsOnly)
		if err != nil {
			return s, err
		}
		if s.Step != step || s.Substep != 0 {
			continue
		}
		if s, err = b.trace.Read(i, record.ThetaPart|record.StatePart); err == nil && s.Theta == nil {
			err = fmt.Errorf("%s: the iterate of step %d was not recorded", b.dir, step)
		}
		return s, err
	}
	return record.Step{}, fmt.Errorf("%s: step %d is not in the recording", b.dir, step)
}

// at returns the checkpoint before a step, without vectors: the place in the data.
func (b *Branches) at(step int64) *train.Checkpoint {
	h, examples := b.experiment.Header(), b.experiment.Data().Train.Len()
	perEpoch := int64((examples + h.Batch - 1) / h.Batch)
	drawn := step * int64(optim.BatchesPerStep(h.Optimizer))
	c := &train.Checkpoint{Step: step, Epoch: int(drawn/perEpoch) + 1, Batch: int(drawn % perEpoch)}
	if c.Begun = c.Epoch; c.Batch == 0 {
		c.Begun--
	}
	return c
}

// rates is the learning rate of every update.
type rates func(step int64) float64

// unchanged keeps the learning rates of the run.
func unchanged(r rates) rates { return r }

// run trains from a checkpoint up to a step, and returns the checkpoint there. change makes
// the learning rates from those of the run.
func (b *Branches) run(ctx context.Context, from *train.Checkpoint, to int64, change func(rates) rates) (
	*train.Checkpoint, error,
) {
	loop, err := b.experiment.Loop(nil)
	if err != nil {
		return nil, err
	}
	loop.Resume, loop.MaxSteps, loop.Epochs = from, to, math.MaxInt32 // a branch may be longer than the run
	loop.LearningRate = change(loop.LearningRate)
	result, err := loop.Run(ctx)
	if err != nil {
		return nil, err
	}
	if result.Status == train.Stopped {
		return nil, fmt.Errorf("%w at step %d of %d", context.Cause(ctx), result.Steps, to)
	}
	c := b.at(result.Steps)
	c.Theta, c.State = b.experiment.Model().Theta(), b.experiment.Model().State()
	if o, ok := loop.Optimizer.(train.Checkpointed); ok {
		c.Optimizer = o.State()
	}
	return c.Clone(), nil
}
