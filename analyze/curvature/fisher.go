package curvature

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/eigen"
	"sgdwalk/record"
)

// FisherMatrix is the empirical Fisher matrix of recorded mini-batch gradients. Only
// [EmpiricalFisher] computes it: it has no loss to multiply vectors with.
const FisherMatrix Matrix = "empirical-fisher"

// FisherMethod describes the method of [EmpiricalFisher] in one sentence.
const FisherMethod = "Empirical Fisher matrix (1/n) sum g_i g_i' of n recorded mini-batch gradients, not centered; " +
	"its nonzero eigenvalues and its trace are those of the n x n Gram matrix (1/n) <g_i, g_j>, summed and " +
	"decomposed in float64; each residual is from one more pass over the gradients with the eigenvector as float32."

// FisherCitation is the BibTeX entry on what an empirical Fisher matrix is and is not.
const FisherCitation = `@inproceedings{kunstner2019limitations,
  title     = {Limitations of the Empirical {F}isher Approximation for Natural Gradient Descent},
  author    = {Kunstner, Frederik and Hennig, Philipp and Balles, Lukas},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2019}
}
`

const (
	defaultGradients = 50
	maxGradients     = 4096 // the Gram matrix then has 128 MiB
)

// ErrNoGradients is wrapped by the error for a recording with fewer than two
// gradients, or with gradients of only some parameters.
var ErrNoGradients = errors.New("the recording does not have the gradients that the empirical Fisher matrix needs")

