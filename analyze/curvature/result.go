package curvature

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Result is what Compute found at one theta. All slices are the caller's.
type Result struct {
	Loss     float64   // at theta
	Gradient []float32 // at theta, length P
	Top      []Pair    // the largest eigenvalues, largest first
	Bottom   []Pair    // the smallest, smallest first

	// Eigenvalues has one row per pair: side ("top" or "bottom"), rank (from 1),
	// eigenvalue, residual, lanczos_residual, converged; see Pair.
	Eigenvalues record.Table
	// Steps is the ladder: step, step_ratio (over |theta|), product_norm, error (the
	// larger of the relative differences between the product and its neighbours).
	Steps record.Table
	// TraceSamples has the sample and the value d u'Bu of every random unit vector u, B being the matrix outside the
	// Lanczos basis and d its dimension.
	TraceSamples record.Table
	// Spectrum has the eigenvalues that were found, with the weight 1/P each (part
	// "eigenvalue", run -1), and the nodes and weights of every probe of the bulk (part
	// "bulk"), whose weights add up to what is left.
	Spectrum record.Table
	// Density is the bulk of the spectral density: eigenvalue, density, and a band of two
	// standard errors over the probes, density_low and density_high. It integrates to the
	// weight of the bulk and has no rows when all eigenvalues are known.
	Density record.Table
	// Shares has one row per direction, "gradient" first: direction, norm,
	// dominant_share (|P_k d|^2/|d|^2), and for directions that are walked
	// loss_change, loss_change_dominant and loss_change_bulk: the loss at
	// theta + d, theta + P_k d and theta + d - P_k d, minus that at theta.
	Shares record.Table
	// Overlaps has the cosine of every direction with every top eigenvector:
	// direction, rank, cosine.
	Overlaps record.Table

	// Layers has one row per layer: layer, parameters, lambda_max, lambda_max_residual,
	// lambda_min, lambda_min_residual, trace, trace_standard_error, converged, products.
	Layers record.Table

	Summary  Summary
	Warnings []analyze.Warning

	splits    []split
	blocks    []blockOf
	critical  record.Optional // of a row along a run
	unchecked int             // products of the check of the residuals that are not finite
	// preconditioned is without values when there is none.
	preconditioned Preconditioned
}

// Check is an eigenpair that was multiplied once more. Where products are exact, it is
// the pair as it was returned. Where they are differences, it is a product of twice the
// step: where truncation is the error, the eigenvalue is off by about a third of the
// difference.
type Check struct {
	Value    record.Optional `json:"value"`    // <u, Au>
	Residual record.Optional `json:"residual"` // |Au - lambda u| with the lambda that is returned
}

// Summary is the result in numbers; a value that cannot be computed is null.
type Summary struct {
	AtStep     int64           `json:"at_step"`    // of the iterate; Compute does not know it
	Parameters int             `json:"parameters"` // P
	Loss       record.Optional `json:"loss"`
	ThetaNorm  float64         `json:"theta_norm"`
	GradNorm   float64         `json:"grad_norm"`

	Matrix Matrix `json:"matrix"`
	// ProductMethod says how a product is made: "exact" or "finite differences over a step
	// of ...", with the reason.
	ProductMethod string `json:"product_method"`
	// Step is the length of the displacement in the central differences and StepRatio
	// its share of |theta|; both are 0 for exact products. ProductError is the relative
	// error of a product: estimated from neighbouring steps, or the asymmetry of exact
	// products.
	Step         float64         `json:"step"`
	StepRatio    float64         `json:"step_ratio"`
	ProductError record.Optional `json:"product_error"`
	// Asymmetry is the largest |<v, Hw> - <w, Hv>| over pairs of vectors of the
	// Lanczos basis, in units of the largest absolute eigenvalue: 0 for exact products.
	Asymmetry       float64 `json:"asymmetry"`
	Products        int     `json:"products"`         // in total
	LanczosProducts int     `json:"lanczos_products"` // for the eigenvalues
	Complete        bool    `json:"complete"`         // the basis spans the whole space: all eigenvalues are known

	LambdaMax         record.Optional `json:"lambda_max"`
	LambdaMaxResidual record.Optional `json:"lambda_max_residual"`
	LambdaMin         record.Optional `json:"lambda_min"`
	LambdaMinResidual record.Optional `json:"lambda_min_residual"`
	Top               []float64       `json:"top"`
	Bottom            []float64       `json:"bottom"`
	// pairs that more products would not change beyond the tolerance
	Converged   int   `json:"converged"`
	TopCheck    Check `json:"lambda_max_second_step"`
	BottomCheck Check `json:"lambda_min_second_step"`

	Stability Stability `json:"stability"`
	Trace     Trace     `json:"trace"`

	Density Density `json:"density"`

	// GradDominantShare is the share of the gradient's squared length in the space
	// of the top eigenvectors; that of a random vector is k/P on the average.
	GradDominantShare   record.Optional `json:"grad_dominant_share"`
	RandomDominantShare float64         `json:"random_dominant_share"`
}

