// Package analyze declares what the analyses of a recorded walk need and share:
// the loss (and gradient) that they evaluate, the plane and the segment that
// they evaluate it on, progress and resumption.
//
//  1. A command or a program opens a run as a record.Trajectory.
//  2. It brings a [Loss]: train/replay rebuilds one from the run's header, and
//     any function of theta will do.
//  3. One of the packages path, walk, pca, landscape, line, curvature turns both
//     into a result: a record.Table and a Summary with numbers and warnings.
//  4. Package result writes it, package figure draws it.
//
// The packages here never import package train; the interfaces are met
// structurally.
package analyze

import "context"

// Loss is the mean loss over a named, fixed, un-augmented data set in a fixed
// order, summed in float64. Evaluating twice gives the same bits and changes
// nothing. theta has length P and stays the caller's; it is not changed. A loss
// that is NaN or infinite is a value, not an error. Implementations may use all
// cores but need not be safe for concurrent use.
type Loss interface {
	Loss(ctx context.Context, theta []float32) (float64, error)
}

// Gradient is a Loss whose exact gradient over the same data is to be had too.
// Gradient fills grad, of length P, and returns the loss at theta.
type Gradient interface {
	Loss
	Gradient(ctx context.Context, theta, grad []float32) (float64, error)
}

// LossFunc makes a Loss of a function.
type LossFunc func(ctx context.Context, theta []float32) (float64, error)

// Loss calls f.
func (f LossFunc) Loss(ctx context.Context, theta []float32) (float64, error) { return f(ctx, theta) }

// Progress is told how far a long piece of work is. Calls come from one
// goroutine at a time.
type Progress interface {
	// Begin starts a phase of total units.
	Begin(phase string, total int)
	// Add reports n more units done.
	Add(n int)
}

// NoProgress ignores everything.
type NoProgress struct{}

// Begin does nothing.
func (NoProgress) Begin(string, int) {}

// Add does nothing.
func (NoProgress) Add(int) {}

// Warning is something that a reader of a result must know before believing it.
type Warning struct {
	Code string `json:"code"` // short, stable, snake_case
	Text string `json:"text"` // one sentence with the numbers in it
}
