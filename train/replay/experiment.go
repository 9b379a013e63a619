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

// Config is what a user asks for. Zero values are the defaults that the fields
// name; Data, Model and Optimizer have none.
type Config struct {
	Data            string             // for example "digits" or "mnist:DIR"
	Model           string             // for example "mlp:128"
	Optimizer       string             // for example "sgd"
	Hyperparameters map[string]float64 // those given; the optimizer's defaults fill in the others
	RateSchedule    string             // of the learning rate, for example "cosine"; default constant
	Batch           int                // examples per mini-batch, default 100; gd takes the whole training set
	Epochs          int                // default 1
	Seed            uint64             // of batch order and initialization; 0 is a seed like any other
	InitSeed        *uint64            // of the initialization alone; nil means Seed
	Schedule        record.Schedule    // default every step
	Grad            bool               // record gradients too
	ThetaSchedule   record.Schedule    // which of the kept rows have theta; default all
	GradSchedule    record.Schedule    // which of the kept rows have gradients; default all
	StateSchedule   record.Schedule    // which of them have running statistics; default all
	Workers         int                // goroutines of the kernels, default all cores; no result depends on it
	Opened          *dataset.Data      // the data set, if it is open already; read only, shared by any number of runs
	Software        string             // goes into the header, for example "sgdwalk 0.1.0"
}

// ErrOtherData is wrapped by the error of FromHeader when the data set that was
// found is not the recorded one.
var ErrOtherData = errors.New("these are not the data that the run was recorded on")

// Experiment is a run that can be trained or evaluated.
type Experiment struct {
	header    *record.Header
	data      *dataset.Data
	model     *nn.Model
	optimizer train.Optimizer
	micro     int // largest batch that the model takes at once
	policy    nn.Policy
	state     []float32 // for the policy running
	workers   int
}

// New prepares the run that c describes. Every error names the setting, its
// value and what is allowed.
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
	data, err := open(c.Data, c.Opened)
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
		Batch: batch, Epochs: c.Epochs, Steps: steps(c.Epochs, data.Train.Len(), batch, optimizer), Seed: c.Seed,
		InitSeed: c.InitSeed, Schedule: c.Schedule, Columns: record.Columns{Theta: true, Grad: c.Grad},
		ThetaSchedule: c.ThetaSchedule, GradSchedule: c.GradSchedule, StateSchedule: c.StateSchedule,
	}
	e := &Experiment{header: h, data: data, workers: c.Workers}
	if err := e.build(); err != nil {
		return nil, err
	}
	h.Layout, h.State = e.model.Layout(), e.model.StateLayout()
	h.Columns.State = h.State.Len() > 0
	h.Columns.Substep = optim.BatchesPerStep(optimizer) > 1 // each of them makes an inner iterate
	e.Train()
	return e, h.Validate()
}

// open returns the data set that is open already, or opens it.
func open(spec string, opened *dataset.Data) (*dataset.Data, error) {
	if opened != nil {
		return opened, nil
	}
	return dataset.Open(spec, dataset.Options{})
}

// batchSize checks the batch size that was asked for, 0 if none was.
func batchSize(asked int, o record.Optimizer, data *dataset.Data) (int, error) {
	n := data.Train.Len()
	switch {
	case optim.MicroBatch(o) > 0 && asked != 0 && asked != n:
		return 0, fmt.Errorf("replay: batch is %d; %s takes all %d training examples of %s in every step, so leave it out", asked, o.Name, n, data.Spec)
	case optim.MicroBatch(o) > 0:
		return n, nil
	case asked == 0:
		return min(DefaultBatch, n), nil
	case asked < 1 || asked > n:
		return 0, fmt.Errorf("replay: batch is %d; it must be from 1 to the %d training examples of %s", asked, n, data.Spec)
	}
	return asked, nil
}

// DefaultBatch is the number of examples of a mini-batch when nothing is said.
const DefaultBatch = 100

// steps returns how many updates fit into so many passes over the data. One that
// begins before the end of the last pass is finished.
func steps(epochs, examples, batch int, o record.Optimizer) int64 {
	perEpoch := (examples + batch - 1) / batch
	perStep := int64(optim.BatchesPerStep(o))
	return (int64(epochs)*int64(perEpoch) + perStep - 1) / perStep
}

// Options of FromHeader.
type Options struct {
	Data           string        // where the data are now, if not where the header says; a spec such as "mnist:DIR"
	AllowOtherData bool          // go on when the data are not the recorded ones
	Workers        int           // as in Config
	Opened         *dataset.Data // as in Config

	// Policy says which statistics normalization layers have when a loss is
	// evaluated. The default is batch, the function that training descends, in
	// batches of the training's size; running needs State, the statistics of an
	// iterate. Models without such layers do not ask.
	Policy nn.Policy
	State  []float32
}

