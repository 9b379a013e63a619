package replay_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

func config() replay.Config {
	return replay.Config{
		Data: "digits", Model: "mlp:8", Optimizer: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.2},
		Batch: 100, Epochs: 1, Seed: 7, Grad: true, Software: "test",
	}
}

// trainRun trains in memory.
func trainRun(t *testing.T, c replay.Config) (*record.Memory, train.Result) {
	t.Helper()
	x, err := replay.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, x)
}

// run runs the loop of an experiment in memory.
func run(t *testing.T, x *replay.Experiment) (*record.Memory, train.Result) {
	t.Helper()
	m, err := record.NewMemory(x.Header())
	if err != nil {
		t.Fatal(err)
	}
	loop, err := x.Loop(m)
	if err != nil {
		t.Fatal(err)
	}
	r, err := loop.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

func equalRows(t *testing.T, a, b *record.Memory) {
	t.Helper()
	if a.Len() != b.Len() {
		t.Fatalf("%d rows against %d", a.Len(), b.Len())
	}
	for i := range a.Len() {
		x, _ := a.Read(i, record.AllParts)
		y, _ := b.Read(i, record.AllParts)
		if !slices.Equal(x.Theta, y.Theta) || !slices.Equal(x.Grad, y.Grad) || x.BatchLoss != y.BatchLoss {
			t.Fatalf("row %d differs", i)
		}
	}
}

func TestHeaderRebuildsTheRun(t *testing.T) {
	m, r := trainRun(t, config())
	// 1,438 training examples in batches of 100: 14 whole ones and one of 38.
	if r.Steps != 15 || m.Len() != 16 {
		t.Fatalf("%d steps, %d rows; want 15 and 16", r.Steps, m.Len())
	}
	if s, _ := m.Read(14, record.AllParts); s.Examples != 38 {
		t.Errorf("the last batch has %d examples; want 38", s.Examples)
	}
	b, err := m.Header().Encode()
	if err != nil {
		t.Fatal(err)
	}
	h, err := record.DecodeHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	equalRows(t, m, retrain(t, h))
}

// retrain trains again from a header.
func retrain(t *testing.T, h *record.Header) *record.Memory {
	t.Helper()
	x, err := replay.FromHeader(h, replay.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := run(t, x)
	return m
}

func TestSeedDecides(t *testing.T) {
	a, _ := trainRun(t, config())
	c := config()
	c.Seed = 8
	b, _ := trainRun(t, c)
	x, _ := a.Read(0, record.AllParts)
	y, _ := b.Read(0, record.AllParts)
	if slices.Equal(x.Theta, y.Theta) {
		t.Error("two seeds start at one theta")
	}
}

// TestGradientIsRaw: plain SGD satisfies theta_{k+1} = theta_k - eta g_k in every
// row, with one rounding per operation.
func TestGradientIsRaw(t *testing.T) {
	m, _ := trainRun(t, config())
	for k := range m.Len() - 1 {
		s, _ := m.Read(k, record.AllParts)
		next, _ := m.Read(k+1, record.AllParts)
		for i := range s.Theta {
			if want := s.Theta[i] - float32(float32(0.2)*s.Grad[i]); next.Theta[i] != want {
				t.Fatalf("row %d, parameter %d: %v; want %v", k+1, i, next.Theta[i], want)
			}
		}
	}
}

// TestFullLossIsTheWeightedMeanOfBatches compares the full loss with the batch
// losses of one epoch, whose weights are the numbers of examples.
func TestFullLossIsTheWeightedMeanOfBatches(t *testing.T) {
	c := config()
	c.Hyperparameters = map[string]float64{"learning_rate": 1e-12} // all batches are at about one theta
	m, _ := trainRun(t, c)
	x, err := replay.FromHeader(m.Header(), replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	full, err := x.TrainLoss()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := m.Read(0, record.AllParts)
	got, err := full.Loss(context.Background(), first.Theta)
	if err != nil {
		t.Fatal(err)
	}
	var want, n float64
	for i := range m.Len() - 1 {
		s, _ := m.Read(i, record.AllParts)
		want += s.BatchLoss.Value * float64(s.Examples)
		n += float64(s.Examples)
	}
	want /= n
	// The same float32 forward pass in other batches: rounding of single rows.
	if math.Abs(got-want) > 1e-6*want {
		t.Errorf("full loss %v; the batches of one epoch give %v", got, want)
	}
}

func TestEvaluatingChangesNothing(t *testing.T) {
	m, _ := trainRun(t, config())
	x, _ := replay.FromHeader(m.Header(), replay.Options{})
	full, _ := x.TrainLoss()
	s, _ := m.Read(3, record.AllParts)
	before := slices.Clone(s.Theta)
	a, _ := full.Loss(context.Background(), s.Theta)
	b, _ := full.Loss(context.Background(), s.Theta)
	if a != b || !slices.Equal(before, s.Theta) {
		t.Errorf("two evaluations give %v and %v; theta untouched: %v", a, b, slices.Equal(before, s.Theta))
	}
}

// TestBatchLossIsTheRecordedOne: the loss over the batch of a recorded row is the
// recorded one, also if the optimizer draws further batches, and across the end
// of an epoch.
func TestBatchLossIsTheRecordedOne(t *testing.T) {
	for _, name := range []string{"sgd", "entropy-sgd"} {
		c := config()
		c.Optimizer, c.Hyperparameters, c.Epochs = name, nil, 2
		if name == "entropy-sgd" {
			c.Hyperparameters = map[string]float64{"inner_steps": 3}
		}
		m, _ := trainRun(t, c)
		x, err := replay.FromHeader(m.Header(), replay.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.Len() {
			s, _ := m.Read(i, record.AllParts)
			e, err := x.BatchLoss(&s)
			if !s.BatchLoss.Valid || s.Substep != 0 {
				if err == nil {
					t.Errorf("%s: row %d has no batch of its own, and got one", name, i)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Loss(context.Background(), s.Theta)
			if err != nil || math.Abs(got-s.BatchLoss.Value) > 1e-6*s.BatchLoss.Value {
				t.Errorf("%s: row %d: loss of its batch %v, recorded %v (%v)", name, i, got, s.BatchLoss.Value, err)
			}
			e.Close()
		}
	}
}

func TestOtherDataIsRefused(t *testing.T) {
	m, _ := trainRun(t, config())
	h := m.Header().Clone()
	h.Data.Hash = "sha256:0000"
	if _, err := replay.FromHeader(h, replay.Options{}); !errors.Is(err, replay.ErrOtherData) ||
		!strings.Contains(err.Error(), "sha256:0000") {
		t.Errorf("got %v; want the other data named and refused", err)
	}
	if _, err := replay.FromHeader(h, replay.Options{AllowOtherData: true}); err != nil {
		t.Errorf("allowed other data are refused: %v", err)
	}
	h = m.Header().Clone()
	h.Layout[0].Name = "renamed"
	if _, err := replay.FromHeader(h, replay.Options{}); err == nil || !strings.Contains(err.Error(), "layout") {
		t.Errorf("got %v; want another layout refused", err)
	}
	h.Model = ""
	if _, err := replay.FromHeader(h, replay.Options{}); err == nil || !strings.Contains(err.Error(), "not enough") {
		t.Errorf("got %v; want a header without a model refused", err)
	}
}

func TestBadConfigs(t *testing.T) {
	for _, c := range []struct {
		change func(*replay.Config)
		want   string
	}{
		{func(c *replay.Config) { c.Data = "digit" }, "digit"},
		{func(c *replay.Config) { c.Model = "mpl:8" }, "mpl"},
		{func(c *replay.Config) { c.Optimizer = "sdg" }, "sdg"},
		{func(c *replay.Config) { c.Batch = 1439 }, "1439"},
		{func(c *replay.Config) { c.Batch = -1 }, "-1"},
		{func(c *replay.Config) { c.Epochs = -1 }, "-1"},
		{func(c *replay.Config) { c.Hyperparameters = map[string]float64{"learning_rate": math.NaN()} }, "NaN"},
		{func(c *replay.Config) { c.Hyperparameters = map[string]float64{"momentum": 0.9} }, "momentum"},
	} {
		cfg := config()
		c.change(&cfg)
		if _, err := replay.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v; want one line that names %s", err, c.want)
		}
	}
}

// TestSharedInitialization: runs with the same seed of the initialization start
// at the same theta, bit for bit, with any data order, optimizer and batch size.
// Without it the seed decides both.
func TestSharedInitialization(t *testing.T) {
	start := func(c replay.Config) []float32 {
		x, err := replay.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(x.Model().Theta())
	}
	plain := config()
	want := start(plain)
	init := plain.Seed
	for _, change := range []func(*replay.Config){
		func(c *replay.Config) { c.Seed = 8 },
		func(c *replay.Config) { c.Optimizer, c.Batch = "adam", 30 },
		func(c *replay.Config) { c.Optimizer, c.Batch = "gd", 0 },
	} {
		c := config()
		c.InitSeed = &init
		change(&c)
		if !slices.Equal(start(c), want) {
			t.Errorf("%+v starts elsewhere", c)
		}
	}
	other := config()
	other.Seed = 8
	if slices.Equal(start(other), want) {
		t.Error("another seed starts at the same theta")
	}
	// The data order still follows from the seed, and the header rebuilds the run.
	other.InitSeed = &init
	m, _ := trainRun(t, other)
	same, _ := trainRun(t, plain)
	a, _ := m.Read(0, record.AllParts)
	b, _ := same.Read(0, record.AllParts)
	if a.BatchLoss == b.BatchLoss {
		t.Error("two data orders have the same first batch")
	}
	equalRows(t, m, retrain(t, m.Header()))
}
