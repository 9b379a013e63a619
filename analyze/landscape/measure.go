package landscape

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// Measure is evaluated at every grid point in addition to the loss. It returns one or more
// numbers with names, which become columns of Result.Table.
type Measure struct {
	Names []string // snake_case, different from each other and from the other columns
	// Differences says why Hessian-vector products are differences of gradients. It is empty
	// when the products are exact or not used. The summary repeats it in a warning.
	Differences string
	// At sets values, one for each name, at theta. It must not change theta. NaN and
	// infinities are values.
	At func(ctx context.Context, theta []float32, values []float64) error
}

// Names of the columns that Options.Accuracy and Options.Test add.
const (
	AccuracyName     = "accuracy"
	TestLossName     = "test_loss"
	TestAccuracyName = "test_accuracy"
)

// quantity evaluates one or more values at the cells of a batch.
type quantity struct {
	width int // number of values
	// at fills one column for each value. The cells have the coordinates a and b.
	at func(ctx context.Context, a, b []float64, columns [][]float64) error
}

// prepare sets the quantities of the loss and the measures, their names and the batch size.
func (w *evaluator) prepare() error {
	w.batch = 1
	if err := w.addLoss(w.loss, "", AccuracyName); err != nil {
		return err
	}
	// A concurrent loss evaluates several points at the same time, but separately: they share
	// no work.
	_, concurrent := w.loss.(analyze.Concurrent)
	_, batched := w.batched(w.loss)
	w.shared = batched && !concurrent
	if w.o.Test != nil {
		if err := w.addLoss(w.o.Test, TestLossName, TestAccuracyName); err != nil {
			return err
		}
	}
	for _, m := range w.o.Measures {
		w.names = append(w.names, m.Names...)
		values := make([]float64, len(m.Names))
		w.quantities = append(w.quantities, quantity{len(m.Names), w.pointwise(values, m.At)})
		w.batch = 1 // a measure is slow, and an interruption should lose one cell at most
	}
	return nil
}

// batched returns the loss as an analyze.Batched, unless Options.Plain is set.
func (w *evaluator) batched(loss analyze.Loss) (analyze.Batched, bool) {
	b, ok := loss.(analyze.Batched)
	return b, ok && !w.o.Plain
}

// addLoss adds a loss and, with Options.Accuracy, the accuracy over the same data. An empty
// name means the loss of the landscape, whose column has a fixed name.
func (w *evaluator) addLoss(loss analyze.Loss, name, accuracy string) error {
	if name != "" {
		w.names = append(w.names, name)
	}
	width := 1
	if w.o.Accuracy {
		width, w.names = 2, append(w.names, accuracy)
	}
	p, ok := w.batched(loss)
	if !ok {
		if w.o.Accuracy {
			return fmt.Errorf("landscape: the options request the accuracy, but the loss has none when it is evaluated " +
				"point by point; omit the accuracy, or use a loss that is an analyze.Batched")
		}
		w.quantities = append(w.quantities,
			quantity{1, w.pointwise(make([]float64, 1),
				func(ctx context.Context, theta []float32, values []float64) (err error) {
					values[0], err = loss.Loss(ctx, theta)
					return err
				})})
		return nil
	}
	evaluate, err := p.OnSpan(record.Span{
		Points:     [][]float32{w.plane.Origin},
		Directions: [][]float32{w.plane.U, w.plane.V},
	})
	if err != nil {
		return fmt.Errorf("landscape: %w", err)
	}
	w.batch = max(w.batch, p.BatchSize())
	w.quantities = append(w.quantities,
		quantity{width, func(ctx context.Context, a, b []float64, columns [][]float64) error {
			at := make([]record.Coordinates, len(a))
			for i := range at {
				at[i].Along = []float64{0, a[i], b[i]}
			}
			if width == 1 {
				return evaluate(ctx, at, columns[0], nil)
			}
			return evaluate(ctx, at, columns[0], columns[1])
		}})
	return nil
}

// pointwise returns the function at of a quantity that is a function of theta. It reuses
// values for every point.
func (w *evaluator) pointwise(values []float64,
	at func(ctx context.Context, theta []float32,
		values []float64) error,
) func(context.Context, []float64, []float64, [][]float64) error {
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

// Eigenvalues measures the smallest and the largest eigenvalue of the Hessian at every grid
// point, as Li et al. do. It uses the Lanczos iteration of package curvature. The third value
// is the larger of the two residuals |Hu - lambda u|, in units of the larger absolute
// eigenvalue. All three are NaN where the gradient is not finite.
//
// maxProducts bounds the number of Hessian-vector products at a point (default: 40). Each
// costs one to two gradients. For a loss without exact products, the products are differences
// of gradients, and Measure.Differences says why.
func Eigenvalues(g analyze.Gradient, maxProducts int, seed uint64) Measure {
	if maxProducts == 0 {
		maxProducts = defaultEigenProducts
	}
	o := curvature.Options{
		Top: 1, Bottom: 1, Block: 2, MaxProducts: maxProducts, TraceSamples: -1, DensityProbes: -1,
		Tolerance: 1e-2, Seed: seed,
	}
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
