package train

import (
	"context"

	"sgdwalk/record"
)

// Measure is what one pass over some examples gives.
type Measure struct {
	Loss     float64 // mean cross-entropy over the examples, summed in float64
	Accuracy float64 // share classified correctly, in [0, 1]
	Examples int     // how many there were
}

// Model computes losses and gradients of mini-batches at its own theta.
//
// Theta returns the one flat parameter vector, of length Layout().Len(): the
// caller may change it in place between calls, and the next call uses the new
// values. State is the vector of running statistics, empty for models without.
//
// Gradient fills grad, of the length of theta, with the gradient of the mean
// loss over the examples and returns the loss at theta. inputs holds
// len(labels) rows of height*width*channels values, channels last; both stay
// the caller's. Any number of examples from 1 to the model's largest batch is
// handled exactly.
type Model interface {
	Layout() record.Layout
	StateLayout() record.Layout
	Theta() []float32
	State() []float32
	Gradient(inputs []float32, labels []int32, grad []float32) (Measure, error)
}

// Optimizer moves theta by one update, in place. grad is the raw gradient of the
// current mini-batch at theta; the optimizer may use it as scratch space, the
// loop has recorded it before. probe evaluates more where a rule needs more than
// one gradient a step.
type Optimizer interface {
	Step(ctx context.Context, theta, grad []float32, learningRate float64, probe Probe) error
}

// Probe gives an optimizer further evaluations within one step. Every Loss and
// every Next counts as one more evaluation in the run's account.
type Probe interface {
	// BatchLoss returns the loss of the step's mini-batch at its theta, as the
	// row has it. It costs no evaluation, and Next does not change it.
	BatchLoss() float64
	// Loss returns the loss of the current mini-batch at another theta.
	Loss(theta []float32) (float64, error)
	// Next draws a fresh mini-batch and fills grad with its gradient at theta.
	Next(theta, grad []float32) (float64, error)
	// Inner records an inner iterate of the current step.
	Inner(theta []float32, loss float64) error
}
