// Package analyze declares the types that the analyses of a recorded run share: the
// loss and its gradient, the plane and the line on which they evaluate the loss,
// progress, warnings, findings, and the store of finished units.
//
//  1. A command or a program opens a run as a record.Trajectory.
//  2. The program provides a [Loss]: train/replay rebuilds one from the run's header,
//     and any other function of theta works too ([LossFunc]).
//  3. One of the packages path, walk, pca, landscape, line, curvature, average computes a result
//     from both: a record.Table and a [Summary] with numbers and warnings.
//  4. Package result writes the result, and package figure draws it.
//
// The packages below analyze never import package train, so that a run can be analyzed
// with a loss from any source. The types of package train implement the interfaces here
// without naming them.
package analyze

import "context"

// Loss is the mean loss over a fixed data set without augmentation, summed in float64 in
// a fixed order. Two evaluations of the same theta give the same bits. theta has length P;
// Loss neither changes nor keeps it. A loss that is NaN or infinite is a value, not an
// error: runs diverge, and walks show it. An implementation may use all cores, but need
// not be safe for concurrent use.
type Loss interface {
	Loss(ctx context.Context, theta []float32) (float64, error)
}

// Gradient is a Loss that also computes its exact gradient over the same data. The method
// Gradient sets grad, of length P, and returns the loss at theta.
type Gradient interface {
	Loss
	Gradient(ctx context.Context, theta, grad []float32) (float64, error)
}

// LossFunc adapts a function to the interface Loss.
type LossFunc func(ctx context.Context, theta []float32) (float64, error)

// Loss calls f.
func (f LossFunc) Loss(ctx context.Context, theta []float32) (float64, error) { return f(ctx, theta) }

// Progress receives the progress of a long operation. Only one goroutine at a time calls
// its methods.
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

// Warning is a limitation of a result that a reader must know before trusting the numbers.
type Warning struct {
	Code string `json:"code"` // short, stable, snake_case
	Text string `json:"text"` // one sentence with the numbers in it
}
