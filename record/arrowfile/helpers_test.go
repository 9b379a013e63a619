package arrowfile

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"sgdwalk/record"
)

// testHeader describes a run of a model with p parameters and 3 numbers of state.
func testHeader(p int) *record.Header {
	return &record.Header{
		Format: record.FormatVersion, Software: "sgdwalk test", Kernel: "generic", DType: "float32", Model: "test",
		Data:      record.Data{Spec: "none", TrainExamples: 1000, Classes: 10},
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.1}},
		Batch:     100, Epochs: 1, Steps: 10, Seed: 1,
		Columns: record.Columns{Theta: true, Grad: true, State: true},
		Layout:  record.Pack(record.Tensor{Name: "weight", Kind: record.Weight, Shape: []int{p}}),
		State:   record.Pack(record.Tensor{Name: "mean", Kind: record.RunningMean, Shape: []int{3}}),
	}
}

// testRows returns updates+1 rows of a run, the last one without a batch.
func testRows(h *record.Header, updates int) []record.Step {
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	rows := make([]record.Step, updates+1)
	for k := range rows {
		s := &rows[k]
		s.Step, s.Epoch, s.Evaluations = int64(k), 1, int64(k)
		s.WallTime = time.Unix(1_700_000_000, int64(k)*1_000_003).UTC()
		s.Theta, s.State = fill(h.Layout.Len()), fill(h.State.Len())
		if k < updates {
			s.Examples = 100
			s.Grad = fill(h.Layout.Len())
			s.BatchLoss = record.Some(2 / float64(k+1))
			s.BatchAccuracy = record.Some(float64(k) / float64(updates))
			s.LearningRate = record.Some(0.1)
		}
		if k%3 == 0 {
			s.FullLoss = record.Some(math.Sqrt(float64(k)))
		}
	}
	return rows
}

// writeRun records rows in a new directory.
func writeRun(t testing.TB, h *record.Header, rows []record.Step, opts Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustOpen(t testing.TB, dir string) *Reader {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// sameStep reports whether two rows are equal bit for bit.
func sameStep(a, b record.Step) bool {
	return a.Step == b.Step && a.Substep == b.Substep && a.Epoch == b.Epoch && a.Examples == b.Examples &&
		a.Evaluations == b.Evaluations && a.WallTime.Equal(b.WallTime) &&
		sameOptional(a.BatchLoss, b.BatchLoss) && sameOptional(a.BatchAccuracy, b.BatchAccuracy) &&
		sameOptional(a.LearningRate, b.LearningRate) && sameOptional(a.FullLoss, b.FullLoss) && sameOptional(a.TestLoss, b.TestLoss) &&
		sameVector(a.Theta, b.Theta) && sameVector(a.Grad, b.Grad) && sameVector(a.State, b.State)
}

func sameOptional(a, b record.Optional) bool {
	return a.Valid == b.Valid && (!a.Valid || math.Float64bits(a.Value) == math.Float64bits(b.Value))
}

func sameVector(a, b []float32) bool {
	return (a == nil) == (b == nil) && string(bytesOf(a)) == string(bytesOf(b))
}
