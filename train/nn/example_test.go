package nn_test

import (
	"context"
	"fmt"

	"sgdwalk/train/nn"
)

// A network learns exclusive or by plain gradient descent.
func Example() {
	in := nn.Input{Height: 1, Width: 2, Channels: 1, Classes: 2}
	inputs, labels := []float32{0, 0, 0, 1, 1, 0, 1, 1}, []int32{0, 1, 1, 0}
	model, err := nn.New("mlp:8", in, nn.Options{Batch: 4, Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	grad := make([]float32, model.Layout().Len())
	for range 500 {
		if _, err := model.Gradient(inputs, labels, grad); err != nil {
			fmt.Println(err)
			return
		}
		for i, g := range grad {
			model.Theta()[i] -= 0.5 * g
		}
	}
	evaluator, err := nn.NewEvaluator("mlp:8", in, inputs, labels, nn.EvalOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := evaluator.Evaluate(context.Background(), model.Theta())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("loss below 0.05: %t, accuracy %.2f\n", m.Loss < 0.05, m.Accuracy)
	// Output: loss below 0.05: true, accuracy 1.00
}
