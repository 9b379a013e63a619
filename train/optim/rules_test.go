package optim

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"testing"

	"sgdwalk/record"
)

// TestSGDOnQuadratic: with weight decay w the iterates are f + (1 - eta (h+w))^t
// (theta_0 - f) with the fixed point f = h c/(h+w).
func TestSGDOnQuadratic(t *testing.T) {
	for _, name := range []string{"sgd", "gd"} {
		for _, w := range []float64{0, 0.5} {
			o := build(t, name, hyper{"weight_decay": w}, flat(4))
			start := gaussian(1, 4, 2)
			theta := narrow(start)
			for k := 1; k <= 60; k++ {
				step(t, o, theta, bowl.gradient(theta), 0.1, nil)
				want := make([]float64, 4)
				for i, h := range bowl.h {
					f := h * bowl.c[i] / (h + w)
					want[i] = f + math.Pow(1-0.1*(h+w), float64(k))*(start[i]-f)
				}
				near(t, k, theta, want)
			}
		}
	}
}

// TestMomentumOnQuadratic: the error e obeys e_{k+1} = (1 + m - eta h) e_k - m
// e_{k-1}, a linear recursion whose solution is A r^k + B s^k with the (possibly
// complex) roots r and s of its polynomial.
func TestMomentumOnQuadratic(t *testing.T) {
	const m, eta = 0.9, 0.1
	o := build(t, "momentum", hyper{"momentum": m}, flat(4))
	start := gaussian(2, 4, 2)
	theta := narrow(start)
	for k := 1; k <= 60; k++ {
		step(t, o, theta, bowl.gradient(theta), eta, nil)
		want := make([]float64, 4)
		for i, h := range bowl.h {
			b := complex(1+m-eta*h, 0)
			root := cmplx.Sqrt(b*b - 4*m)
			r, s := (b+root)/2, (b-root)/2
			e0 := complex(start[i]-bowl.c[i], 0)
			e1 := complex(1-eta*h, 0) * e0
			a := (e1 - s*e0) / (r - s)
			want[i] = bowl.c[i] + real(a*cmplx.Pow(r, complex(float64(k), 0))+(e0-a)*cmplx.Pow(s,
				complex(float64(k), 0)))
		}
		near(t, k, theta, want)
	}
}

// TestNesterov follows Nesterov's own two sequences: a plain gradient step from
// y, then an extrapolation, x' = y - eta g(y), y' = x' + m (x' - x). The code has
// y as theta and no x. The objective is not quadratic.
func TestNesterov(t *testing.T) {
	const m, eta, w = 0.9, 0.1, 0.01
	gradient := func(v float64) float64 { return math.Tanh(v - 1) } // of log cosh
	o := build(t, "nesterov", hyper{"momentum": m, "weight_decay": w}, flat(4))
	y := gaussian(3, 4, 2)
	theta := narrow(y)
	x := slices.Clone(y)
	for k := 1; k <= 60; k++ {
		g := make([]float32, 4)
		for i, v := range theta {
			g[i] = float32(gradient(float64(v)))
		}
		step(t, o, theta, g, eta, nil)
		for i, v := range y {
			next := v - eta*(gradient(v)+w*v)
			y[i] = next + m*(next-x[i])
			x[i] = next
		}
		near(t, k, theta, y)
	}
}

// TestAdam compares with weighted averages over all past gradients, which the
// moments with bias correction are.
func TestAdam(t *testing.T) {
	for _, c := range []struct {
		name           string
		b1, b2, eps, w float64
		steps          int
	}{
		{"adam", 0.9, 0.999, 1e-8, 0, 60},
		{"adam", 0.5, 0.9, 0.1, 0.1, 60},
		{"adamw", 0.9, 0.999, 1e-8, 0.1, 60},
		{"adamw", 0, 0, 1e-3, 0, 10},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			o := build(t, c.name, hyper{"beta1": c.b1, "beta2": c.b2, "epsilon": c.eps, "weight_decay": c.w}, flat(4))
			want := gaussian(4, 4, 1)
			theta := narrow(want)
			var past, squares [4][]float64
			for k := 1; k <= c.steps; k++ {
				rate := 0.01 * (1 + float64(k%3)) // a schedule acts on its own step alone
				raw := gaussian(uint64(100+k), 4, 1)
				step(t, o, theta, narrow(raw), rate, nil)
				for i, g := range raw {
					if c.name == "adam" {
						g += c.w * want[i]
					} else {
						want[i] -= rate * c.w * want[i]
					}
					past[i], squares[i] = append(past[i], g), append(squares[i], g*g)
					ones := slices.Repeat([]float64{1}, k)
					m := explicit(past[i], c.b1, 1) / explicit(ones, c.b1, 1)
					v := explicit(squares[i], c.b2, 1) / explicit(ones, c.b2, 1)
					want[i] -= rate * m / (math.Sqrt(v) + c.eps)
				}
				near(t, k, theta, want)
			}
		})
	}
}

