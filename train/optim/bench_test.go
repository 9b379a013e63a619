package optim

import (
	"testing"

	"sgdwalk/record"
)

// BenchmarkStep measures a step of mlp:128 on images of 28x28.
func BenchmarkStep(b *testing.B) {
	layout := record.Pack(
		record.Tensor{Name: "linear1.weight", Kind: record.Weight, Shape: []int{128, 784}},
		record.Tensor{Name: "linear1.bias", Kind: record.Bias, Shape: []int{128}},
		record.Tensor{Name: "linear2.weight", Kind: record.Weight, Shape: []int{10, 128}},
		record.Tensor{Name: "linear2.bias", Kind: record.Bias, Shape: []int{10}},
	)
	for _, name := range Names() {
		if name == "entropy-sgd" {
			continue // whose step is 20 gradients
		}
		b.Run(name, func(b *testing.B) {
			o, theta := build(b, name, nil, layout), narrow(gaussian(13, layout.Len(), 0.05))
			raw, grad := narrow(gaussian(14, layout.Len(), 0.01)), make([]float32, layout.Len())
			p := unrecorded(raw)
			p.loss = func([]float32) (float64, error) { return 1, nil }
			b.SetBytes(int64(4 * layout.Len()))
			for b.Loop() {
				copy(grad, raw)
				step(b, o, theta, grad, 1e-6, p)
			}
		})
	}
}
