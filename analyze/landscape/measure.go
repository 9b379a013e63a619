package landscape

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
)

// Measure is measured at every grid point in addition to the loss: numbers with names,
// which become columns of Result.Table.
type Measure struct {
	Names []string // snake_case, different from each other and from those of the table
	// Differences says why the Hessian is taken from differences of gradients; it is empty
	// where the Hessian is exact or does not matter. The summary repeats it and warns.
	Differences string
	// At sets values, one for each name, to what is measured at theta, which is only
	// read. NaN and infinities are values.
	At func(ctx context.Context, theta []float32, values []float64) error
}

// Names of the columns that Options.Accuracy and Options.Test add.
const (
	AccuracyName     = "accuracy"
	TestLossName     = "test_loss"
	TestAccuracyName = "test_accuracy"
)

// source fills columns of all cells of a batch.
type source struct {
	width int // columns
	at    func(ctx context.Context, a, b []float64, columns [][]float64) error
}

// prepare decides how everything is evaluated.
func (w *worker) prepare() error {
	w.batch = 1
	if err := w.addLoss(w.loss, "", AccuracyName); err != nil {
		return err
	}
	// A loss that evaluates several points at the same time evaluates each by itself.
	_, concurrent := w.loss.(analyze.Concurrent)
	_, planar := w.planar(w.loss)
	w.shared = planar && !concurrent
	if w.o.Test != nil {
		if err := w.addLoss(w.o.Test, TestLossName, TestAccuracyName); err != nil {
			return err
		}
	}
	for _, m := range w.o.Measures {
		w.names = append(w.names, m.Names...)
		values := make([]float64, len(m.Names))
		w.sources = append(w.sources, source{len(m.Names), w.pointwise(values, m.At)})
		w.batch = 1 // it is slow, and finished cells are kept
	}
	return nil
}

// planar returns the loss as an analyze.Planar if it is one and may be used so.
func (w *worker) planar(loss analyze.Loss) (analyze.Planar, bool) {
	p, ok := loss.(analyze.Planar)
	return p, ok && !w.o.Plain
}

// addLoss adds a loss, and the accuracy over the same data if it is asked for.
func (w *worker) addLoss(loss analyze.Loss, name, accuracy string) error {
	if name != "" {
		w.names = append(w.names, name)
	}
	width := 1
	if w.o.Accuracy {
		width, w.names = 2, append(w.names, accuracy)
	}
	p, ok := w.planar(loss)
	if !ok {
		if w.o.Accuracy {
			return fmt.Errorf("landscape: accuracy is asked for, but the loss is evaluated point by point and has none; leave it out, or give an analyze.Planar")
		}
		w.sources = append(w.sources, source{1, w.pointwise(make([]float64, 1), func(ctx context.Context, theta []float32, values []float64) (err error) {
			values[0], err = loss.Loss(ctx, theta)
			return err
		})})
		return nil
	}
	batch, evaluate, err := p.OnPlane(w.plane.Origin, w.plane.U, w.plane.V)
	if err != nil {
		return fmt.Errorf("landscape: %w", err)
	}
	w.batch = max(w.batch, batch)
	w.sources = append(w.sources, source{width, func(ctx context.Context, a, b []float64, columns [][]float64) error {
		if width == 1 {
			return evaluate(ctx, a, b, columns[0], nil)
		}
		return evaluate(ctx, a, b, columns[0], columns[1])
	}})
	return nil
}

// pointwise makes the source of a function of theta.
func (w *worker) pointwise(values []float64, at func(ctx context.Context, theta []float32, values []float64) error) func(context.Context, []float64, []float64, [][]float64) error {
	return func(ctx context.Context, a, b []float64, columns [][]float64) error {
		for k := range a {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.plane.Point(a[k], b[k], w.theta)
			if err := at(ctx, w.theta, values); err != nil {
				return err
			}
			for c, v := range values {
				columns[c][k] = v
			}
		}
		return nil
	}
}

// Names of the columns of Eigenvalues.
const (
	LambdaMinName      = "lambda_min"
	LambdaMaxName      = "lambda_max"
	LambdaResidualName = "lambda_residual"
)

// defaultEigenProducts bounds the Hessian-vector products of a grid point.
const defaultEigenProducts = 40

// Eigenvalues measures the smallest and the largest eigenvalue of the Hessian at
// every grid point, as Li et al. do, by the Lanczos iteration of package
// curvature; and the larger of their residuals |Hu - lambda u|, in units of the
// larger absolute eigenvalue. Where the gradient is not finite all are NaN.
//
// maxProducts bounds the Hessian-vector products of a point, which cost one to two
// gradients each; 0 means 40. A loss that offers gradients only is evaluated by
// differences of gradients, and Measure.Differences says so.
func Eigenvalues(g analyze.Gradient, maxProducts int, seed uint64) Measure {
	if maxProducts == 0 {
		maxProducts = defaultEigenProducts
	}
	o := curvature.Options{Top: 1, Bottom: 1, Block: 2, MaxProducts: maxProducts, TraceSamples: -1, DensityProbes: -1, Tolerance: 1e-2, Seed: seed}
	_, absent := analyze.ExactHessian(g)
	return Measure{
		Names:       []string{LambdaMinName, LambdaMaxName, LambdaResidualName},
		Differences: absent,
		At: func(ctx context.Context, theta []float32, values []float64) error {
			r, err := curvature.Compute(ctx, theta, g, o)
			switch {
			case errors.Is(err, curvature.ErrNotFinite):
				values[0], values[1], values[2] = nan, nan, nan
				return nil
			case err != nil:
				return err
			}
			low, high := r.Bottom[0], r.Top[0]
			values[0], values[1], values[2] = low.Value, high.Value, 0
			if scale := max(-low.Value, low.Value, -high.Value, high.Value); scale > 0 {
				values[2] = max(low.Residual, high.Residual) / scale
			}
			return nil
		},
	}
}