// firstDifference says where a model's layout and the recording's part.
func firstDifference(here, there record.Layout) string {
	for i := range min(len(here), len(there)) {
		if a, b := here[i], there[i]; a.Name != b.Name || !slices.Equal(a.Shape, b.Shape) {
			return fmt.Sprintf("; tensor %d is %s %v here and %s %v there", i+1, a.Name, a.Shape, b.Name, b.Shape)
		}
	}
	return ""
}

// unsaid names what a header does not say that a loss needs. Runs from elsewhere
// have no more than what was said when they were imported.
func unsaid(h *record.Header, data string) error {
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
	return fmt.Errorf("replay: the header does not name %s: not enough to rebuild the loss; path and pca need neither", strings.Join(missing, " and "))
}

// FromHeader rebuilds the run of a recording, whose theta must be that of the
// model, perhaps rounded.
func FromHeader(h *record.Header, opts Options) (*Experiment, error) {
	if h.CheckEvaluable() != nil {
		return nil, fmt.Errorf("replay: the run recorded reduced rows (%s): the loss cannot be evaluated at them; path and pca work on them", h.Sketch.Spec)
	}
	spec := h.Data.Spec
	if opts.Data != "" {
		spec = opts.Data
	}
	if err := unsaid(h, spec); err != nil {
		return nil, err
	}
	data, err := open(spec, opts.Opened)
	if err != nil {
		return nil, fmt.Errorf("%w (the run was recorded on %q; --data says where the data are now)", err, h.Data.Spec)
	}
	if h.Data.Hash == "" && !opts.AllowOtherData {
		return nil, fmt.Errorf("replay: the run does not say which data it was recorded on, and %s may be others: %w", spec, ErrOtherData)
	}
	if data.Hash != h.Data.Hash && !opts.AllowOtherData {
		return nil, fmt.Errorf("replay: %s has hash %s, the run was recorded on %s: %w", spec, data.Hash, h.Data.Hash, ErrOtherData)
	}
	e := &Experiment{header: h.Clone(), data: data, workers: opts.Workers, policy: opts.Policy, state: opts.State}
	if e.policy == "" {
		e.policy = nn.Batch
	}
	if err := e.build(); err != nil {
		return nil, err
	}
	if h.Batch == 0 && e.policy == nn.Batch && e.model.StateLayout().Len() > 0 {
		return nil, fmt.Errorf("replay: the header does not say how many examples a mini-batch has, and model %s normalizes over them; policies running and recompute need no batches", h.Model)
	}
	if n := e.model.StateLayout().Len(); e.policy == nn.Running && len(e.state) != n {
		return nil, fmt.Errorf("replay: policy running needs the running statistics of an iterate: %d numbers, there are %d", n, len(e.state))
	}
	if !e.model.Layout().Equal(h.Layout) {
		return nil, fmt.Errorf("replay: model %s has %d parameters in %d tensors here; the recording's layout has %d in %d%s", h.Model, e.model.Layout().Len(), len(e.model.Layout()), h.Layout.Len(), len(h.Layout), firstDifference(e.model.Layout(), h.Layout))
	}
	return e, nil
}

// build makes model and optimizer of the header.
func (e *Experiment) build() error {
	h := e.header
	largest := h.Batch
	if micro := optim.MicroBatch(h.Optimizer); micro > 0 {
		largest = min(micro, h.Batch)
	}
	if largest == 0 { // in a run from elsewhere, which no loss but that of a normalized model asks for
		largest = min(DefaultBatch, e.data.Train.Len())
	}
	var err error
	e.model, err = nn.New(h.Model, e.input(), nn.Options{Batch: largest, Workers: e.workers, Seed: h.InitializationSeed()})
	if err != nil {
		return err
	}
	e.micro = largest
	if h.Optimizer.Name == "" {
		return nil // a run from elsewhere can be looked at, not trained on
	}
	e.optimizer, _, err = optim.New(h.Optimizer.Name, h.Optimizer.Hyperparameters, e.model.Layout(), h.Seed)
	return err
}

func (e *Experiment) input() nn.Input {
	t := e.data.Train
	return nn.Input{Height: t.Height, Width: t.Width, Channels: t.Channels, Classes: t.Classes}
}

// Header returns the run's header, which the caller must not change.
func (e *Experiment) Header() *record.Header { return e.header }

// Data returns the data set.
func (e *Experiment) Data() *dataset.Data { return e.data }

// Model returns the model in training.
func (e *Experiment) Model() *nn.Model { return e.model }

