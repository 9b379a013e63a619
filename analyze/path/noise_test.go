package path_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// batches records gradients of batches of Gaussian examples with mean G and
// covariance sd^2, at a theta that does not move. sizes are used in turn.
func batches(t interface{ Fatal(...any) }, g []float64, sd float64, rows int, sizes ...int) *record.Memory {
	rng := rand.New(rand.NewPCG(11, 5))
	var steps []record.Step
	for k := range rows {
		b := sizes[k%len(sizes)]
		grad := make([]float32, len(g))
		for i, v := range g {
			grad[i] = float32(v + sd*rng.NormFloat64()/math.Sqrt(float64(b)))
		}
		steps = append(steps, record.Step{
			Step: int64(k), Epoch: int32(1 + k/500), Examples: int32(b), Theta: make([]float32, len(g)), Grad: grad,
			BatchLoss: record.Some(1), LearningRate: record.Some(0.2),
		})
	}
	h := header(len(g))
	h.Data.TrainExamples = 1000
	return memory(t, h, steps...)
}

func noise(t interface{ Fatal(...any) }, m record.Trajectory, o path.NoiseOptions) *path.NoiseResult {
	r, err := path.Noise(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*record.Table{&r.Table, &r.Epochs, &r.Full} {
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func within(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s is %v; want %v", what, got, want)
	}
}

// Oracle (vii): synthetic Gaussians with known tr Sigma / |G|^2, batches of one size
// and of two.
func TestNoiseScaleOfGaussians(t *testing.T) {
	g := make([]float64, 200)
	for i := range g {
		g[i] = 0.1
	}
	const sd = 1.5
	trace, gradient2 := 200*sd*sd, 200*0.01
	for _, sizes := range [][]int{{32}, {50, 10}} {
		r := noise(t, batches(t, g, sd, 1000, sizes...), path.NoiseOptions{})
		s := &r.Summary
		within(t, "tr Sigma", s.Trace.Mean.Value, trace, 0.03)
		within(t, "|G|^2", s.GradDot.Mean.Value, gradient2, 0.15)
		within(t, "the noise scale", s.NoiseScale.Value, trace/gradient2, 0.2)
		if s.Pairs != 999 || r.Epochs.Len() != 2 {
			t.Errorf("%d pairs, %d epochs", s.Pairs, r.Epochs.Len())
		}
		if i := s.GradDotInterval; !(i.Low.Value < gradient2 && gradient2 < i.High.Value) {
			t.Errorf("interval %+v of |G|^2 %v", i, gradient2)
		}
		within(t, "the temperature", r.Table.Column("temperature").Floats[0], 0.2*1000/float64(sizes[0]), 1e-12)
		last := r.Table.Len() - 1
		within(t, "the averaged trace", r.Table.Column("mean_trace").Floats[last], trace, 0.1)
		// The average over one pair is that pair.
		within(t, "the first average", r.Table.Column("mean_grad_dot").Floats[0], r.Table.Column("grad_dot").Floats[0], 1e-12)
	}
}

// Two batch sizes: the estimates are exact for exact expectations, and a batch of
// B and its double agree with the inner product of the halves.
func TestTwoBatches(t *testing.T) {
	const g2, trace = 3.0, 50.0
	got, tr := path.TwoBatches(8, 64, g2+trace/8, g2+trace/64)
	within(t, "|G|^2", got, g2, 1e-12)
	within(t, "tr Sigma", tr, trace, 1e-12)

	a, b := []float64{1, 2, -1}, []float64{0.5, 3, 2}
	var aa, bb, ab, sum2 float64
	for i := range a {
		aa, bb, ab = aa+a[i]*a[i], bb+b[i]*b[i], ab+a[i]*b[i]
		m := (a[i] + b[i]) / 2
		sum2 += m * m
	}
	got, tr = path.TwoBatches(10, 20, (aa+bb)/2, sum2)
	within(t, "|G|^2 of two halves", got, ab, 1e-12)
	within(t, "tr Sigma of two halves", tr, 10*((aa+bb)/2-ab), 1e-12)
}

// set is a data set of vectors: the gradient of an example is the vector itself.
type set [][]float64

var _ analyze.Gradient = set{}

func (s set) Loss(context.Context, []float32) (float64, error) { return 0, nil }

func (s set) Gradient(_ context.Context, _, grad []float32) (float64, error) {
	for i := range grad {
		m := 0.0
		for _, x := range s {
			m += x[i] / float64(len(s))
		}
		grad[i] = float32(m)
	}
	return 0, nil
}

// With the full gradient at the same point the estimate is that of the finite
// training set, batches drawn without replacement, and no drift can spoil it.
func TestFullGradientsGiveTheTraceOfTheTrainingSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	const n, p, b = 60, 20, 20
	data := make(set, n)
	for e := range data {
		for range p {
			data[e] = append(data[e], 0.3+rng.NormFloat64())
		}
	}
	full := make([]float32, p)
	if _, err := data.Gradient(context.Background(), nil, full); err != nil {
		t.Fatal(err)
	}
	trace, gradient2 := 0.0, 0.0
	for i := range p {
		gradient2 += float64(full[i]) * float64(full[i])
		for _, x := range data {
			trace += (x[i] - float64(full[i])) * (x[i] - float64(full[i])) / (n - 1)
		}
	}
	var rows []record.Step
	for k := range 600 {
		grad := make([]float32, p)
		for _, e := range rng.Perm(n)[:b] {
			for i := range grad {
				grad[i] += float32(data[e][i] / b)
			}
		}
		rows = append(rows, record.Step{Step: int64(k), Epoch: 1, Examples: b, Theta: make([]float32, p), Grad: grad, BatchLoss: record.Some(0)})
	}
	h := header(p)
	h.Data.TrainExamples = n
	store := memo{}
	r := noise(t, memory(t, h, rows...), path.NoiseOptions{Full: data, Store: store})
	within(t, "tr Sigma", r.Summary.FullTrace.Value, trace, 0.03)
	within(t, "|G|^2", r.Summary.FullNorm2.Value, gradient2, 1e-6)
	within(t, "the noise scale", r.Summary.FullNoiseScale.Value, trace/gradient2, 0.03)
	if r.Summary.FullRows != 600 || len(store) != 600 {
		t.Errorf("%d rows, %d stored", r.Summary.FullRows, len(store))
	}
	again := noise(t, memory(t, h, rows...), path.NoiseOptions{Full: failing{}, Store: store})
	if d := cmp.Diff(r, again); d != "" {
		t.Error(d)
	}
}

// The batches of an epoch are disjoint: their inner product is that of the
// population, less than the training set's by tr Sigma / N.
func TestBatchesOfAnEpochEstimateThePopulation(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 9))
	const n, p, b = 30, 40, 10
	data := make(set, n)
	for e := range data {
		for range p {
			data[e] = append(data[e], 0.3+rng.NormFloat64())
		}
	}
	var rows []record.Step
	for k := range 3000 {
		order := rand.New(rand.NewPCG(uint64(k/3), 1)).Perm(n)
		grad := make([]float32, p)
		for _, e := range order[k%3*b:][:b] {
			for i := range grad {
				grad[i] += float32(data[e][i] / b)
			}
		}
		rows = append(rows, record.Step{Step: int64(k), Epoch: int32(1 + k/3), Examples: b, Theta: make([]float32, p), Grad: grad, BatchLoss: record.Some(0)})
	}
	h := header(p)
	h.Data.TrainExamples = n
	r := noise(t, memory(t, h, rows...), path.NoiseOptions{Full: data})
	inside, pairs := 0.0, 0.0
	for i, step := range r.Table.Column("step").Ints {
		if step%3 != 2 { // both batches of one epoch
			inside += r.Table.Column("grad_dot").Floats[i]
			pairs++
		}
	}
	within(t, "the inner product inside an epoch", inside/pairs, r.Summary.FullNorm2.Value-r.Summary.FullTrace.Value/n, 0.02)
}

