package train

import (
	"context"

	"sgdwalk/record"
)

// Measure is the result of one pass over some examples.
type Measure = record.Measure

// Model computes losses and gradients of mini-batches at its own theta.
//
// Theta returns the flat parameter vector itself, of length Layout().Len(). The
// caller may change it in place between calls; the next call uses the new values.
// State returns the running statistics of normalization layers. It is empty for a
// model without such layers.
//
// Gradient fills grad, which has the length of theta, with the gradient of the
// mean loss over the examples, and returns the loss at theta. inputs has
// len(labels) rows of height*width*channels values, channels last. The model
// reads inputs and labels during the call only. The number of examples may be
// anything from 1 to the model's largest batch.
type Model interface {
	Layout() record.Layout
	StateLayout() record.Layout
	Theta() []float32
	State() []float32
	Gradient(inputs []float32, labels []int32, grad []float32) (Measure, error)
}

// Optimizer updates theta in place, once per step. grad is the raw gradient of the
// current mini-batch at theta. The loop has recorded grad before, so the optimizer
// may overwrite it. A rule that needs more than one gradient or loss per step
// gets them from probe.
type Optimizer interface {
	Step(ctx context.Context, theta, grad []float32, learningRate float64, probe Probe) error
}

// Averaging is an optimizer that trains at theta and returns another point, an average
// of what it visited. Average returns this point; the slice is the optimizer's own
// memory. The loop records the inner iterates of the last update whatever the schedule
// says, and evaluates the average at the end of the run.
type Averaging interface {
	Optimizer
	Average() []float32
}

// Probe gives an optimizer further evaluations within one step. Every call of Loss,
// Gradient and Next adds 1 to Result.Evaluations.
type Probe interface {
	// BatchLoss returns the loss of the step's mini-batch at the step's theta, as
	// recorded. It costs no evaluation, and Next does not change it.
	BatchLoss() float64
	// Loss returns the loss of the current mini-batch at another theta.
	Loss(theta []float32) (float64, error)
	// Gradient fills grad with the gradient of the current mini-batch at another
	// theta, and returns the loss there.
	Gradient(theta, grad []float32) (float64, error)
	// Next draws a fresh mini-batch and fills grad with its gradient at theta.
	Next(theta, grad []float32) (float64, error)
	// Inner records an inner iterate of the current step: a point that the step
	// evaluates or computes in addition to theta. loss and grad are those of a
	// mini-batch at the point; absent and nil where the optimizer has none.
	Inner(theta, grad []float32, loss record.Optional) error
}
