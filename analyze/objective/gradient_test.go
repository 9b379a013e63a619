package objective_test

import (
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/objective"
)

// A gradient that is not that of the loss is refused with both numbers; noise,
// coarse losses and flat ones are no reason.
func TestGradientBelongsToLoss(t *testing.T) {
	p := points(1)[0]
	for mode, want := range map[string]string{
		"good": "", "float32": "", "coarse": "", "offset": "",
		"gradient-double":   "2 times as much",
		"gradient-negative": "-1 times as much",
		"gradient-other":    "its gradient is not that of its loss: along the gradient the loss changes by ",
		"gradient-nearly":   "1.03 times as much",
		"gradient-zero":     "and the gradient says 0",
		"flat":              "the loss does not change",
	} {
		for _, scale := range []float32{1, 1e-3, 30} {
			theta := slices.Clone(p)
			for i := range theta {
				theta[i] *= scale
			}
			if scale != 1 && (mode == "offset" || mode == "coarse" || mode == "gradient-zero" || mode == "flat") {
				continue
			}
			o := options(t, mode)
			o.Gradient = true
			x := start(t, o)
			switch _, err := x.Check(t.Context(), theta); {
			case want == "" && err != nil:
				t.Errorf("%s, scale %v: %v", mode, scale, err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want) ||
				strings.Contains(err.Error(), "\n")):
				t.Errorf("%s, scale %v: %v; want %q", mode, scale, err, want)
			}
			o.Gradient = false // where no gradient will be used nothing is compared
			if y := start(t, o); want != "" {
				if _, err := y.Check(t.Context(), theta); err != nil {
					t.Errorf("%s without gradients: %v", mode, err)
				}
			}
		}
	}
	// At theta 0 the gradient is 0 and the loss changes with the square only.
	o := options(t, "good")
	o.Gradient = true
	x := start(t, o)
	if _, err := x.Check(t.Context(), make([]float32, layout.Len())); err != nil {
		t.Errorf("at a minimum: %v", err)
	}
}

// Products are the program's, for any number of processes and of vectors.
func TestHessianVectors(t *testing.T) {
	theta, v := points(1)[0], points(20)
	for _, n := range []int{1, 3} {
		o := options(t, "hessian")
		o.Gradient, o.Hessian, o.Procs = true, true, n
		x := start(t, o)
		if _, err := x.Check(t.Context(), theta); err != nil {
			t.Fatal(err)
		}
		if h, absent := analyze.ExactHessian(x); h == nil {
			t.Fatalf("absent: %s", absent)
		}
		for _, m := range []int{0, 1, 2, 7, 20} {
			dst := make([][]float32, m)
			for i := range dst {
				dst[i] = make([]float32, len(theta))
			}
			if err := x.HessianVectors(t.Context(), theta, v[:m], dst); err != nil {
				t.Fatal(err)
			}
			for i := range dst {
				for j, h := range dst[i] {
					if h != float32(j+1)*v[i][j] {
						t.Fatalf("product %d of %d, %d processes: %v", i, m, n, dst[i])
					}
				}
			}
		}
	}
}

// Who cannot multiply says so at the start, and the others are checked.
func TestHessianAbsent(t *testing.T) {
	theta := points(1)[0]
	for mode, want := range map[string]string{
		"good":               "the program offers gradients only",
		"hessian-absent":     "the gradient cannot be differentiated",
		"hessian-asymmetric": "the products of the program are not symmetric: v'Hw is ",
		"hessian-zero":       "the products of the program are 0 where differences of its gradients are not",
	} {
		o := options(t, mode)
		o.Gradient, o.Hessian = true, true
		x := start(t, o)
		if _, err := x.Check(t.Context(), theta); err != nil {
			t.Fatal(err)
		}
		if h, absent := analyze.ExactHessian(x.LossAlone()); h != nil || !strings.HasPrefix(absent, want) {
			t.Errorf("%s: %v, %q; want %q", mode, h, absent, want)
		}
	}
	for mode, want := range map[string]string{
		"hessian-double": "differences of its gradients are 0.5 times as much",
		"hessian-ends": "multiplied vectors by the Hessian before and does not any more: the gradient cannot be " +
			"differentiated",
	} {
		o := options(t, mode)
		o.Gradient, o.Hessian = true, true
		x := start(t, o)
		_, err := x.Check(t.Context(), theta)
		for range 12 {
			if err == nil {
				err = x.HessianVectors(t.Context(), theta, [][]float32{theta}, [][]float32{make([]float32, len(theta))})
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", mode, err, want)
		}
	}
	if err := (&objective.Options{Command: []string{"x"}, Layout: layout, Hessian: true}).Validate(); err == nil {
		t.Error("products without gradients are no error")
	}
}

// Frozen parameters are known after the check, and a warning says so.
func TestFrozen(t *testing.T) {
	o := options(t, "hessian-frozen")
	o.Gradient, o.Hessian = true, true
	x := start(t, o)
	if _, err := x.Check(t.Context(), points(1)[0]); err != nil {
		t.Fatal(err)
	}
	if got := x.Frozen(); !slices.Equal(got, [][2]int{{6, 8}}) {
		t.Errorf("frozen are %v", got)
	}
	if w := x.Warnings(); len(w) != 1 || w[0].Code != "frozen_parameters" ||
		!strings.Contains(w[0].Text, "2 of 8 parameters") {
		t.Errorf("warnings %v", w)
	}
}
