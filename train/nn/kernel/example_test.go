package kernel_test

import (
	"fmt"

	"sgdwalk/train/nn/kernel"
)

// A fully connected layer with two inputs and three units, for two examples.
func Example() {
	x := kernel.Dense([]float32{1, 2, 3, 4}, 2, 2)
	w := kernel.Dense([]float32{1, 0, 0, 1, -1, -1}, 3, 2)
	bias := []float32{10, 20, 0}
	y := kernel.Dense(make([]float32, 6), 2, 3)

	packed := make([]float32, kernel.PackedLen(3, 2))
	kernel.Pack(packed, w)
	kernel.MulPacked(y, x, packed, kernel.Epilogue[float32]{Bias: bias, ReLU: true}, new(kernel.Scratch[float32]))
	fmt.Println(y.Data)
	// Output: [11 22 0 13 24 0]
}
