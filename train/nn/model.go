package nn

import (
	"fmt"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/nn/op"
)

var _ train.Model = (*Model)(nil)

// Model is a network with its own theta that computes mini-batch gradients. It is
// not safe for concurrent use. Different models are independent.
type Model struct {
	plan    *plan
	theta   []float32
	state   []float32
	workers *op.Workers
	graph   *graph[float32]
}

// New makes the model that spec names, for examples of the given shape. It
// initializes theta from the seed as He et al. (2015) do. The error for a wrong
// spec lists the allowed ones.
func New(spec string, in Input, opts Options) (*Model, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	p, err := parse(spec, in)
	if err != nil {
		return nil, err
	}
	m := &Model{plan: p, theta: make([]float32, p.params.Len()), state: make([]float32, p.state.Len())}
	p.initialize(m.theta, opts.Seed)
	p.initialState(m.state)
	m.workers = newWorkers(m, opts.Workers)
	if m.graph, err = compile(p, m.theta, m.state, opts.Batch, m.workers, forGradient); err != nil {
		return nil, err
	}
	return m, nil
}

// Close ends the goroutines. The model starts new ones if it is used again. The
// garbage collector ends those of a model that is not closed.
func (m *Model) Close() { m.workers.Close() }

// Layout describes theta and gradients.
func (m *Model) Layout() record.Layout { return m.plan.params }

// StateLayout describes the running statistics; it is empty for models without.
func (m *Model) StateLayout() record.Layout { return m.plan.state }

// Theta returns the parameter vector itself. Changing it in place changes the
// model.
func (m *Model) Theta() []float32 { return m.theta }

// State returns the vector of running statistics itself.
func (m *Model) State() []float32 { return m.state }

// Gradient fills grad with the gradient of the mean loss over the examples at
// theta, and returns that loss. inputs has len(labels) examples, 1 to
// Options.Batch, with values row by row and channels last. inputs and labels are
// read during the call only.
//
// Normalization layers use the statistics of these examples and move State by a
// tenth towards them. Restore State after a call that is not a training step.
func (m *Model) Gradient(inputs []float32, labels []int32, grad []float32) (train.Measure, error) {
	if len(labels) < 1 || len(labels) > m.graph.batch.Size {
		return train.Measure{}, fmt.Errorf("nn: batch has %d examples; allowed are 1 to %d",
			len(labels), m.graph.batch.Size)
	}
	if err := m.plan.in.checkExamples(inputs, labels); err != nil {
		return train.Measure{}, err
	}
	if len(grad) != len(m.theta) {
		return train.Measure{}, fmt.Errorf("nn: gradient has room for %d elements; the model has %d",
			len(grad), len(m.theta))
	}
	if err := m.graph.run(inputs, labels); err != nil {
		return train.Measure{}, err
	}
	m.graph.updateStatistics()
	m.graph.gradients(func(offset int, g []float32) { copy(grad[offset:], g) })
	return m.graph.measure(), nil
}