// TestAdamConstantGradient: if the gradient is constant, every step has the size
// of the learning rate, for any size of the gradient.
func TestAdamConstantGradient(t *testing.T) {
	o := build(t, "adam", nil, flat(3))
	theta := make([]float32, 3)
	for k := 1; k <= 50; k++ {
		step(t, o, theta, []float32{1e-3, -1, 1e3}, 0.01, nil)
		near(t, k, theta, []float64{-0.01 * float64(k) * (1 - 1e-5), 0.01 * float64(k), -0.01 * float64(k)})
	}
}

// TestRMSProp compares with explicit sums over all past gradients.
func TestRMSProp(t *testing.T) {
	for _, c := range []struct{ a, eps, m, centered, w float64 }{
		{0.99, 1e-8, 0, 0, 0},
		{0.9, 0.01, 0.8, 0, 0.1},
		{0.9, 0.01, 0, 1, 0},
		{0.5, 0.01, 0.5, 1, 0.1},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			o := build(t, "rmsprop", hyper{
				"alpha": c.a, "epsilon": c.eps, "momentum": c.m, "centered": c.centered,
				"weight_decay": c.w,
			}, flat(4))
			want := gaussian(5, 4, 1)
			theta := narrow(want)
			var past, squares, directions [4][]float64
			for k := 1; k <= 40; k++ {
				raw := gaussian(uint64(200+k), 4, 1)
				step(t, o, theta, narrow(raw), 0.01, nil)
				for i, g := range raw {
					g += c.w * want[i]
					past[i], squares[i] = append(past[i], g), append(squares[i], g*g)
					mean := c.centered * explicit(past[i], c.a, 1-c.a)
					root := math.Sqrt(explicit(squares[i], c.a, 1-c.a) - mean*mean)
					directions[i] = append(directions[i], g/(root+c.eps))
					want[i] -= 0.01 * explicit(directions[i], c.m, 1)
				}
				near(t, k, theta, want)
			}
		})
	}
}

// TestCenteredRMSPropSurvivesRounding: with a constant gradient the variance goes
// to zero, and rounding sometimes makes the float32 difference negative.
func TestCenteredRMSPropSurvivesRounding(t *testing.T) {
	o := build(t, "rmsprop", hyper{"centered": 1, "alpha": 0.5}, flat(64))
	theta := make([]float32, 64)
	gradient := narrow(gaussian(6, 64, 1))
	for range 200 {
		step(t, o, theta, slices.Clone(gradient), 1e-6, nil)
	}
	for i, v := range theta {
		if math.IsNaN(float64(v)) {
			t.Fatalf("theta[%d] is NaN", i)
		}
	}
}

