package nn

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestStockOps compares an MLP with the same network made of Gorgonia's own ops.
// It uses only ops whose gradients are right (Mul, Transpose, BroadcastAdd,
// Rectify away from 0, Exp, Log, Sum over one axis, HadamardProd).
func TestStockOps(t *testing.T) {
	f := build[float64](t, "mlp:6,4", small, 7, 2, 5)
	loss, grad := f.gradient(t, 7)

	g := G.NewGraph()
	input := func(name string, data []float64, shape ...int) *G.Node {
		return G.NewTensor(g, tensor.Float64, len(shape), G.WithShape(shape...), G.WithName(name),
			G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))))
	}
	x := input("x", f.g.input.Value().Data().([]float64), 7, small.Len())
	onehot := make([]float64, 7*small.Classes)
	for r, l := range f.labels {
		onehot[r*small.Classes+int(l)] = 1
	}
	y := input("y", onehot, 7, small.Classes)
	layout := f.g.plan.params
	var params G.Nodes
	h := x
	for i := 0; i < len(layout); i += 2 {
		wt, bt := layout[i], layout[i+1]
		w := input(wt.Name, f.theta[wt.Offset:wt.Offset+wt.Len()], wt.Shape...)
		b := input(bt.Name, f.theta[bt.Offset:bt.Offset+bt.Len()], bt.Shape...)
		params = append(params, w, b)
		z := G.Must(G.BroadcastAdd(G.Must(G.Mul(h, G.Must(G.Transpose(w, 1, 0)))), b, nil, []byte{0}))
		if h = z; i+2 < len(layout) {
			h = G.Must(G.Rectify(z))
		}
	}
	// The logits are of order 1, so the plain formula is exact enough.
	logSum := G.Must(G.Log(G.Must(G.Sum(G.Must(G.Exp(h)), 1))))
	own := G.Must(G.Sum(G.Must(G.HadamardProd(h, y)), 1))
	cost := G.Must(G.Mean(G.Must(G.Sub(logSum, own))))
	grads, err := G.Grad(cost, params...)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	want := make([]float64, len(grad))
	for i, n := range grads {
		copy(want[layout[i].Offset:], n.Value().Data().([]float64))
	}
	if wantLoss := cost.Value().Data().(float64); math.Abs(loss-wantLoss) > 1e-13 {
		t.Errorf("loss %v, stock ops %v", loss, wantLoss)
	}
	if d := relative(grad, want); d > 1e-13 {
		t.Errorf("gradients differ by %.2g", d)
	}
}
