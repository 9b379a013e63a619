package runloss

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
	"sgdwalk/train/nn"
)

// BenchmarkWalk measures a walk with 11 points per segment over data of random numbers, with
// one worker and with all cores. ns/point is the time per point that was evaluated.
func BenchmarkWalk(b *testing.B) {
	image := nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}
	digits := nn.Input{Height: 8, Width: 8, Channels: 1, Classes: 10}
	for _, c := range []struct {
		name, spec         string
		in                 nn.Input
		examples, segments int
	}{
		{"mlp128-8k", "mlp:128", image, 8000, 80},
		{"lenet-10k", "lenet", image, 10000, 2},
		{"mlp16-digits", "mlp:16", digits, 1438, 80},
		{"resnet8-digits", "resnet:8", digits, 1438, 4},
	} {
		for _, workers := range []int{0, 1} {
			b.Run(fmt.Sprintf("%s/workers-%d", c.name, workers), func(b *testing.B) {
				run, loss := randomRun(b, c.spec, c.in, c.examples, slices.Repeat([]float64{1e-3}, c.segments),
					nn.EvalOptions{Workers: workers, Policy: nn.Running})
				points := 0
				for b.Loop() {
					r, err := walk.Run(b.Context(), run, loss, walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 11}})
					if err != nil {
						b.Fatal(err)
					}
					points += r.Evaluated
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
			})
		}
	}
}

// randomRun returns the iterates and states of a random walk with steps of the given lengths
// per parameter, and a loss over data of random numbers.
func randomRun(b testing.TB, spec string, in nn.Input, examples int, lengths []float64, o nn.EvalOptions) (*record.Memory,
	analyze.Evaluator,
) {
	rng := rand.New(rand.NewPCG(1, 1))
	inputs, labels := make([]float32, examples*in.Len()), make([]int32, examples)
	for i := range inputs {
		inputs[i] = float32(rng.NormFloat64())
	}
	for i := range labels {
		labels[i] = int32(rng.IntN(in.Classes))
	}
	m, err := nn.New(spec, in, nn.Options{Batch: 1, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(m.Close)
	e, err := nn.NewEvaluator(spec, in, inputs, labels, o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	h := &record.Header{
		Format: 1, DType: "float32", Layout: m.Layout(), State: m.StateLayout(),
		Columns: record.Columns{Theta: true, State: len(m.State()) > 0},
	}
	run, err := record.NewMemory(h)
	if err != nil {
		b.Fatal(err)
	}
	theta, state := m.Theta(), m.State()
	for step, scale := range append(slices.Clone(lengths), 0) {
		if err := run.Append(&record.Step{Step: int64(step), Epoch: 1, Theta: theta, State: state}); err != nil {
			b.Fatal(err)
		}
		for i := range theta {
			theta[i] += float32(scale * rng.NormFloat64())
		}
		for i := range state {
			state[i] += float32(scale * rng.Float64())
		}
	}
	return run, Evaluated{Policy: string(o.Policy)}.Native(e)
}
