package replay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/dataset"
	"sgdwalk/train/nn"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/optim"
)

// Config has the settings of a run. Zero values mean the documented defaults.
// Data, Model and Optimizer have no default.
type Config struct {
	Data            string             // for example "digits" or "mnist:DIR"
	Model           string             // for example "mlp:128"
	Optimizer       string             // for example "sgd"
	Hyperparameters map[string]float64 // the others have the defaults of the optimizer
	RateSchedule    string             // of the learning rate, for example "cosine"; default constant
	Batch           int                // examples per mini-batch, default 100; gd uses the whole training set
	Epochs          int                // default 1
	Seed            uint64             // of batch order and initialization; 0 is a normal seed
	InitSeed        *uint64            // of the initialization only; nil means Seed
	Schedule        record.Schedule    // which rows are recorded; default all
	Grad            bool               // record gradients too
	ThetaSchedule   record.Schedule    // which recorded rows have theta; default all
	GradSchedule    record.Schedule    // which recorded rows have gradients; default all
	StateSchedule   record.Schedule    // which recorded rows have running statistics; default all
	Workers         int                // goroutines of the kernels, default all cores; results do not depend on it
	Opened          *dataset.Data      // the data set if it is open already; read only, several runs may share it
	Software        string             // for the header, for example "sgdwalk 0.1.0"
}

// ErrOtherData is wrapped by the error of FromHeader if the data set is not the
// recorded one.
var ErrOtherData = errors.New("these are not the data that the run was recorded on")

// Experiment is a run that can be trained or evaluated.
type Experiment struct {
	header     *record.Header
	data       *dataset.Data
	model      *nn.Model
	optimizer  train.Optimizer
	microBatch int // largest batch of the model
	policy     nn.Policy
	state      []float32 // running statistics for the policy Running
	workers    int
}

// New prepares the run of a Config. Every error names the setting, its value and
// what is allowed.
func New(c Config) (*Experiment, error) {
	if c.Epochs == 0 {
		c.Epochs = 1
	}
	if c.Epochs < 1 {
		return nil, fmt.Errorf("replay: epochs is %d; it must be at least 1", c.Epochs)
	}
	optimizer, err := optim.Effective(c.Optimizer, c.Hyperparameters)
	if err != nil {
		return nil, err
	}
	rate, err := optim.ParseSchedule(c.RateSchedule)
	if err != nil {
		return nil, err
	}
	if c.RateSchedule != "" {
		optimizer.RateSchedule = rate.String()
	}
	data, err := openData(c.Data, c.Opened)
	if err != nil {
		return nil, err
	}
	batch, err := batchSize(c.Batch, optimizer, data)
	if err != nil {
		return nil, err
	}
	h := &record.Header{
		Format: record.FormatVersion, Software: c.Software, Kernel: kernel.Name(), DType: "float32",
		Model: c.Model, Data: data.Header(), Optimizer: optimizer,
		Batch: batch, Epochs: c.Epochs, Steps: PlannedSteps(c.Epochs, data.Train.Len(), batch, optimizer), Seed: c.Seed,
		InitSeed: c.InitSeed, Schedule: c.Schedule, Columns: record.Columns{Theta: true, Grad: c.Grad},
		ThetaSchedule: c.ThetaSchedule, GradSchedule: c.GradSchedule, StateSchedule: c.StateSchedule,
	}
	e := &Experiment{header: h, data: data, workers: c.Workers}
	if err := e.build(); err != nil {
		return nil, err
	}
	h.Layout, h.State = e.model.Layout(), e.model.StateLayout()
	h.Columns.State = h.State.Len() > 0
	h.Columns.Substep = optim.InnerRows(optimizer) > 0
	e.UseModelState()
	return e, h.Validate()
}

// openData returns the data set if it is open already, and opens it otherwise.
func openData(spec string, opened *dataset.Data) (*dataset.Data, error) {
	if opened != nil {
		return opened, nil
	}
	return dataset.Open(spec, dataset.Options{})
}

