package compare_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

const dims = 12

// bowl is a quadratic with a stiff direction: gradients and everything derived
// from them are known.
type bowl struct{ stiff float64 }

func (b bowl) Loss(_ context.Context, theta []float32) (float64, error) {
	sum := 0.0
	for i, v := range theta {
		sum += b.eigenvalue(i) * float64(v) * float64(v) / 2
	}
	return sum, nil
}

func (b bowl) eigenvalue(i int) float64 {
	if i == 0 {
		return b.stiff
	}
	return 1
}

func (b bowl) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	for i, v := range theta {
		grad[i] = float32(b.eigenvalue(i)) * v
	}
	return b.Loss(ctx, theta)
}

// descend records gradient descent with noise of the seed from a common start.
func descend(t testing.TB, name string, rate float64, steps int, seed uint64) compare.Run {
	t.Helper()
	h := record.NewHeader(record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{1, dims}}})
	h.Model, h.Data.Hash, h.Steps, h.Seed = "bowl", "sha256:bowl", int64(steps), seed
	h.Optimizer = record.Optimizer{Name: name, Hyperparameters: map[string]float64{"learning_rate": rate}}
	h.Batch, h.Data.TrainExamples, h.Epochs = 10, 100, 1
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	rng, theta, grad := rand.New(rand.NewPCG(seed, 1)), make([]float32, dims), make([]float32, dims)
	for i := range theta {
		theta[i] = float32(1 + i)
	}
	b := bowl{4}
	for k := range steps + 1 {
		loss, _ := b.Gradient(context.Background(), theta, grad)
		s := record.Step{Step: int64(k), Epoch: 1, Evaluations: int64(k), Theta: theta, FullLoss: record.Some(loss)}
		if k < steps {
			s.BatchLoss, s.LearningRate, s.Examples = record.Some(loss), record.Some(rate), 10
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
		for i := range theta {
			theta[i] -= float32(rate) * (grad[i] + 0.05*float32(rng.NormFloat64()))
		}
	}
	return compare.Run{Name: fmt.Sprintf("%s-%d", name, seed), Group: name, Seed: seed, Trajectory: m, Loss: b}
}

func runsOf(t testing.TB) []compare.Run {
	var runs []compare.Run
	for seed := range uint64(4) {
		runs = append(runs, descend(t, "slow", 0.05, 40, seed), descend(t, "fast", 0.3, 25, seed))
	}
	return runs
}

