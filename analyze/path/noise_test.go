package path_test

import (
	"context"
	"math"
	"math/bits"
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
		within(t, "the first average", r.Table.Column("mean_grad_dot").Floats[0], r.Table.Column("grad_dot").Floats[0],
			1e-12)
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
		rows = append(rows, record.Step{
			Step: int64(k), Epoch: 1, Examples: b, Theta: make([]float32, p), Grad: grad,
			BatchLoss: record.Some(0),
		})
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

// Closed form: over all ways to deal 5 examples into batches of 2 and 3, the mean of
// the estimates is |G|^2 and tr S of the training set, for two batches of one epoch
// and for the last batch of one and the first of the next.
func TestBatchesWithoutReplacement(t *testing.T) {
	data := set{{1, 2}, {-1, 0.5}, {3, -2}, {0.25, 1}, {0.5, -4}}
	const n = 5
	var mean [2]float64
	for _, x := range data {
		mean[0], mean[1] = mean[0]+x[0]/n, mean[1]+x[1]/n
	}
	gradient2, trace := mean[0]*mean[0]+mean[1]*mean[1], 0.0
	for _, x := range data {
		trace += ((x[0]-mean[0])*(x[0]-mean[0]) + (x[1]-mean[1])*(x[1]-mean[1])) / (n - 1)
	}
	batch := func(members, epoch, step int) record.Step {
		s := record.Step{Step: int64(step), Epoch: int32(epoch), Theta: []float32{0, 0}, BatchLoss: record.Some(0)}
		var sum [2]float64
		for i, x := range data {
			if members&(1<<i) != 0 {
				s.Examples++
				sum[0], sum[1] = sum[0]+x[0], sum[1]+x[1]
			}
		}
		s.Grad = []float32{float32(sum[0] / float64(s.Examples)), float32(sum[1] / float64(s.Examples))}
		return s
	}
	var deals []int // the examples of the first batch, of two
	for m := range 1 << n {
		if bits.OnesCount(uint(m)) == 2 {
			deals = append(deals, m)
		}
	}
	var rows []record.Step
	add := func(members, epoch int) { rows = append(rows, batch(members, epoch, len(rows))) }
	const all = 1<<n - 1
	for _, a := range deals { // every second batch before every first batch of an epoch
		for _, b := range deals {
			e := len(rows)/2 + 1
			add(all-a, e)
			add(a, e)
			add(b, e+1)
			add(all-b, e+1)
		}
	}
	h := header(2)
	h.Data.TrainExamples = n
	m := memory(t, h, rows...)
	r := noise(t, m, path.NoiseOptions{})
	for name, wanted := range map[string]func(k int) bool{
		"one epoch":  func(k int) bool { return k%4 == 0 },
		"two epochs": func(k int) bool { return k%4 == 1 },
	} {
		var g2, tr, count float64
		for k := range r.Table.Len() {
			if wanted(k) {
				g2, tr, count = g2+r.Table.Column("grad_dot").Floats[k], tr+r.Table.Column("trace").Floats[k], count+1
			}
		}
		// Gradients are rounded to float32.
		within(t, name+": |G|^2", g2/count, gradient2, 1e-6)
		within(t, name+": tr S", tr/count, trace, 1e-6)
	}
	if r.Summary.UnorderedPairs != 0 {
		t.Errorf("%d unordered pairs", r.Summary.UnorderedPairs)
	}
	// With more examples in an epoch than in the set, nothing is known of the draws.
	h.Data.TrainExamples = 4
	r = noise(t, memory(t, h, rows...), path.NoiseOptions{})
	if r.Summary.UnorderedPairs != r.Summary.Pairs ||
		r.Table.Column("grad_dot").Floats[0] != r.Table.Column("inner_product").Floats[0] {
		t.Errorf("%d of %d pairs are unordered", r.Summary.UnorderedPairs, r.Summary.Pairs)
	}
}

// A batch that is the whole training set has no noise to see.
func TestWholeBatchesHaveNoNoise(t *testing.T) {
	m := descent(t, []float64{2, 1}, []float64{1, 1}, 0.1, 20)
	rows := make([]record.Step, 0, m.Len())
	for i := range m.Len() {
		s, err := m.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		s.Examples, s.Epoch = 50, int32(i+1)
		rows = append(rows, s)
	}
	h := header(2)
	h.Data.TrainExamples = 50
	r := noise(t, memory(t, h, rows...), path.NoiseOptions{})
	if s := r.Summary; s.Pairs != 0 || s.WholePairs != 19 || s.NoiseScale.Valid || len(r.Warnings) != 1 ||
		r.Warnings[0].Code != "whole_batches" {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
}

// The reason why there is no noise scale, on both sides of its threshold.
func TestNoEstimateSaysWhy(t *testing.T) {
	for _, c := range []struct {
		negative float64
		want     string
	}{{0.5, "a few large ones decide"}, {0.51, "turn against the one before"}} {
		rows := []record.Step{}
		for k := range 101 {
			sign, size := float32(1), float32(1)
			if k%2 == 1 && float64(k) < c.negative*100+1 {
				sign = -1
			}
			if k == 0 {
				size = 1000
			}
			rows = append(rows, record.Step{
				Step: int64(k), Epoch: 1, Examples: 1, Theta: []float32{0},
				Grad: []float32{sign * size}, BatchLoss: record.Some(0),
			})
		}
		r := noise(t, memory(t, header(1), rows...), path.NoiseOptions{})
		text := ""
		for _, w := range r.Warnings {
			if w.Code == "no_noise_scale" {
				text = w.Text
			}
		}
		if !strings.Contains(text, c.want) || strings.Contains(text, "every step") {
			t.Errorf("%v of the products negative (%v): %q; want %q", c.negative, r.Summary.GradDotNegativeRatio, text,
				c.want)
		}
	}
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
	if r.Summary.NoiseScale.Valid || r.Summary.GradDotNegativeRatio.Value != 1 ||
		r.Warnings[len(r.Warnings)-1].Code != "no_noise_scale" {
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
	if _, err := path.Noise(context.Background(), bare, path.NoiseOptions{}); err == nil ||
		!strings.Contains(err.Error(), "no gradients") {
		t.Errorf("without gradients: %v", err)
	}
}