// batchSize returns the batch size of the run for the requested one, where 0
// means the default.
func batchSize(requested int, o record.Optimizer, data *dataset.Data) (int, error) {
	n := data.Train.Len()
	switch fullBatch := optim.MicroBatch(o) > 0; {
	case fullBatch && requested != 0 && requested != n:
		return 0, fmt.Errorf("replay: batch is %d; leave it out: %s takes all %d training examples of %s in a step",
			requested, o.Name, n, data.Spec)
	case fullBatch:
		return n, nil
	case requested == 0:
		return min(DefaultBatch, n), nil
	case requested < 1 || requested > n:
		return 0, fmt.Errorf("replay: batch is %d; it must be from 1 to the %d training examples of %s",
			requested, n, data.Spec)
	}
	return requested, nil
}

// DefaultBatch is the default number of examples in a mini-batch.
const DefaultBatch = 100

// PlannedSteps returns the number of updates in the given number of passes over the
// data. A step that begins before the end of the last pass counts.
func PlannedSteps(epochs, examples, batch int, o record.Optimizer) int64 {
	perEpoch := (examples + batch - 1) / batch
	perStep := int64(optim.BatchesPerStep(o))
	return (int64(epochs)*int64(perEpoch) + perStep - 1) / perStep
}

// Options are the options of FromHeader.
type Options struct {
	Data           string        // current spec of the data, such as "mnist:DIR"; "" means that of the header
	AllowOtherData bool          // accept data that are not the recorded ones
	Workers        int           // as in Config
	Opened         *dataset.Data // as in Config

	// Policy says which statistics normalization layers have when a loss is
	// evaluated. The default is Batch, with batches of the training's size: the
	// function that training minimizes. Running needs State, the statistics of an
	// iterate. Models without such layers ignore both.
	Policy nn.Policy
	State  []float32
}

// firstDifference describes the first tensor that differs between two layouts.
func firstDifference(here, there record.Layout) string {
	for i := range min(len(here), len(there)) {
		if a, b := here[i], there[i]; a.Name != b.Name || !slices.Equal(a.Shape, b.Shape) {
			return fmt.Sprintf("; tensor %d is %s %v here and %s %v there", i+1, a.Name, a.Shape, b.Name, b.Shape)
		}
	}
	return ""
}