// TestClipNorm: a gradient that is too long is scaled to the norm, a shorter one
// does not change, and weight decay comes afterwards.
func TestClipNorm(t *testing.T) {
	for _, name := range Names() {
		if !has(t, name, "clip_norm") || EdgeOf(record.Optimizer{Name: name}).Preconditioned || name == "lion" || name == "muon" {
			continue // a scale of the gradient is no scale of the step there
		}
		for _, c := range []struct {
			gradient []float32
			want     []float64
		}{
			{[]float32{3, 4}, []float64{10 - 0.1*(0.6*2+0.5*10), 20 - 0.1*(0.8*2+0.5*20)}},
			{[]float32{0.3, 0.4}, []float64{10 - 0.1*(0.3+0.5*10), 20 - 0.1*(0.4+0.5*20)}},
		} {
			given := hyper{"clip_norm": 2, "weight_decay": 0.5}
			if name == "momentum" || name == "nesterov" {
				given["momentum"] = 0
			}
			theta := []float32{10, 20}
			step(t, build(t, name, given, flat(2)), theta, c.gradient, 0.1, unrecorded(slices.Clone(c.gradient)))
			near(t, 1, theta, c.want)
		}
	}
	p := preparation{clip: 2}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		g := []float32{1, float32(bad)}
		p.clipGradient(g)
		if !math.IsNaN(float64(g[0])+float64(g[1])) && !math.IsInf(float64(g[1]), 0) {
			t.Errorf("clipping hides %v: %v", bad, g)
		}
	}
	// Adam does not see the scale of a gradient, but it does see one clipped
	// gradient among others.
	plain, clipping := build(t, "adam", nil, flat(2)), build(t, "adam", hyper{"clip_norm": 1}, flat(2))
	a, b := []float32{0, 0}, []float32{0, 0}
	for _, g := range []float32{0.5, 100} {
		step(t, plain, a, []float32{g, 0}, 0.1, nil)
		step(t, clipping, b, []float32{min(g, 1), 0}, 0.1, nil)
	}
	c := []float32{0, 0}
	clipping = build(t, "adam", hyper{"clip_norm": 1}, flat(2))
	for _, g := range []float32{0.5, 100} {
		step(t, clipping, c, []float32{g, 0}, 0.1, nil)
	}
	if !slices.Equal(b, c) || slices.Equal(a, c) {
		t.Errorf("adam: clipped by hand %v, clipping %v, not clipped %v", b, c, a)
	}
}

func has(t *testing.T, name, hyperparameter string) bool {
	t.Helper()
	d, err := Describe(name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(d.Hyperparameters, func(h Hyperparameter) bool { return h.Name == hyperparameter })
}

// TestDecayLeavesOut: with a gradient of zero only weight decay changes theta, and
// decay_all=0 leaves out biases and normalization.
func TestDecayLeavesOut(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "conv", Kind: record.Filter, Shape: []int{2, 1, 1, 1}},
		record.Tensor{Name: "scale", Kind: record.NormScale, Shape: []int{2}},
		record.Tensor{Name: "shift", Kind: record.NormShift, Shape: []int{2}},
		record.Tensor{Name: "linear", Kind: record.Weight, Shape: []int{2, 1}},
		record.Tensor{Name: "bias", Kind: record.Bias, Shape: []int{2}},
		record.Tensor{Name: "other", Kind: record.Other, Shape: []int{1}},
	)
	decays := []bool{true, true, false, false, false, false, true, true, false, false, true}
	for _, name := range Names() {
		if !has(t, name, "weight_decay") {
			continue
		}
		for _, all := range []float64{0, 1} {
			given := hyper{"weight_decay": 0.5, "decay_all": all}
			if name == "entropy-sgd" {
				given["inner_steps"] = 0
			}
			theta := slices.Repeat([]float32{1}, layout.Len())
			still := make([]float32, layout.Len())
			step(t, build(t, name, given, layout), theta, still, 0.1, unrecorded(slices.Clone(still)))
			for i, v := range theta {
				if moved := v < 1; moved != (all == 1 || decays[i]) {
					t.Errorf("%s, decay_all=%v: theta[%d] is %v", name, all, i, v)
				}
			}
		}
	}
}

func TestStepErrors(t *testing.T) {
	for _, name := range Names() {
		o := build(t, name, nil, flat(3))
		for _, c := range []struct {
			theta, grad int
			rate        float64
			want        string
		}{
			{2, 3, 0.1, "optim: " + name + ": theta has 2 elements, the gradient 3; the layout has 3"},
			{3, 4, 0.1, "optim: " + name + ": theta has 3 elements, the gradient 4; the layout has 3"},
			{3, 3, math.NaN(), "optim: " + name +
				": the learning rate of the step is NaN; it must be finite and not negative"},
			{3, 3, -1, "optim: " + name + ": the learning rate of the step is -1; it must be finite and not negative"},
			{3, 3, math.Inf(1), "optim: " + name +
				": the learning rate of the step is +Inf; it must be finite and not negative"},
		} {
			err := o.Step(context.Background(), make([]float32, c.theta), make([]float32, c.grad), c.rate, nil)
			if err == nil || err.Error() != c.want {
				t.Errorf("%v, want %q", err, c.want)
			}
		}
	}
}
