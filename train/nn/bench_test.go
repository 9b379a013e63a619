package nn

import (
	"context"
	"testing"

	"sgdwalk/train/nn/kernel"
)

// The sizes at which speed is stated, in BENCHMARKS.md.
var benchmarks = []struct {
	name, spec string
	in         Input
	examples   int // of BenchmarkLoss
	loss       string
}{
	{"mlp128", "mlp:128", Input{28, 28, 1, 10}, 10000, "mlp128-10k"},
	{"lenet", "lenet", Input{28, 28, 1, 10}, 10000, "lenet-10k"},
	{"resnet8", "resnet:8", Input{32, 32, 3, 10}, 1000, "resnet8-1k"},
	{"resnet20", "resnet:20", Input{32, 32, 3, 10}, 1000, "resnet20-1k"},
}

// BenchmarkStep is forward, backward and the update of plain gradient descent on
// a batch of 128.
func BenchmarkStep(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.name, func(b *testing.B) {
			m, err := New(c.spec, c.in, Options{Batch: 128, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			x, y := data(c.in, 128, 1)
			theta, grad := m.Theta(), make([]float32, len(m.Theta()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Gradient(x, y, grad); err != nil {
					b.Fatal(err)
				}
				kernel.Axpy(theta, -0.01, grad)
			}
		})
	}
}

// BenchmarkLoss is the loss over a whole data set, forward only.
func BenchmarkLoss(b *testing.B) {
	for _, c := range benchmarks {
		b.Run(c.loss, func(b *testing.B) {
			m, err := New(c.spec, c.in, Options{Batch: 1, Seed: 1})
			if err != nil {
				b.Fatal(err)
			}
			x, y := data(c.in, c.examples, 1)
			e := newEvaluator(b, c.spec, c.in, x, y, EvalOptions{State: m.State()})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Loss(context.Background(), m.Theta()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