// Loop returns the training loop, which writes to the sink (nil records
// nothing). It may be run once.
func (e *Experiment) Loop(sink record.Sink) (*train.Loop, error) {
	h := e.header
	if e.optimizer == nil {
		return nil, fmt.Errorf("replay: the header does not name the optimizer: the run cannot be trained again")
	}
	source, err := newSource(e.data, h.Seed, h.Batch)
	if err != nil {
		return nil, err
	}
	schedule, err := optim.ParseSchedule(h.Optimizer.RateSchedule)
	if err != nil {
		return nil, err
	}
	var model train.Model = e.model
	if e.micro < h.Batch {
		model = &train.Accumulator{Model: e.model, MicroBatch: e.micro}
	}
	rate := h.Optimizer.Hyperparameters["learning_rate"]
	perEpoch := float64(source.PerEpoch()) / float64(optim.BatchesPerStep(h.Optimizer))
	return &train.Loop{
		Model: model, Optimizer: e.optimizer, Source: source,
		LearningRate: func(k int64) float64 { return rate * schedule.Factor(k, perEpoch, h.Steps) },
		Epochs:       h.Epochs, Sink: sink, Schedule: h.Schedule, Columns: h.Columns,
		ThetaSchedule: h.ThetaSchedule, GradSchedule: h.GradSchedule, StateSchedule: h.StateSchedule,
	}, nil
}

// Train prepares the experiment for a loop: losses are then those of the network
// as it would be used, with the running statistics of the model in training. New
// has done so; what FromHeader returns is prepared for analyses.
func (e *Experiment) Train() { e.policy, e.state = nn.Running, e.model.State() }

// Start returns the checkpoint before the first step of a run that was not begun.
func (e *Experiment) Start() *train.Checkpoint {
	c := &train.Checkpoint{Epoch: 1, Theta: e.model.Theta(), State: e.model.State()}
	if o, ok := e.optimizer.(train.Checkpointed); ok {
		c.Optimizer = o.State()
	}
	return c.Clone()
}

// TimeStep measures one gradient of a mini-batch; the model is left as it was.
func (e *Experiment) TimeStep() (time.Duration, error) {
	source, err := newSource(e.data, e.header.Seed, e.header.Batch)
	if err != nil {
		return 0, err
	}
	inputs, labels, err := source.Batch(1, 0)
	if err != nil {
		return 0, err
	}
	n := min(e.micro, len(labels))
	inputs, labels = inputs[:n*e.data.Train.Size()], labels[:n]
	state := slices.Clone(e.model.State())
	defer copy(e.model.State(), state)
	grad := make([]float32, len(e.model.Theta()))
	var best time.Duration
	for i := range 3 { // the first one warms up
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
// evaluated, and nothing for a model without such layers.
func (e *Experiment) Policy() nn.Policy {
	if e.model.StateLayout().Len() == 0 {
		return ""
	}
	return e.policy
}

// TrainLoss evaluates any theta over the whole training set.
func (e *Experiment) TrainLoss() (*nn.Evaluator, error) { return e.evaluator(e.data.Train) }

// TestLoss evaluates any theta over the held-out set. Without held-out examples
// it returns nil.
func (e *Experiment) TestLoss() (*nn.Evaluator, error) {
	if e.data.Test.Len() == 0 {
		return nil, nil
	}
	return e.evaluator(e.data.Test)
}

func (e *Experiment) evaluator(s dataset.Set) (*nn.Evaluator, error) {
	o := nn.EvalOptions{Workers: e.workers}
	if p := e.Policy(); p != "" {
		o.Policy, o.State = p, e.state
		if p != nn.Running {
			o.Chunk = e.micro // the statistics are those of batches as in training
		}
	}
	return nn.NewEvaluator(e.header.Model, e.input(), s.Inputs, s.Labels, o)
}

// BatchLoss evaluates any theta on the mini-batch of a recorded row, drawn and
// augmented as it was in training, with the batch's own statistics in normalization
// layers. Rows after the last update have no batch.
func (e *Experiment) BatchLoss(s *record.Step) (*nn.Evaluator, error) {
	h := e.header
	if !s.BatchLoss.Valid || s.Substep != 0 {
		return nil, fmt.Errorf("replay: step %d, substep %d has no mini-batch of its own", s.Step, s.Substep)
	}
	source, err := newSource(e.data, h.Seed, h.Batch)
	if err != nil {
		return nil, err
	}
	batch := s.Step * int64(optim.BatchesPerStep(h.Optimizer))
	perEpoch := int64(source.PerEpoch())
	inputs, labels, err := source.Batch(int(batch/perEpoch)+1, int(batch%perEpoch))
	if err != nil {
		return nil, err
	}
	return nn.NewEvaluator(h.Model, e.input(), inputs, labels, nn.EvalOptions{Workers: e.workers, Policy: nn.Batch, Chunk: e.micro})
}
