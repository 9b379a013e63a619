package op

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
)

// TestTwins: Gorgonia merges nodes that it takes for equal. It must not merge two
// layers with the same inputs.
func TestTwins(t *testing.T) {
	g, b := G.NewGraph(), &Batch{Size: 1, Rows: 1, Workers: NewWorkers(1)}
	x := tensorNode(g, "x", []float64{1, 2}, 1, 2)
	w := tensorNode(g, "w", []float64{1, -1}, 1, 2)
	bias := tensorNode(g, "b", []float64{0}, 1)
	plain, err := Linear[float64](b, x, w, bias, LinearOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rectified, err := Linear[float64](b, x, w, bias, LinearOptions{ReLU: true})
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	if p, r := plain.Value().Data().([]float64)[0], rectified.Value().Data().([]float64)[0]; p != -1 || r != 0 {
		t.Errorf("plain %v, rectified %v; want -1 and 0", p, r)
	}
}

// TestPanicBecomesError gives an op a value of another element type, so that the op
// panics in the machine's own goroutine.
func TestPanicBecomesError(t *testing.T) {
	g, b := G.NewGraph(), &Batch{Size: 1, Rows: 1, Workers: NewWorkers(2)}
	x := tensorNode(g, "x", []float32{1, 2}, 1, 2)
	w := tensorNode(g, "w", []float32{1, -1}, 1, 2)
	bias := tensorNode(g, "b", []float32{0}, 1)
	if _, err := Linear[float64](b, x, w, bias, LinearOptions{}); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err == nil ||
		!strings.Contains(err.Error(), "op: linear#1: tensor of float32, wanted float64") {
		t.Errorf("error %v", err)
	}
}

func TestLinearShapes(t *testing.T) {
	g, b := G.NewGraph(), &Batch{Size: 1, Workers: NewWorkers(1)}
	x := tensorNode(g, "x", []float32{1, 2}, 1, 2)
	w := tensorNode(g, "w", []float32{1, -1, 3}, 1, 3)
	bias := tensorNode(g, "b", []float32{0}, 1)
	if _, err := Linear[float32](b, x, w, bias, LinearOptions{}); err == nil ||
		!strings.Contains(err.Error(), "(1, 2), (1, 3), (1)") {
		t.Errorf("error %v", err)
	}
}
