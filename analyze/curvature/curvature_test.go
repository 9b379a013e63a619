package curvature_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

type fataler interface{ Fatal(...any) }

func compute(t fataler, theta []float32, g analyze.Gradient, o curvature.Options) *curvature.Result {
	r, err := curvature.Compute(context.Background(), theta, g, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*record.Table{
		&r.Eigenvalues, &r.Steps, &r.TraceSamples, &r.Spectrum, &r.Density,
		&r.Shares, &r.Overlaps,
	} {
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// near reports whether a and b differ by at most the tolerance.
func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func gaussian(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// spread has three outliers, a bulk and negative values.
func spread(n int) []float64 {
	lambda := make([]float64, n)
	for i := range lambda {
		lambda[i] = math.Sin(float64(i)) / 10
	}
	copy(lambda, []float64{20, 11, 7, -3})
	return lambda
}

// A quadratic has the same Hessian everywhere, so its eigenvalues and vectors are
// known exactly, in any coordinates.
func TestQuadraticHasItsOwnEigenvalues(t *testing.T) {
	lambda := spread(300)
	for name, q := range map[string]quadratic{"diagonal": {diagonal: lambda}, "rotated": {full: rotated(lambda, 4)}} {
		r := compute(t, gaussian(300, 5), q, curvature.Options{Top: 3, Tolerance: 1e-4})
		for i, want := range []float64{20, 11, 7} {
			if p := r.Top[i]; !near(p.Value, want, 1e-4*20) || !p.Converged || p.Residual > 1e-4*20 {
				t.Errorf("%s: eigenvalue %d is %v, residual %v, converged %v; want %v", name, i+1, p.Value, p.Residual,
					p.Converged, want)
			}
		}
		if p := r.Bottom[0]; !near(p.Value, -3, 1e-4*20) || !p.Converged {
			t.Errorf("%s: the smallest eigenvalue is %v; want -3", name, p.Value)
		}
		if e := r.Summary.ProductError; !e.Valid || e.Value > 1e-4 {
			t.Errorf("%s: product error is %v for a quadratic", name, e)
		}
		if r.Summary.Asymmetry > 1e-4 {
			t.Errorf("%s: the products lack symmetry by %v", name, r.Summary.Asymmetry)
		}
		if r.Summary.LanczosProducts > 40 {
			t.Errorf("%s: %d products for three outliers; want at most 40", name, r.Summary.LanczosProducts)
		}
		if v := r.Summary.TopCheck.Value; !near(v.Value, 20, 1e-3) {
			t.Errorf("%s: with twice the step the largest eigenvalue is %v", name, v)
		}
	}
}

func TestEigenvectorsAreThoseOfTheDiagonal(t *testing.T) {
	r := compute(t, gaussian(300, 5), quadratic{diagonal: spread(300)}, curvature.Options{Top: 3, Tolerance: 1e-5})
	for i, p := range append(slices.Clone(r.Top), r.Bottom...) {
		norm := 0.0
		for _, v := range p.Vector {
			norm += float64(v) * float64(v)
		}
		if !near(norm, 1, 1e-6) {
			t.Errorf("eigenvector %d has squared length %v", i, norm)
		}
		if c := math.Abs(float64(p.Vector[i])); !near(c, 1, 1e-4) {
			t.Errorf("eigenvector %d has the component %v along axis %d", i, c, i)
		}
	}
}

// The eigenvalues of a small network agree with those of its dense Hessian.
func TestSmallNetworkAgreesWithDenseHessian(t *testing.T) {
	s := newSoftmax(8, 6, 4, 200)
	theta := s.start()
	var e mat.EigenSym
	if !e.Factorize(s.hessian(theta), false) {
		t.Fatal("no eigenvalues")
	}
	want := e.Values(nil)
	slices.Reverse(want)
	before := slices.Clone(theta)
	r := compute(t, theta, s, curvature.Options{Top: 4, Tolerance: 1e-3})
	for i, p := range r.Top {
		if !near(p.Value, want[i], 1e-3*want[0]) {
			t.Errorf("eigenvalue %d is %v; the dense Hessian has %v", i+1, p.Value, want[i])
		}
	}
	if rel := math.Abs(r.Top[0].Value-want[0]) / want[0]; rel > 1e-3 || !r.Top[0].Converged {
		t.Errorf("lambda_max is %v, relative error %v, converged %v", r.Top[0].Value, rel, r.Top[0].Converged)
	}
	if last := want[len(want)-1]; last >= 0 || !near(r.Bottom[0].Value, last, 1e-3*want[0]) {
		t.Errorf("the smallest eigenvalue is %v; the dense Hessian, which is indefinite, has %v", r.Bottom[0].Value,
			last)
	}
	if !slices.Equal(theta, before) {
		t.Error("theta was changed")
	}
	if made := 2*r.Summary.Products + 1; made != s.calls {
		t.Errorf("%d products and %d gradients", r.Summary.Products, s.calls)
	}
}

// With a basis that spans everything, all eigenvalues come out, multiple ones as
// often as they occur, and the weights of a run add up to one.
func TestDegenerateSpectrumIsFoundCompletely(t *testing.T) {
	lambda := []float64{5, 5, 5, 1, 1, -2, -2, 0}
	r := compute(t, gaussian(8, 1), quadratic{full: rotated(lambda, 9)}, curvature.Options{
		Top: 8, Bottom: 8,
		TraceSamples: -1,
	})
	want := slices.Sorted(slices.Values(lambda))
	if d := cmp.Diff(want, r.Summary.Bottom, cmpopts.EquateApprox(0, 1e-4)); d != "" {
		t.Error(d)
	}
	if !r.Summary.Complete || r.Summary.Converged != 16 {
		t.Errorf("complete %v, %d converged", r.Summary.Complete, r.Summary.Converged)
	}
	if r.Summary.Trace.Samples != 0 || r.Summary.Trace.Mean.Valid {
		t.Errorf("a trace was estimated: %+v", r.Summary.Trace)
	}
}

func TestConstantAndZeroHessian(t *testing.T) {
	for _, c := range []float64{0, 3} {
		lambda := slices.Repeat([]float64{c}, 5)
		r := compute(t, gaussian(5, 1), quadratic{diagonal: lambda}, curvature.Options{Top: 2})
		if !near(r.Summary.LambdaMax.Value, c, 1e-4) || !near(r.Summary.Trace.Mean.Value, 5*c,
			4*r.Summary.Trace.StandardError.Value+1e-3) {
			t.Errorf("curvature %v everywhere: lambda_max %v, trace %v", c, r.Summary.LambdaMax, r.Summary.Trace.Mean)
		}
		if want := 1 - float64(r.Summary.Density.Eigenvalues)/5; !near(integral(r.Density), want, 1e-9) {
			t.Errorf("the density integrates to %v, want %v", integral(r.Density), want)
		}
	}
}

// The parts of a direction: shares add up, and on a quadratic whose dominant and
// bulk spaces do not interact, so do the changes of the loss.
func TestDominantAndBulkParts(t *testing.T) {
	lambda := spread(100)
	theta := gaussian(100, 8)
	d := make([]float32, 100)
	d[0], d[1], d[50] = 3, 0, 4
	zero := make([]float32, 100)
	r := compute(t, theta, quadratic{diagonal: lambda}, curvature.Options{
		Top: 2, Tolerance: 1e-5,
		Directions: []curvature.Direction{{Name: "update", Vector: d, Walk: true}, {Name: "nothing", Vector: zero}},
	})
	share := r.Shares.Column("dominant_share")
	top, all := 0.0, 0.0
	for i, l := range lambda {
		g := l * float64(theta[i])
		all += g * g
		if i < 2 {
			top += g * g
		}
	}
	if got := share.Floats[0]; !near(got, top/all, 1e-4) || r.Summary.GradDominantShare.Value != got {
		t.Errorf("share of the gradient is %v; want %v", got, top/all)
	}
	if got := share.Floats[1]; !near(got, 9.0/25, 1e-4) {
		t.Errorf("share of the update is %v; want 9/25", got)
	}
	if share.Valid == nil || share.Valid[2] {
		t.Error("a zero vector has a share")
	}
	change := func(i int) float64 {
		x := float64(theta[i])
		y := x + float64(d[i])
		return lambda[i] * (y*y - x*x) / 2
	}
	for name, want := range map[string]float64{
		"loss_change":          change(0) + change(50),
		"loss_change_dominant": change(0), "loss_change_bulk": change(50),
	} {
		if got := r.Shares.Column(name).Floats[1]; !near(got, want, 0.02) {
			t.Errorf("%s is %v; want %v", name, got, want)
		}
	}
	if r.Summary.RandomDominantShare != 0.02 {
		t.Errorf("a random vector's share is %v; want 2/100", r.Summary.RandomDominantShare)
	}
}

func TestSameBitsForAnyNumberOfProcessors(t *testing.T) {
	s := newSoftmax(8, 6, 4, 60)
	var results []*curvature.Result
	for _, n := range []int{1, 4} {
		before := runtime.GOMAXPROCS(n)
		results = append(results, compute(t, s.start(), s, curvature.Options{
			Top: 2, MaxProducts: 60, DensityProbes: 2,
			DensitySteps: 10, Seed: 3,
		}))
		runtime.GOMAXPROCS(before)
	}
	if d := cmp.Diff(results[0], results[1], cmpopts.IgnoreUnexported(curvature.Result{})); d != "" {
		t.Error(d)
	}
	other := compute(t, s.start(), s, curvature.Options{Top: 2, MaxProducts: 60, DensityProbes: -1, Seed: 4})
	if other.Summary.Trace.Mean == results[0].Summary.Trace.Mean {
		t.Error("another seed gives the same trace")
	}
	if !near(other.Summary.LambdaMax.Value, results[0].Summary.LambdaMax.Value, 1e-3*other.Summary.LambdaMax.Value) {
		t.Error("the largest eigenvalue depends on the seed")
	}
}

// memo keeps units in memory.
type memo map[string][]float64

func (m memo) Lookup(unit string) ([]float64, bool) { v, ok := m[unit]; return v, ok }

func (m memo) Save(unit string, values []float64) error {
	m[unit] = slices.Clone(values)
	return nil
}

// counted is a Progress that adds up.
type counted struct{ total, done int }

func (c *counted) Begin(_ string, total int) { c.total += total }
func (c *counted) Add(n int)                 { c.done += n }

func TestStoreSavesProducts(t *testing.T) {
	s := newSoftmax(8, 6, 4, 60)
	store := memo{}
	o := curvature.Options{Top: 2, MaxProducts: 20, TraceSamples: 5, DensityProbes: 3, DensitySteps: 7, Store: store}
	first := compute(t, s.start(), s, o)
	progress := &counted{}
	o.Progress = progress
	second := compute(t, s.start(), s, o)
	ignore := cmpopts.IgnoreFields(curvature.Summary{}, "Products")
	if d := cmp.Diff(first, second, cmpopts.IgnoreUnexported(curvature.Result{}), ignore); d != "" {
		t.Error(d)
	}
	if saved := first.Summary.Products - second.Summary.Products; saved != 5+3*7 {
		t.Errorf("%d products were saved", saved)
	}
	if progress.done != progress.total || progress.total == 0 {
		t.Errorf("progress is %d of %d at the end", progress.done, progress.total)
	}
}

// The ladder's estimate is an upper bound of the error for a smooth function and
// larger steps are wrong by truncation.
func TestLadderChoosesBetweenRoundingAndTruncation(t *testing.T) {
	s := newSoftmax(8, 6, 4, 100)
	r := compute(t, s.start(), s, curvature.Options{Top: 1})
	steps, faults := r.Steps.Column("step").Floats, r.Steps.Column("error").Floats
	best := slices.Index(steps, r.Summary.Step)
	if best < 0 {
		t.Fatalf("step %v is not on the ladder %v", r.Summary.Step, steps)
	}
	for i, e := range faults {
		if e < faults[best] {
			t.Errorf("step %v has the error %v, less than the chosen one's %v", steps[i], e, faults[best])
		}
	}
	if last := faults[len(faults)-1]; last < 2*faults[best] {
		t.Errorf("the largest step is as good as the best: %v, %v", last, faults[best])
	}
	coarse := compute(t, s.start(), s, curvature.Options{Top: 1, Step: 2})
	if !slices.ContainsFunc(coarse.Warnings, func(w analyze.Warning) bool { return w.Code == "product_error" }) {
		t.Errorf("a step of 2 raises no warning: %v", coarse.Warnings)
	}
}

// wall has no gradient beyond 1.
type wall struct{ quadratic }

func (w wall) Gradient(ctx context.Context, x, grad []float32) (float64, error) {
	loss, err := w.quadratic.Gradient(ctx, x, grad)
	if x[2] > 1 {
		grad[2] = float32(math.NaN())
	}
	return loss, err
}

func TestGradientThatIsNotFinite(t *testing.T) {
	w := wall{quadratic{diagonal: []float64{1, 2, 3}}}
	if _, err := curvature.Compute(context.Background(), []float32{0, 0, 2}, w, curvature.Options{}); !errors.Is(err,
		curvature.ErrNotFinite) {
		t.Errorf("beyond the wall: %v", err)
	}
	// Near the wall only short steps stay on this side.
	r := compute(t, []float32{1, 1, 0.96}, w, curvature.Options{Top: 1})
	if !near(r.Summary.LambdaMax.Value, 3, 1e-3) {
		t.Errorf("near the wall lambda_max is %v", r.Summary.LambdaMax)
	}
	if r.Steps.Column("error").Valid == nil {
		t.Error("no step of the ladder was refused")
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := curvature.Compute(ctx, gaussian(5, 1), quadratic{diagonal: spread(5)},
		curvature.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	for want, o := range map[string]curvature.Options{
		"top is -1":               {Top: -1},
		"max products is 100001":  {MaxProducts: 100001},
		"block is 65":             {Block: 65},
		"density steps is 1":      {DensitySteps: 1},
		"max memory is -1":        {MaxMemory: -1},
		`matrix is "fisher"`:      {Matrix: "fisher"},
		"offers no such products": {Matrix: curvature.GaussNewton},
		"density points is 5":     {DensityPoints: 5},
		"tolerance is NaN":        {Tolerance: math.NaN()},
		"tolerance is 1":          {Tolerance: 1},
		"broadening is -1":        {Broadening: -1},
		"step is +Inf":            {Step: math.Inf(1)},
		"learning rate is -0.1":   {LearningRate: -0.1},
		`direction "gradient"`:    {Directions: []curvature.Direction{{Name: "gradient"}}},
		`direction "x" has 1 ele`: {Directions: []curvature.Direction{{Name: "x", Vector: []float32{1}}}},
	} {
		_, err := curvature.Compute(context.Background(), make([]float32, 3), quadratic{diagonal: make([]float64, 3)},
			o)
		if err == nil || !strings.HasPrefix(err.Error(), "curvature: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestPlaneOfEigenvectors(t *testing.T) {
	theta := gaussian(50, 1)
	r := compute(t, theta, quadratic{diagonal: spread(50)}, curvature.Options{Top: 2})
	p, err := r.Plane(1, -1, theta)
	if err != nil || !near(p.Cosine(), 0, 1e-4) {
		t.Errorf("plane: %v, cosine %v", err, p.Cosine())
	}
	if _, err := r.Plane(3, -1, theta); err == nil {
		t.Error("eigenvector 3 of 2 has a plane")
	}
}

// pairs is a loss whose gradients come two at a time or, but at theta, not at all.
type pairs struct {
	quadratic
	theta   []float32
	waiting chan struct{}
}

func (p *pairs) Concurrency() int { return 2 }

func (p *pairs) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	if !slices.Equal(theta, p.theta) {
		select {
		case p.waiting <- struct{}{}: // the other one is there
		case <-p.waiting:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return p.quadratic.Gradient(ctx, theta, grad)
}

// The two gradients of a product are asked for at the same time where that is of
// use, and the numbers are the same.
func TestBothSidesAtOnce(t *testing.T) {
	q := quadratic{full: rotated(spread(30), 5)}
	theta := gaussian(30, 4)
	o := curvature.Options{Top: 3, MaxProducts: 20}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	want := compute(t, theta, q, o)
	got, err := curvature.Compute(ctx, theta, &pairs{q, theta, make(chan struct{})}, o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Summary, got.Summary, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("at the same time (-after each other):\n%s", d)
	}
	if !slices.EqualFunc(want.Top, got.Top, func(a, b curvature.Pair) bool {
		return a.Value == b.Value &&
			slices.Equal(a.Vector, b.Vector)
	}) {
		t.Error("the eigenvectors differ")
	}
}
