package arrowfile_test

import (
	"os"
	"path/filepath"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// A stock Gorgonia program with Gorgonia's own solver. Its parameters are
// separate tensors, which Gather joins. The row is taken between RunAll and the
// solver's Step: RunAll has computed the gradients, and Step moves the parameters
// and sets the gradients to zero. Its loss is twice that of the plain loop and its
// learning rate half as large, so that it walks the same path.
func ExampleNewAsync_gorgonia() {
	parent, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "run")

	// The program: a line through four points.
	g := G.NewGraph()
	constant := func(name string, shape []int, values ...float32) *G.Node {
		return G.NewTensor(g, tensor.Float32, len(shape), G.WithName(name), G.WithShape(shape...),
			G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))))
	}
	x := constant("x", []int{4, 1}, -1, 0, 1, 2)
	y := constant("y", []int{4, 1}, -1, 1, 3, 5)
	w := constant("w", []int{1, 1}, 0)
	b := constant("b", []int{1}, 0)
	line := G.Must(G.BroadcastAdd(G.Must(G.Mul(x, w)), b, nil, []byte{0}))
	cost := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(line, y))))))
	params := G.Nodes{w, b}
	if _, err := G.Grad(cost, params...); err != nil {
		panic(err)
	}
	vm := G.NewTapeMachine(g, G.BindDualValues(params...))
	defer vm.Close()
	const steps, learningRate = 4, 0.125
	solver := G.NewVanillaSolver(G.WithLearnRate(learningRate))

	// The recording: these lines, and the call of record in the loop.
	layout := record.Pack(
		record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 1}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{1}})
	header := record.NewHeader(layout)
	header.Model, header.Steps, header.Columns.Grad = "line", steps, true
	file, err := arrowfile.Create(dir, header, arrowfile.Options{})
	if err != nil {
		panic(err)
	}
	sink, err := arrowfile.NewAsync(file, header, arrowfile.AsyncOptions{})
	if err != nil {
		panic(err)
	}
	theta, grad := make([]float32, layout.Len()), make([]float32, layout.Len())
	flat := func(v G.Value) []float32 { return v.Data().([]float32) }
	gather := func(dst []float32, value func(*G.Node) G.Value) {
		if err := layout.Gather(dst, flat(value(w)), flat(value(b))); err != nil {
			panic(err)
		}
	}

	for k := range int64(steps) {
		if err := vm.RunAll(); err != nil {
			panic(err)
		}
		gather(theta, (*G.Node).Value)
		gather(grad, func(n *G.Node) G.Value {
			d, err := n.Grad()
			if err != nil {
				panic(err)
			}
			return d
		})
		if err := sink.Append(&record.Step{
			Step: k, Epoch: 1, Theta: theta, Grad: grad,
			BatchLoss: record.Some(float64(cost.Value().Data().(float32))), LearningRate: record.Some(learningRate),
		}); err != nil {
			panic(err)
		}
		if err := solver.Step(G.NodesToValueGrads(params)); err != nil {
			panic(err)
		}
		vm.Reset()
	}
	gather(theta, (*G.Node).Value)
	if err := sink.Append(&record.Step{Step: steps, Epoch: 1, Theta: theta}); err != nil {
		panic(err)
	}
	if err := sink.Close(); err != nil {
		panic(err)
	}

	printRows(dir)
	// Output:
	// step 0: loss 9.00, theta [0.00 0.00], grad [-7.00 -4.00]
	// step 1: loss 2.71, theta [0.88 0.50], grad [-3.88 -2.12]
	// step 2: loss 0.82, theta [1.36 0.77], grad [-2.16 -1.11]
	// step 3: loss 0.25, theta [1.63 0.90], grad [-1.21 -0.56]
	// step 4: theta [1.78 0.97]
}