// Plane returns the plane of the two eigenvectors of these ranks, counted from 1
// among the top ones and from -1 among the bottom ones, through origin.
func (r *Result) Plane(first, second int, origin []float32) (analyze.Plane, error) {
	var vectors [2][]float32
	for i, rank := range []int{first, second} {
		switch {
		case rank > 0 && rank <= len(r.Top):
			vectors[i] = r.Top[rank-1].Vector
		case rank < 0 && -rank <= len(r.Bottom):
			vectors[i] = r.Bottom[-rank-1].Vector
		default:
			return analyze.Plane{}, fmt.Errorf("curvature: plane: eigenvector %d; the result has 1 to %d and -1 to "+
				"-%d", rank, len(r.Top), len(r.Bottom))
		}
	}
	return analyze.NewPlane(origin, vectors[0], vectors[1])
}

func (r *Result) summarize(c *computation) {
	s := &r.Summary
	s.Parameters, s.Products = len(c.theta), c.products.made
	s.Loss = record.Some(r.Loss)
	s.ThetaNorm, s.GradNorm = norm32(c.theta), norm32(r.Gradient)
	s.Top, s.Bottom = []float64{}, []float64{}
	for _, p := range r.Top {
		s.Top = append(s.Top, p.Value)
	}
	for _, p := range r.Bottom {
		s.Bottom = append(s.Bottom, p.Value)
	}
	s.Matrix, s.ProductMethod = c.opts.Matrix, c.products.method()
	r.unchecked = c.products.unchecked
	if c.products.exact != nil {
		s.ProductError = record.Some(s.Asymmetry)
	}
	s.LambdaMax, s.LambdaMaxResidual = record.Some(r.Top[0].Value), record.Some(r.Top[0].Residual)
	if len(r.Bottom) > 0 {
		s.LambdaMin, s.LambdaMinResidual = record.Some(r.Bottom[0].Value), record.Some(r.Bottom[0].Residual)
	}
	r.Eigenvalues = r.eigenvalues()
	for _, p := range append(append([]Pair{}, r.Top...), r.Bottom...) {
		if p.Converged {
			s.Converged++
		}
	}
	s.Stability = stability(c.opts, s.LambdaMax, r.preconditioned, s.GradNorm)
	s.GradDominantShare = r.splits[0].share
	s.RandomDominantShare = float64(len(r.Top)) / float64(len(c.theta))
	r.Warnings = r.warnings(c.opts)
}

func (r *Result) eigenvalues() record.Table {
	var side []string
	var ranks []int64
	var values, residuals, estimates column.Floats
	var converged column.Bools
	for _, s := range []struct {
		name  string
		pairs []Pair
	}{{"top", r.Top}, {"bottom", r.Bottom}} {
		for i, p := range s.pairs {
			side, ranks = append(side, s.name), append(ranks, int64(i+1))
			values.Add(record.Some(p.Value))
			residuals.Add(record.Some(p.Residual))
			estimates.Add(record.Some(p.Estimate))
			converged.Add(p.Converged, true)
		}
	}
	return record.Table{Columns: []record.Column{
		column.Strings("side", side), column.Ints("rank", ranks),
		values.Column("eigenvalue"), residuals.Column("residual"), estimates.Column("lanczos_residual"),
		converged.Column("converged"),
	}}
}

// PairsFromTable returns the eigenpairs of one side, "top" or "bottom", of the table
// Eigenvalues of a result at one iterate, without their vectors.
func PairsFromTable(t *record.Table, side string) []Pair {
	var out []Pair
	for i, s := range t.Column("side").Strings {
		if s == side {
			out = append(out, Pair{
				Value: t.Column("eigenvalue").Floats[i], Residual: t.Column("residual").Floats[i],
				Estimate: t.Column("lanczos_residual").Floats[i], Converged: t.Column("converged").Bools[i],
			})
		}
	}
	return out
}

func stepsTable(rungs []rung, scale float64) record.Table {
	var step, ratio, length, fault column.Floats
	for _, r := range rungs {
		step.Add(record.Some(r.step))
		ratio.Add(record.Some(r.step / scale))
		length.Add(record.Optional{Value: r.norm, Valid: r.ok})
		fault.Add(record.Optional{Value: r.error, Valid: r.error-r.error == 0})
	}
	return record.Table{Columns: []record.Column{
		step.Column("step"), ratio.Column("step_ratio"), length.Column("product_norm"), fault.Column("error"),
	}}
}