// FisherOptions of EmpiricalFisher. The zero value chooses step 0 with the defaults
// that the fields name.
type FisherOptions struct {
	// Step is the step around which gradients are taken; a negative number is the last
	// recorded step.
	Step int64 `json:"step"`
	// Gradients is the number n of gradients, 2 to 4096; 0 means 50. They are those of
	// the rows nearest to Step, the earlier row when two are equally near. A recording
	// with fewer gradients gives all of them, with a warning.
	Gradients int `json:"gradients"`
	// Top is the number of largest eigenvalues with an eigenvector and a residual; 0
	// means 10.
	Top int `json:"top"`
	// MaxMemory bounds the bytes of the vectors of length P that are held together, besides
	// the eigenvectors of the result; 0 means no bound. Two gradients, or one eigenvector
	// with its sums, are held in any case. With less memory, rows are read more often.
	MaxMemory int64 `json:"max_memory"`
	// Progress receives the count of gradients in the Gram matrix; nil disables progress
	// reporting.
	Progress analyze.Progress `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *FisherOptions) Validate() error {
	switch {
	case o.Gradients != 0 && (o.Gradients < 2 || o.Gradients > maxGradients):
		return fmt.Errorf("curvature: gradients is %d; it must be 2 to %d, or 0 for %d", o.Gradients, maxGradients,
			defaultGradients)
	case o.Top < 0:
		return fmt.Errorf("curvature: top is %d; it must be at least 1, or 0 for %d", o.Top, defaultTop)
	case o.MaxMemory < 0:
		return fmt.Errorf("curvature: max memory is %d bytes; it must be positive, or 0 for no bound", o.MaxMemory)
	}
	return nil
}

// Effective returns the options with the defaults filled in.
func (o FisherOptions) Effective() FisherOptions {
	if o.Gradients == 0 {
		o.Gradients = defaultGradients
	}
	if o.Top == 0 {
		o.Top = defaultTop
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	return o
}

// Fisher is the spectrum of an empirical Fisher matrix. All slices are the caller's.
type Fisher struct {
	Top []Pair // the largest eigenvalues above rounding, largest first

	// Eigenvalues is as in Result, with the side "top" only.
	Eigenvalues record.Table
	// Spectrum is as in Result: all eigenvalues above rounding, with the weight 1/P each.
	// One more row, part "zero", has the weight of the eigenvalues that are 0.
	Spectrum record.Table
	// Gradients has one row per gradient, in the order of the steps: row, step, epoch,
	// examples (of its mini-batch; 0 when not recorded) and norm.
	Gradients record.Table

	Summary  FisherSummary
	Warnings []analyze.Warning
}

// FisherSummary is the result of EmpiricalFisher in numbers. Fields that Summary also
// has mean the same there.
type FisherSummary struct {
	Step       int64  `json:"at_step"`
	Parameters int    `json:"parameters"` // P
	Matrix     Matrix `json:"matrix"`
	Gradients  int    `json:"gradients"` // n
	FirstStep  int64  `json:"first_step"`
	LastStep   int64  `json:"last_step"`
	// ExamplesMin and ExamplesMax are the sizes of the smallest and of the largest
	// mini-batch; 0 when not recorded.
	ExamplesMin int32 `json:"examples_min"`
	ExamplesMax int32 `json:"examples_max"`
	// ThetaMoved is |theta at LastStep - theta at FirstStep|; absent when one of them is
	// not recorded.
	ThetaMoved record.Optional `json:"theta_moved"`
	// Rank is the number of eigenvalues above the rounding of the Gram matrix, which is
	// max(n, P) 2^-52 of the largest one; at most n.
	Rank              int             `json:"rank"`
	LambdaMax         record.Optional `json:"lambda_max"`
	LambdaMaxResidual record.Optional `json:"lambda_max_residual"` // absent when the rank is 0
	Top               []float64       `json:"top"`
	Trace             Trace           `json:"trace"` // exact: the mean of |g_i|^2
	// MeanGradientShare is |mean of the g_i|^2 / trace: the part of the trace that is due
	// to the mean gradient. Independent gradients with mean 0 have 1/n on average. It is
	// absent when the trace is 0.
	MeanGradientShare record.Optional `json:"mean_gradient_share"`
	Stability         Stability       `json:"stability"` // with the reason why it has no edge of stability
}

// EmpiricalFisher computes eigenvalues of F = (1/n) sum g_i g_i' from n recorded
// mini-batch gradients g_i. It evaluates no loss.
//
// F is the second moment of mini-batch gradients at the iterates of a walk, and theta
// moves from one to the next. At a fixed theta, mini-batches of B examples that are
// drawn independently have E[g g'] = G G' + C/B, with the full gradient G and the
// covariance C of the gradient of one example. The empirical Fisher matrix of single
// examples is G G' + C. F is not that matrix, it is not the Fisher matrix of the model's
// own distribution, and it is not a Hessian: no edge of stability applies to it.
//
// The cost is n(n+1)/2 inner products of length P and four more passes over the
// gradients. The error wraps [ErrNoGradients] when the recording lacks gradients and
// [ErrNotFinite] when a gradient is NaN or infinite. A row that cannot be read and a
// cancelled context are errors too.
func EmpiricalFisher(ctx context.Context, t record.Trajectory, opts FisherOptions) (*Fisher, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	f := &fisher{ctx: ctx, run: t, opts: &opts, parameters: t.Header().Layout.Len()}
	step, err := f.choose()
	if err != nil {
		return nil, err
	}
	if err := f.accumulate(); err != nil {
		return nil, err
	}
	pairs, err := f.decompose()
	if err != nil {
		return nil, err
	}
	return f.result(step, pairs)
}

// fisher is one computation of EmpiricalFisher.
type fisher struct {
	ctx        context.Context
	run        record.Trajectory
	opts       *FisherOptions
	parameters int
	places     []place       // of the gradients, in the order of the steps
	gram       *mat.SymDense // (1/n) <g_i, g_j>
	values     []float64     // eigenvalues of gram above rounding, largest first
	largest    float64
}

// choose finds the rows with the gradients nearest to the step, and returns the step.
func (f *fisher) choose() (int64, error) {
	h := f.run.Header()
	if !h.Columns.Grad {
		return 0, fmt.Errorf("curvature: %w: it has none (train --grad records them)", ErrNoGradients)
	}
	if h.CheckEvaluable() != nil {
		return 0, fmt.Errorf("curvature: %w: the gradients were reduced by %q from %d parameters to %d",
			ErrNoGradients, h.Sketch.Spec, h.Sketch.Parameters, f.parameters)
	}
	var all []place
	at := -1
	for i := range f.run.Len() {
		s, err := f.run.Read(i, record.ScalarsOnly)
		if err != nil {
			return 0, fmt.Errorf("curvature: row %d: %w", i, err)
		}
		if s.Substep > 0 {
			continue
		}
		s.Theta, s.Grad, s.State = nil, nil, nil
		all = append(all, place{row: i, Step: s})
		if s.Step == f.opts.Step || f.opts.Step < 0 {
			at = len(all) - 1
		}
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("curvature: %w: it has no steps", ErrNoGradients)
	}
	if at < 0 {
		return 0, fmt.Errorf("curvature: step %d is not in the recording, which has steps %d to %d", f.opts.Step,
			all[0].Step.Step, all[len(all)-1].Step.Step)
	}
	step := all[at].Step.Step
	for before, after := at, at+1; len(f.places) < f.opts.Gradients && (before >= 0 || after < len(all)); {
		var next place
		if after == len(all) || before >= 0 && step-all[before].Step.Step <= all[after].Step.Step-step {
			next = all[before]
			before--
		} else {
			next = all[after]
			after++
		}
		g, err := f.gradient(&next)
		if err != nil {
			return 0, err
		}
		if g != nil {
			f.places = append(f.places, next)
		}
	}
	if len(f.places) < 2 {
		return 0, fmt.Errorf("curvature: %w: it has %d, and at least 2 are necessary (train --grad records the gradients "+
			"of all steps)", ErrNoGradients, len(f.places))
	}
	slices.SortFunc(f.places, func(a, b place) int { return a.row - b.row })
	return step, nil
}

// gradient returns the gradient of a row, nil when it has none. The slice is the
// trajectory's.
func (f *fisher) gradient(p *place) ([]float32, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, fmt.Errorf("curvature: stopped at step %d: %w", p.Step.Step, err)
	}
	g, err := record.GradOf(f.run, p.row)
	if err != nil {
		return nil, fmt.Errorf("curvature: step %d (row %d): %w", p.Step.Step, p.row, err)
	}
	if n := norm32(g); n-n != 0 {
		return nil, fmt.Errorf("curvature: step %d (row %d): %w", p.Step.Step, p.row, ErrNotFinite)
	}
	return g, nil
}

// room returns how many vectors with elements of this many bytes fit into the memory
// that is allowed, at least 1 and at most n.
func (f *fisher) room(elementBytes, n int) int {
	if f.opts.MaxMemory == 0 {
		return n
	}
	return int(min(int64(n), max(1, f.opts.MaxMemory/int64(elementBytes*f.parameters)-1)))
}

// accumulate fills in the Gram matrix. It holds a block of gradients and reads the
// gradients after the block one by one.
func (f *fisher) accumulate() error {
	n := len(f.places)
	f.opts.Progress.Begin("empirical Fisher", n)
	f.gram = mat.NewSymDense(n, nil)
	block := f.room(4, n)
	for first := 0; first < n; first += block {
		var held [][]float32
		for j := first; j < n; j++ {
			g, err := f.gradient(&f.places[j])
			if err != nil {
				return err
			}
			if len(held) < block {
				held = append(held, g)
			}
			for i, h := range held {
				f.gram.SetSym(first+i, j, dot32(h, g)/float64(n))
			}
		}
		f.opts.Progress.Add(len(held))
	}
	return nil
}

// decompose returns the top eigenpairs of F: where (1/n) G G' v = lambda v, G being the
// matrix with the gradients as rows, F has the eigenvector G'v / sqrt(n lambda).
func (f *fisher) decompose() ([]Pair, error) {
	values, vectors, ok := eigen.Symmetric(f.gram)
	if !ok {
		return nil, errors.New("curvature: the eigenvalues of the Gram matrix of the gradients could not be computed")
	}
	n := len(values)
	f.largest = max(values[n-1], 0)
	rounding := float64(max(n, f.parameters)) * 0x1p-52 * f.largest
	for r := n - 1; r >= 0 && values[r] > rounding; r-- {
		f.values = append(f.values, values[r])
	}
	pairs := make([]Pair, min(f.opts.Top, len(f.values)))
	group := f.room(12, len(pairs)) // a vector as float32 and sums in float64
	for first := 0; first < len(pairs); first += group {
		some := pairs[first:min(first+group, len(pairs))]
		u, err := f.combine(len(some), func(i, r int, _ []float32) float64 { return vectors.At(i, n-1-first-r) })
		if err != nil {
			return nil, err
		}
		for r := range some {
			some[r] = Pair{Value: f.values[first+r], Converged: true, Vector: rounded(u[r], 1/norm(u[r]))}
		}
		products, err := f.combine(len(some), func(_, r int, g []float32) float64 {
			return dot32(g,
				some[r].Vector) / float64(n)
		})
		if err != nil {
			return nil, err
		}
		for r := range some {
			addScaled(products[r], -some[r].Value, some[r].Vector)
			some[r].Residual = norm(products[r])
		}
	}
	return pairs, nil
}

// combine returns for every r below count the sum of the gradients g_i with the factors
// factor(i, r, g_i).
func (f *fisher) combine(count int, factor func(i, r int, g []float32) float64) ([][]float64, error) {
	sums := make([][]float64, count)
	for r := range sums {
		sums[r] = make([]float64, f.parameters)
	}
	for i := range f.places {
		g, err := f.gradient(&f.places[i])
		if err != nil {
			return nil, err
		}
		for r := range sums {
			addScaled(sums[r], factor(i, r, g), g)
		}
	}
	return sums, nil
}

// noEdge says why no edge of stability applies.
const noEdge = "the empirical Fisher matrix is not the Hessian of the loss"

func (f *fisher) result(step int64, pairs []Pair) (*Fisher, error) {
	n, first, last := len(f.places), &f.places[0], &f.places[len(f.places)-1]
	r := &Fisher{Top: pairs, Eigenvalues: (&Result{Top: pairs}).eigenvalues()}
	d := density{parameters: f.parameters, eigenvalues: f.values}
	r.Spectrum, _, _ = d.tables(&Options{})
	c := r.Spectrum.Columns
	c[0].Strings, c[1].Ints = append(c[0].Strings, "zero"), append(c[1].Ints, -1)
	c[2].Floats, c[3].Floats = append(c[2].Floats, 0), append(c[3].Floats, d.bulkWeight())
	r.Gradients = f.table()
	s := &r.Summary
	*s = FisherSummary{
		Step: step, Parameters: f.parameters, Matrix: FisherMatrix, Gradients: n, FirstStep: first.Step.Step,
		LastStep:    last.Step.Step,
		ExamplesMin: first.Examples, ExamplesMax: first.Examples, Rank: len(f.values),
		LambdaMax: record.Some(f.largest), Top: []float64{},
		Stability: Stability{ThresholdAbsent: noEdge},
	}
	for _, p := range f.places {
		s.ExamplesMin, s.ExamplesMax = min(s.ExamplesMin, p.Examples), max(s.ExamplesMax, p.Examples)
	}
	for _, p := range pairs {
		s.Top = append(s.Top, p.Value)
	}
	if len(pairs) > 0 {
		s.LambdaMaxResidual = record.Some(pairs[0].Residual)
	}
	trace, squares, mean := 0.0, 0.0, 0.0
	for i := range n {
		trace += f.gram.At(i, i)
		for j := range n {
			v := f.gram.At(i, j)
			squares += float64(v * v)
			mean += v / float64(n)
		}
	}
	s.Trace = Trace{
		Mean: record.Some(trace), StandardError: record.Some(0), FrobeniusSquared: record.Some(squares),
		FrobeniusSquaredError: record.Some(0),
	}
	if trace > 0 {
		s.MeanGradientShare = record.Some(max(0, mean) / trace)
	}
	var err error
	if s.ThetaMoved, err = f.moved(first.row, last.row); err != nil {
		return nil, err
	}
	r.Warnings = f.warnings(s)
	return r, nil
}

// moved returns the distance between theta at two rows.
func (f *fisher) moved(from, to int) (record.Optional, error) {
	var theta [2][]float32
	for i, row := range []int{from, to} {
		var err error
		if theta[i], err = record.ThetaOf(f.run, row); err != nil {
			return record.Optional{}, fmt.Errorf("curvature: row %d: %w", row, err)
		}
		if theta[i] == nil {
			return record.Optional{}, nil
		}
	}
	d := widened(theta[1])
	addScaled(d, -1, theta[0])
	return record.Some(norm(d)), nil
}

func (f *fisher) table() record.Table {
	var row, step, epoch, examples []int64
	var lengths column.Floats
	for i, p := range f.places {
		row, step, epoch = append(row, int64(p.row)), append(step, p.Step.Step), append(epoch, int64(p.Epoch))
		examples = append(examples, int64(p.Examples))
		lengths.Add(record.Some(math.Sqrt(float64(len(f.places)) * f.gram.At(i, i))))
	}
	return record.Table{Columns: []record.Column{
		column.Ints("row", row), column.Ints("step", step), column.Ints("epoch", epoch), column.Ints("examples",
			examples), lengths.Column("norm"),
	}}
}

func (f *fisher) warnings(s *FisherSummary) []analyze.Warning {
	moved := ""
	if s.ThetaMoved.Valid {
		moved = fmt.Sprintf(", between which theta moves by %.3g", s.ThetaMoved.Value)
	}
	w := []analyze.Warning{{Code: "minibatch_fisher", Text: fmt.Sprintf("the matrix is the second moment of %d "+
		"mini-batch gradients of %s, at different iterates from step %d to %d%s: it is not the Fisher matrix of "+
		"single examples (the covariance of a mini-batch gradient is that of one example divided by the size of the "+
		"mini-batch), and it is not a Hessian", s.Gradients, s.Batches(), s.FirstStep, s.LastStep, moved)}}
	if s.Gradients < f.opts.Gradients {
		w = append(w, analyze.Warning{Code: "gradients_missing", Text: fmt.Sprintf("%d gradients were requested; the "+
			"recording has %d", f.opts.Gradients, s.Gradients)})
	}
	if h := f.run.Header(); h.DType != record.Float32 || h.Sketch != nil {
		kept := string(h.DType)
		if h.Sketch != nil {
			kept = h.Sketch.Spec
		}
		w = append(w, analyze.Warning{Code: "rounded_gradients", Text: fmt.Sprintf("the gradients were rounded when "+
			"they were recorded (%s): eigenvalues far below the largest one are those of the rounding, and the rank "+
			"is no property of the run", kept)})
	}
	return w
}

// Batches says how many examples the mini-batches have.
func (s *FisherSummary) Batches() string {
	switch s.ExamplesMin {
	case 0:
		return "an unknown number of examples"
	case s.ExamplesMax:
		return fmt.Sprintf("%d examples", s.ExamplesMax)
	}
	return fmt.Sprintf("%d to %d examples", s.ExamplesMin, s.ExamplesMax)
}
