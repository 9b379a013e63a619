package op_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/op"
)

// Softmax regression on a batch of two examples of which the first is real.
func Example() {
	node := func(g *G.ExprGraph, name string, data []float64, shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float64, len(shape), G.WithShape(shape...), G.WithName(name),
			G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
	}
	g, batch := G.NewGraph(), &op.Batch{Size: 2, Rows: 1, Labels: []int32{1}}
	x := node(g, "x", []float64{3, 4, 0, 0}, 2, 2)
	w := node(g, "w", make([]float64, 4), 2, 2)
	b := node(g, "b", make([]float64, 2), 2)
	logits, err := op.Linear[float64](batch, x, w, b, op.LinearOptions{Input: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	loss, cost, err := op.SoftmaxCrossEntropy[float64](batch, logits)
	if err != nil {
		fmt.Println(err)
		return
	}
	grads, err := G.Grad(cost, w, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("loss %.4f\n", loss.Loss)
	fmt.Println("gradient of w", grads[0].Value().Data())
	fmt.Println("gradient of b", grads[1].Value().Data())
	// Output:
	// loss 0.6931
	// gradient of w [1.5 2 -1.5 -2]
	// gradient of b [0.5 -0.5]
}