// everything computes all parts and returns them as text.
func everything(t *testing.T, runs []compare.Run, baseline string) string {
	t.Helper()
	ctx := context.Background()
	var out []any
	add := func(v any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	r, err := compare.Joint(ctx, runs, pca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, r.Scores, r.Components)
	plane, err := r.Plane(1, 2, nil)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := compare.Paths(ctx, runs, &plane)
	add(paths, err)
	l, err := compare.Landscape(ctx, runs, plane, paths, bowl{4}, compare.LandscapeOptions{NX: 5, NY: 4})
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, l.Table, l.Compared, l.Errors)
	add(compare.Barriers(ctx, runs, bowl{4}, compare.BarrierOptions{Baseline: baseline, CurveSteps: 3}))
	add(compare.Series(ctx, runs))
	predict := func(_ context.Context, theta []float32, classes []int32) error {
		for i := range classes {
			classes[i] = 0
			if theta[i] > 0 {
				classes[i] = 1
			}
		}
		return nil
	}
	add(compare.Agreement(ctx, runs, compare.Probe{Labels: []int32{0, 1, 0, 1}, Classes: 2, Predict: predict}))
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Permuting the runs changes no number.
func TestPermutation(t *testing.T) {
	runs := runsOf(t)
	want := everything(t, runs, "slow")
	rng := rand.New(rand.NewPCG(3, 3))
	for range 3 {
		rng.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
		if got := everything(t, runs, "slow"); got != want {
			t.Fatal("another order of the runs gives other numbers")
		}
	}
}

// A run compared with itself differs by exactly nothing.
func TestItself(t *testing.T) {
	ctx := context.Background()
	a := descend(t, "slow", 0.05, 40, 1)
	b := a
	b.Name, b.Group = "again", "again"
	runs := []compare.Run{a, b}
	r, err := compare.Joint(ctx, runs, pca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := pca.Fit(ctx, a.Trajectory, pca.Options{Surrogates: -1})
	if err != nil {
		t.Fatal(err)
	}
	n := a.Trajectory.Len()
	for k, s := range r.Scores {
		for i := range n {
			if s[i] != s[n+i] {
				t.Fatalf("score %d of row %d is %g and %g", k, i, s[i], s[n+i])
			}
			if math.Abs(s[i]-alone.Scores[k][i]) > 1e-5*alone.Distances[0] {
				t.Errorf("score %d of row %d is %g; alone it is %g", k, i, s[i], alone.Scores[k][i])
			}
		}
	}
	l, err := compare.Barriers(ctx, runs, bowl{4}, compare.BarrierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{
		"distance", "barrier_over_ends", "barrier_over_chord", "barrier_height",
		"curve_barrier_over_ends",
	} {
		if v := l.Table.Column(c); v.Len() != 1 || v.Floats[0] != 0 || v.Valid != nil && !v.Valid[0] {
			t.Errorf("%s is %v", c, v)
		}
	}
	if v := l.Table.Column("cosine").Floats[0]; math.Abs(v-1) > 1e-15 {
		t.Errorf("cosine is %v", v)
	}
	var stats []compare.RunStatistics
	for i := range runs {
		s, err := compare.Measure(ctx, &runs[i], compare.MeasureOptions{Top: 2})
		if err != nil {
			t.Fatal(err)
		}
		stats = append(stats, *s)
	}
	p, err := compare.Paired(stats, "slow", 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range p.Effects {
		if e.Group == "again" && e.Values > 0 {
			seen++
			if e.Difference.Value != 0 || e.Pairs != 1 || e.Above != 0 || e.Effect.Valid {
				t.Errorf("%s differs: %+v", e.Statistic, e)
			}
		}
	}
	if seen < 12 {
		t.Errorf("%d statistics; there are more", seen)
	}
}

// The numbers of a run on a quadratic are those of theory: a floor at 1/(eta
// lambda) along an eigenvector, the largest eigenvalue, no barrier.
func TestMeasureOnAQuadratic(t *testing.T) {
	r := descend(t, "fast", 0.3, 25, 2)
	r.Ends = []compare.EndMeasure{{Name: "sum", Loss: analyze.LossFunc(func(_ context.Context,
		theta []float32,
	) (float64, error) {
		return float64(len(theta)), nil
	})}}
	s, err := compare.Measure(context.Background(), &r, compare.MeasureOptions{Top: 2, Products: 12})
	if err != nil {
		t.Fatal(err)
	}
	end, _ := r.Trajectory.Read(25, record.AllParts)
	for name, want := range map[string]float64{
		"passes": 2.5, "sum": dims, "lambda_max": 4, "trace": 4 + dims - 1, "eta_lambda_max": 1.2, "barrier_ratio": 0,
		"full_loss": end.FullLoss.Value,
	} {
		if v := s.Value(name); !v.Valid || math.Abs(v.Value-want) > 2e-3*max(1, want) {
			t.Errorf("%s is %v; want %g", name, v, want)
		}
	}
	if v := s.Value("displacement_exponent"); !v.Valid || v.Value <= 0 || v.Value > 2 {
		t.Errorf("displacement exponent is %v", v)
	}
	if v := s.Value("floor_position"); !v.Valid || v.Value < 1/1.2 || v.Value > 1/0.3 {
		t.Errorf("floor position is %v; every direction's is between 1/(eta lambda) of the two eigenvalues", v)
	}
}

// Eigenvalues that have not converged are named, with the number of products.
func TestMeasureNamesUnconvergedEigenvalues(t *testing.T) {
	r := descend(t, "fast", 0.3, 25, 2)
	for _, c := range []struct {
		top, products int
		text          string // of the warning; empty for none
	}{
		{2, 2, "some of the 2 largest eigenvalues have not converged in 2 products"},
		{0, 2, "some of the 10 largest eigenvalues have not converged in 2 products"},
		{2, 12, ""},
	} {
		s, err := compare.Measure(t.Context(), &r, compare.MeasureOptions{Top: c.top, Products: c.products})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(s.Warnings, func(w analyze.Warning) bool { return w.Code == "eigenpairs_unconverged" })
		if (i >= 0) != (c.text != "") || i >= 0 && !strings.Contains(s.Warnings[i].Text, c.text) {
			t.Errorf("%+v: the warnings are %v", c, s.Warnings)
		}
	}
}

// The plane through the start and two ends contains all three.
func TestEnds(t *testing.T) {
	a, b := descend(t, "slow", 0.05, 40, 1), descend(t, "fast", 0.3, 25, 1)
	p, err := compare.Ends(&a, &b)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := compare.Paths(context.Background(), []compare.Run{a, b}, &p)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range paths.Runs {
		if s.EndResidual > 1e-5*s.Extent {
			t.Errorf("the end of %s is off the plane by %g", s.Run, s.EndResidual)
		}
	}
	x, y := paths.Table.Column("a").Floats, paths.Table.Column("b").Floats
	if x[0] != 0 || y[0] != 0 || math.Abs(p.Cosine()) > 1e-6 || y[25] <= 0 {
		t.Errorf("the start is at (%g, %g), the axes have the cosine %g, the end of fast is at %g", x[0], y[0],
			p.Cosine(), y[25])
	}
	other := descend(t, "other", 0.3, 5, 1)
	other.Trajectory = shifted(t, other.Trajectory)
	if _, err := compare.Ends(&a, &other); err == nil || !strings.Contains(err.Error(), "start at different points") {
		t.Errorf("another start: %v", err)
	}
}

// shifted is the run from another start.
func shifted(t *testing.T, r record.Trajectory) record.Trajectory {
	t.Helper()
	m, err := record.NewMemory(r.Header())
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Len() {
		s, _ := r.Read(i, record.AllParts)
		s.Theta = slices.Clone(s.Theta)
		s.Theta[0]++
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestCheck(t *testing.T) {
	a, b := descend(t, "slow", 0.05, 4, 1), descend(t, "fast", 0.3, 4, 1)
	if c, w, err := compare.Check([]compare.Run{a, b}); err != nil || len(w) != 0 || !c.Start || !c.Loss {
		t.Errorf("%+v, %v, %v", c, w, err)
	}
	for code, change := range map[string]func(h *record.Header){
		"different_models": func(h *record.Header) { h.Model = "other" },
		"different_data":   func(h *record.Header) { h.Data.Hash = "sha256:other" },
	} {
		other := descend(t, "fast", 0.3, 4, 1)
		change(other.Trajectory.Header())
		c, w, err := compare.Check([]compare.Run{a, other})
		if err != nil || len(w) != 1 || w[0].Code != code || c.Loss || !c.Start {
			t.Errorf("%s: %+v, %v, %v", code, c, w, err)
		}
		if _, err := compare.Barriers(context.Background(), []compare.Run{a, other}, bowl{4},
			compare.BarrierOptions{}); err == nil || !strings.Contains(err.Error(), "no barrier between") {
			t.Errorf("%s: barriers: %v", code, err)
		}
	}
	b.Name = a.Name
	for want, runs := range map[string][]compare.Run{
		"no run is given": nil, "two runs are named": {
			a,
			b,
		}, "has no name": {{Trajectory: a.Trajectory}}, "has no rows": {{Name: "x"}},
	} {
		if _, _, err := compare.Check(runs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// Groups are named by what differs, and by nothing else.
func TestGroups(t *testing.T) {
	h := func(optimizer string, rate float64, batch int, seed uint64) *record.Header {
		h := record.NewHeader(nil)
		h.Optimizer = record.Optimizer{Name: optimizer, Hyperparameters: map[string]float64{"learning_rate": rate}}
		h.Batch, h.Seed, h.Model = batch, seed, "mlp:8"
		return h
	}
	for _, c := range []struct {
		headers []*record.Header
		want    []string
	}{
		{[]*record.Header{h("sgd", 0.1, 10, 1), h("adam", 0.01, 20, 1), h("sgd", 0.1, 10, 2)}, []string{
			"sgd", "adam",
			"sgd",
		}},
		{[]*record.Header{h("sgd", 0.1, 10, 1), h("sgd", 0.2, 10, 1)}, []string{"sgd \u03b7=0.1", "sgd \u03b7=0.2"}},
		{[]*record.Header{h("sgd", 0.1, 10, 1), h("sgd", 0.1, 20, 1)}, []string{"sgd B=10", "sgd B=20"}},
	} {
		if got := compare.Groups(c.headers); !slices.Equal(got, c.want) {
			t.Errorf("%q; want %q", got, c.want)
		}
	}
}
