package curvature_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// The block of a layer has the eigenvalues and the trace of that part of the dense
// matrix.
func TestLayersAreDiagonalBlocks(t *testing.T) {
	layout := record.Layout{
		{Name: "linear1.weight", Shape: []int{5, 8}},
		{Name: "linear1.bias", Shape: []int{5}, Offset: 40},
		{Name: "linear2.weight", Shape: []int{60}, Offset: 45},
	}
	layers := curvature.Layers(layout)
	if len(layers) != 2 || layers[0] != (curvature.Layer{Name: "linear1", From: 0, To: 45}) ||
		layers[1] != (curvature.Layer{Name: "linear2", From: 45, To: 105}) {
		t.Fatalf("layers %v", layers)
	}
	full := rotated(spread(105), 3)
	r := compute(t, gaussian(105, 1), exact{quadratic{full: full}}, curvature.Options{
		Top: 1, DensityProbes: -1,
		Layers: layers,
	})
	if err := r.Layers.Validate(); err != nil {
		t.Fatal(err)
	}
	for i, l := range layers {
		n := l.To - l.From
		block := mat.NewSymDense(n, nil)
		trace := 0.0
		for a := range n {
			trace += full.At(l.From+a, l.From+a)
			for b := range a + 1 {
				block.SetSym(a, b, full.At(l.From+a, l.From+b))
			}
		}
		var e mat.EigenSym
		if !e.Factorize(block, false) {
			t.Fatal("no eigenvalues")
		}
		want := e.Values(nil)
		at := func(name string) float64 { return r.Layers.Column(name).Floats[i] }
		if !near(at("lambda_max"), want[n-1], at("lambda_max_residual")+1e-5) ||
			!near(at("lambda_min"), want[0], at("lambda_min_residual")+1e-5) {
			t.Errorf("%s: %v to %v; want %v to %v", l.Name, at("lambda_min"), at("lambda_max"), want[0], want[n-1])
		}
		if e := at("trace_standard_error"); !near(at("trace"), trace, 4*e+1e-4) || math.IsNaN(e) {
			t.Errorf("%s: trace %v +- %v; want %v", l.Name, at("trace"), e, trace)
		}
	}
}