type memo map[string][]float64

func (m memo) Lookup(unit string) ([]float64, bool) { v, ok := m[unit]; return v, ok }

func (m memo) Save(unit string, values []float64) error {
	m[unit] = slices.Clone(values)
	return nil
}

type failing struct{ set }

func (failing) Gradient(context.Context, []float32, []float32) (float64, error) {
	return 0, context.DeadlineExceeded
}

// A walk that bounces has gradients that point against each other: no noise scale,
// and a warning that says why.
func TestBouncingHasNoNoiseScale(t *testing.T) {
	m := descent(t, []float64{2}, []float64{1}, 0.9, 20)
	r := noise(t, m, path.NoiseOptions{})
	if r.Summary.NoiseScale.Valid || r.Summary.GradDotNegativeRatio.Value != 1 || r.Warnings[0].Code != "no_noise_scale" {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
}

func TestNoiseSelectionAndErrors(t *testing.T) {
	m := batches(t, []float64{1, 2}, 1, 20, 10)
	some, err := analyze.ParseSegments("5-9")
	if err != nil {
		t.Fatal(err)
	}
	r := noise(t, m, path.NoiseOptions{Rows: some})
	if d := cmp.Diff([]int64{5, 6, 7, 8, 9}, r.Table.Column("step").Ints); d != "" {
		t.Error(d)
	}
	none, _ := analyze.ParseSegments("500")
	for want, o := range map[string]path.NoiseOptions{
		`rows "500"`:    {Rows: none},
		"decay is 1":    {Decay: 1},
		"examples is 1": {Examples: 1},
		"row 0: ":       {Full: failing{}},
	} {
		if _, err := path.Noise(context.Background(), m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	h := header(1)
	h.Columns.Grad = false
	bare := memory(t, h, record.Step{Theta: []float32{1}})
	if _, err := path.Noise(context.Background(), bare, path.NoiseOptions{}); err == nil || !strings.Contains(err.Error(), "no gradients") {
		t.Errorf("without gradients: %v", err)
	}
}
