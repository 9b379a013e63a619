package landscape_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/train/nn"
)

// BenchmarkGrid is a small grid on a filter-normalized random plane, over data
// of random numbers, as BENCHMARKS.md states it.
func BenchmarkGrid(b *testing.B) {
	for _, c := range []struct {
		name, spec string
		in         nn.Input
		examples   int
		side       int
	}{
		{"mlp128-10k", "mlp:128", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 10000, 20},
		{"lenet-10k", "lenet", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 10000, 4},
		{"resnet8-1k", "resnet:8", nn.Input{Height: 32, Width: 32, Channels: 3, Classes: 10}, 1000, 4},
	} {
		b.Run(c.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			inputs, labels := make([]float32, c.examples*c.in.Len()), make([]int32, c.examples)
			for i := range inputs {
				inputs[i] = float32(rng.NormFloat64())
			}
			for i := range labels {
				labels[i] = int32(rng.IntN(c.in.Classes))
			}
			m, err := nn.New(c.spec, c.in, nn.Options{Batch: 1, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			e, err := nn.NewEvaluator(c.spec, c.in, inputs, labels, nn.EvalOptions{State: m.State()})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			plane, err := landscape.RandomPlane(m.Theta(), m.Layout(), landscape.DirectionOptions{})
			if err != nil {
				b.Fatal(err)
			}
			r := analyze.Range{Min: -1, Max: 1, N: c.side}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := landscape.Compute(context.Background(), plane, e,
					landscape.Options{X: r, Y: r}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.side*c.side), "ns/point")
		})
	}
}