// checkComplete returns an error if a header lacks something that a loss needs.
// The header of an imported run has only what was given at import.
func checkComplete(h *record.Header, data string) error {
	var missing []string
	if h.Model == "" || h.Model == record.ImportedModel {
		missing = append(missing, "the model (import --model names it)")
	}
	if data == "" {
		missing = append(missing, "the data (--data says where they are)")
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("replay: the header does not name %s: not enough to rebuild the loss; path and pca need neither",
		strings.Join(missing, " and "))
}

// FromHeader rebuilds the run of a recording. The layout of the model must be the
// recorded one. The recorded theta may be rounded.
func FromHeader(h *record.Header, opts Options) (*Experiment, error) {
	if h.CheckEvaluable() != nil {
		return nil, fmt.Errorf("replay: the run recorded reduced rows (%s): the loss cannot be evaluated at them; "+
			"path and pca work on them", h.Sketch.Spec)
	}
	spec := h.Data.Spec
	if opts.Data != "" {
		spec = opts.Data
	}
	if err := checkComplete(h, spec); err != nil {
		return nil, err
	}
	data, err := openData(spec, opts.Opened)
	if err != nil {
		return nil, fmt.Errorf("%w (the run was recorded on %q; --data says where the data are now)", err, h.Data.Spec)
	}
	if h.Data.Hash == "" && !opts.AllowOtherData {
		return nil, fmt.Errorf("replay: the run has no hash of its data, so %s may be another data set: %w",
			spec, ErrOtherData)
	}
	if data.Hash != h.Data.Hash && !opts.AllowOtherData {
		return nil, fmt.Errorf("replay: %s has hash %s, the run was recorded on %s: %w",
			spec, data.Hash, h.Data.Hash, ErrOtherData)
	}
	e := &Experiment{header: h.Clone(), data: data, workers: opts.Workers, policy: opts.Policy, state: opts.State}
	if e.policy == "" {
		e.policy = nn.Batch
	}
	if err := e.build(); err != nil {
		return nil, err
	}
	if h.Batch == 0 && e.policy == nn.Batch && e.model.StateLayout().Len() > 0 {
		return nil, fmt.Errorf("replay: the header has no batch size, and model %s normalizes over batches; "+
			"policies running and recompute need no batches", h.Model)
	}
	if n := e.model.StateLayout().Len(); e.policy == nn.Running && len(e.state) != n {
		return nil, fmt.Errorf("replay: policy running needs the %d running statistics of an iterate; %d are given",
			n, len(e.state))
	}
	if !e.model.Layout().Equal(h.Layout) {
		here := e.model.Layout()
		return nil, fmt.Errorf("replay: model %s has %d parameters in %d tensors; "+
			"the layout of the recording has %d in %d%s",
			h.Model, here.Len(), len(here), h.Layout.Len(), len(h.Layout), firstDifference(here, h.Layout))
	}
	return e, nil
}

// build makes the model and the optimizer of the header.
func (e *Experiment) build() error {
	h := e.header
	largest := h.Batch
	if micro := optim.MicroBatch(h.Optimizer); micro > 0 {
		largest = min(micro, h.Batch)
	}
	if largest == 0 { // an imported run; FromHeader has checked that no loss depends on the batch size
		largest = min(DefaultBatch, e.data.Train.Len())
	}
	var err error
	e.model, err = nn.New(h.Model, e.input(),
		nn.Options{Batch: largest, Workers: e.workers, Seed: h.InitializationSeed()})
	if err != nil {
		return err
	}
	e.microBatch = largest
	if h.Optimizer.Name == "" {
		return nil // an imported run can be analyzed, but not trained again
	}
	e.optimizer, _, err = optim.New(h.Optimizer.Name, h.Optimizer.Hyperparameters, e.model.Layout(), h.Seed)
	return err
}

// input returns the shape of the examples.
func (e *Experiment) input() nn.Input {
	t := e.data.Train
	return nn.Input{Height: t.Height, Width: t.Width, Channels: t.Channels, Classes: t.Classes}
}

// Header returns the header of the run. The caller must not change it.
func (e *Experiment) Header() *record.Header { return e.header }

// Data returns the data set.
func (e *Experiment) Data() *dataset.Data { return e.data }

// Model returns the model in training.
func (e *Experiment) Model() *nn.Model { return e.model }

// Loop returns the training loop. It writes to the sink; nil records nothing. It
// may be run once, because it changes the model.
func (e *Experiment) Loop(sink record.Sink) (*train.Loop, error) {
	h := e.header
	if e.optimizer == nil {
		return nil, errors.New("replay: the header does not name the optimizer: the run cannot be trained again")
	}
	source, err := newSource(e.data, h.Seed, h.Batch)
	if err != nil {
		return nil, err
	}
	rate, err := LearningRate(h, source.PerEpoch())
	if err != nil {
		return nil, err
	}
	return &train.Loop{
		Model: e.batchModel(), Optimizer: e.optimizer, Source: source,
		LearningRate: rate, Epochs: h.Epochs, Sink: sink, Schedule: h.Schedule, Columns: h.Columns,
		ThetaSchedule: h.ThetaSchedule, GradSchedule: h.GradSchedule, StateSchedule: h.StateSchedule,
	}, nil
}

// LearningRate returns the learning rate of every update of a run, counted from 0,
// with the given number of mini-batches per epoch.
func LearningRate(h *record.Header, perEpoch int) (func(step int64) float64, error) {
	schedule, err := optim.ParseSchedule(h.Optimizer.RateSchedule)
	if err != nil {
		return nil, err
	}
	rate := h.Optimizer.Hyperparameters["learning_rate"]
	updates := float64(perEpoch) / float64(optim.BatchesPerStep(h.Optimizer))
	return func(k int64) float64 { return rate * schedule.Factor(k, updates, h.Steps) }, nil
}

// batchModel returns the model for batches of the training's size.
func (e *Experiment) batchModel() train.Model {
	if e.microBatch < e.header.Batch {
		return &train.Accumulator{Model: e.model, MicroBatch: e.microBatch}
	}
	return e.model
}

// UseModelState prepares the experiment for training: losses then use the running
// statistics of the model in training, as the finished network would. New calls
// it; FromHeader does not, because analyses use other statistics.
func (e *Experiment) UseModelState() { e.policy, e.state = nn.Running, e.model.State() }

// InitialCheckpoint returns the checkpoint of a new run, before its first step.
func (e *Experiment) InitialCheckpoint() *train.Checkpoint {
	c := &train.Checkpoint{Epoch: 1, Theta: e.model.Theta(), State: e.model.State()}
	if o, ok := e.optimizer.(train.Checkpointed); ok {
		c.Optimizer = o.State()
	}
	return c.Clone()
}

// MeasureStepTime measures the time of one mini-batch gradient. It does not
// change the model.
func (e *Experiment) MeasureStepTime() (time.Duration, error) {
	source, err := newSource(e.data, e.header.Seed, e.header.Batch)
	if err != nil {
		return 0, err
	}
	inputs, labels, err := source.Batch(1, 0)
	if err != nil {
		return 0, err
	}
	n := min(e.microBatch, len(labels))
	inputs, labels = inputs[:n*e.data.Train.Size()], labels[:n]
	state := slices.Clone(e.model.State())
	defer copy(e.model.State(), state)
	grad := make([]float32, len(e.model.Theta()))
	var best time.Duration
	for i := range 3 { // the first call allocates and fills the caches
		start := time.Now()
		if _, err := e.model.Gradient(inputs, labels, grad); err != nil {
			return 0, err
		}
		if d := time.Since(start); i == 1 || d < best {
			best = d
		}
	}
	return best * time.Duration((e.header.Batch+n-1)/n), nil
}

// Policy returns which statistics normalization layers have when a loss is
// evaluated. It returns "" for a model without such layers.
func (e *Experiment) Policy() nn.Policy {
	if e.model.StateLayout().Len() == 0 {
		return ""
	}
	return e.policy
}

// TrainLoss returns the loss over the whole training set, at any theta.
func (e *Experiment) TrainLoss() (*nn.Evaluator, error) { return e.evaluator(e.data.Train) }

// TestLoss returns the loss over the held-out set, at any theta, or nil without
// held-out examples.
func (e *Experiment) TestLoss() (*nn.Evaluator, error) {
	if e.data.Test.Len() == 0 {
		return nil, nil
	}
	return e.evaluator(e.data.Test)
}

// evaluator returns the loss over a set, with the policy of the experiment.
// Policies that normalize by chunk use the batch size of training.
func (e *Experiment) evaluator(s dataset.Set) (*nn.Evaluator, error) {
	o := nn.EvalOptions{Workers: e.workers}
	if p := e.Policy(); p != "" {
		o.Policy, o.State = p, e.state
		if p != nn.Running {
			o.Chunk = e.microBatch // statistics of batches, as in training
		}
	}
	return nn.NewEvaluator(e.header.Model, e.input(), s.Inputs, s.Labels, o)
}

// BatchLoss returns the loss over the mini-batch of a recorded row, at any theta.
// The batch is drawn and augmented as in training, and normalization layers use
// its statistics. Rows after the last update have no batch.
func (e *Experiment) BatchLoss(s *record.Step) (*nn.Evaluator, error) {
	if !s.BatchLoss.Valid || s.Substep != 0 {
		return nil, fmt.Errorf("replay: step %d, substep %d has no mini-batch of its own", s.Step, s.Substep)
	}
	b, err := e.Batches()
	if err != nil {
		return nil, err
	}
	inputs, labels, err := b.examples(s.Step, 0)
	if err != nil {
		return nil, err
	}
	o := nn.EvalOptions{Workers: e.workers, Policy: nn.Batch, Chunk: e.microBatch}
	return nn.NewEvaluator(e.header.Model, e.input(), inputs, labels, o)
}
