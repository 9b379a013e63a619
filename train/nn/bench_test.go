package nn

import (
	"context"
	"fmt"
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

// BenchmarkStep measures forward pass, backward pass and update of plain gradient
// descent on a batch of 128.
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

// BenchmarkLoss measures the loss over a whole data set.
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

// productBenchmarks are the sizes at which the cost of products is stated. The
// residual network normalizes over batches of 100, as in training.
var productBenchmarks = []struct {
	name, spec string
	in         Input
	examples   int
}{
	{"mlp128", "mlp:128", Input{28, 28, 1, 10}, 10000},
	{"lenet", "lenet", Input{28, 28, 1, 10}, 2000},
	{"resnet8", "resnet:8", Input{32, 32, 3, 10}, 400},
}

// productEvaluator returns an evaluator, the theta of its model, and some vectors.
func productEvaluator(b *testing.B, spec string, in Input, examples, vectors int) (e *Evaluator, theta []float32, v,
	dst [][]float32,
) {
	m, err := New(spec, in, Options{Batch: 1, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	x, y := data(in, examples, 1)
	for k := range vectors {
		v, dst = append(v, direction[float32](len(m.Theta()), uint64(k))), append(dst, make([]float32, len(m.Theta())))
	}
	return newEvaluator(b, spec, in, x, y, EvalOptions{Policy: Batch}), m.Theta(), v, dst
}

// BenchmarkGradient measures the gradient over a whole data set, the unit of the
// benchmarks of products.
func BenchmarkGradient(b *testing.B) {
	for _, c := range productBenchmarks {
		b.Run(c.name, func(b *testing.B) {
			e, theta, _, dst := productEvaluator(b, c.spec, c.in, c.examples, 1)
			gradient := func() {
				if _, err := e.Gradient(context.Background(), theta, dst[0]); err != nil {
					b.Fatal(err)
				}
			}
			gradient() // makes the buffers
			for b.Loop() {
				gradient()
			}
		})
	}
}

// BenchmarkHessianProduct measures one product, or a block of four: at the same
// theta, where the passes are stored, and at a theta that has just changed.
func BenchmarkHessianProduct(b *testing.B) {
	for _, c := range productBenchmarks {
		for _, vectors := range []int{1, 4} {
			for _, moved := range []bool{false, true} {
				name := map[bool]string{false: "same", true: "moved"}[moved]
				b.Run(fmt.Sprintf("%s/%d/%s", c.name, vectors, name), func(b *testing.B) {
					e, theta, v, dst := productEvaluator(b, c.spec, c.in, c.examples, vectors)
					product := func() {
						if err := e.HessianVectors(context.Background(), theta, v, dst); err != nil {
							b.Fatal(err)
						}
					}
					product()
					for b.Loop() {
						if moved {
							theta[0] += 1e-6
						}
						product()
					}
				})
			}
		}
	}
}
