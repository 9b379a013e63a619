package recordtest

import (
	"math"
	"math/rand/v2"
	"time"

	"sgdwalk/record"
)

// Header returns the header of a small run: two tensors of together p
// parameters, p at least 2, three numbers of state, all vectors recorded, inner
// iterates allowed.
func Header(p int) *record.Header {
	return &record.Header{
		Format: record.FormatVersion, Software: "sgdwalk test", Kernel: "generic", DType: "float32", Model: "mlp:2",
		Data: record.Data{
			Spec: "digits", Hash: "sha256:0", TrainExamples: 1000, TestExamples: 100, Height: 8,
			Width: 8, Channels: 1, Classes: 10,
		},
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{
			"learning_rate": 0.1,
			"momentum":      0,
		}},
		Batch: 100, Epochs: 2, Steps: 20, Seed: 1,
		Columns: record.Columns{Theta: true, Grad: true, State: true, Substep: true},
		Layout: record.Pack(
			record.Tensor{Name: "linear1.weight", Kind: record.Weight, Shape: []int{1, p - 1}},
			record.Tensor{Name: "linear1.bias", Kind: record.Bias, Shape: []int{1}}),
		State: record.Pack(record.Tensor{Name: "norm1.running_mean", Kind: record.RunningMean, Shape: []int{3}}),
	}
}

// Rows returns the rows of a run of that many updates: one more than updates,
// the last without a batch. Loss and accuracy fall and rise, every third row has
// a full loss, every fifth a test loss. The same arguments give the same rows.
// Vectors that the header does not record are nil.
func Rows(h *record.Header, updates int, seed uint64) []record.Step {
	rng := rand.New(rand.NewPCG(seed, 0))
	fill := func(wanted bool, n int) []float32 {
		if !wanted {
			return nil
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	rows := make([]record.Step, updates+1)
	for k := range rows {
		s := &rows[k]
		s.Step, s.Epoch, s.Evaluations = int64(k), int32(1+k/10), int64(k)
		s.WallTime = time.Unix(1_700_000_000, int64(k)*1_000_003).UTC()
		s.Theta, s.State = fill(h.Columns.Theta, h.Layout.Len()), fill(h.Columns.State, h.State.Len())
		if k%3 == 0 {
			s.FullLoss = record.Some(math.Sqrt(float64(k)))
		}
		if k%5 == 0 {
			s.TestLoss = record.Some(1 / float64(k+1))
		}
		if k == updates {
			break
		}
		s.Examples = 100
		s.Grad = fill(h.Columns.Grad, h.Layout.Len())
		s.BatchLoss = record.Some(2 / float64(k+1))
		s.BatchAccuracy = record.Some(float64(k) / float64(updates))
		s.LearningRate = record.Some(0.1)
	}
	return rows
}

// Diff is record.Diff.
func Diff(got, want *record.Step) string { return record.Diff(got, want) }
