package optim

import (
	"errors"
	"math"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// quadraticProbe gives the gradients of a quadratic, and keeps the inner iterates.
type quadraticProbe struct {
	quadratic
	points, gradients [][]float32
	losses            []float64
	err               error
	train.Probe
}

func (p *quadraticProbe) Gradient(theta, grad []float32) (float64, error) {
	copy(grad, p.gradient(theta))
	return p.loss(theta), p.err
}

func (p *quadraticProbe) Inner(theta, grad []float32, loss record.Optional) error {
	p.points, p.gradients = append(p.points, slices.Clone(theta)), append(p.gradients, slices.Clone(grad))
	p.losses = append(p.losses, loss.Value)
	return nil
}

// TestSAM compares with the definition in float64: on a quadratic the second gradient is h
// (theta + e - c). The momentum buffer and the means of Adam are explicit sums over the second
// gradients.
func TestSAM(t *testing.T) {
	const eta, w, b1, b2 = 0.05, 0.1, 0.9, 0.99
	for _, c := range []struct {
		name string
		h    hyper
	}{
		{"sam-sgd", hyper{}},
		{"sam-sgd", hyper{"momentum": 0.8, "rho": 0.3, "weight_decay": w}},
		{"sam-adam", hyper{"beta1": b1, "beta2": b2, "rho": 0.3, "weight_decay": w}},
	} {
		o := build(t, c.name, c.h, flat(4))
		r, _ := Effective(c.name, c.h)
		rho, m, decay := r.Hyperparameters["rho"], r.Hyperparameters["momentum"], r.Hyperparameters["weight_decay"]
		want := gaussian(10, 4, 2)
		theta := narrow(want)
		p := &quadraticProbe{quadratic: bowl}
		past, squares, ones := make([][]float64, 4), make([][]float64, 4), []float64{}
		for k := 1; k <= 40; k++ {
			step(t, o, theta, bowl.gradient(theta), eta, p)
			length := 0.0
			for i, h := range bowl.h {
				length = math.Hypot(length, h*(want[i]-bowl.c[i]))
			}
			ones = append(ones, 1)
			for i, h := range bowl.h {
				e := rho * h * (want[i] - bowl.c[i]) / length
				if got := float64(p.points[k-1][i]); math.Abs(got-(want[i]+e)) > tolerance*math.Max(1, math.Abs(want[i])) {
					t.Fatalf("%s, step %d: the second gradient is taken at %v; want %v", c.name, k, got, want[i]+e)
				}
				g := h*(want[i]+e-bowl.c[i]) + decay*want[i]
				past[i], squares[i] = append(past[i], g), append(squares[i], g*g)
				if c.name == "sam-sgd" {
					want[i] -= eta * explicit(past[i], m, 1)
					continue
				}
				mean, square := explicit(past[i], b1, 1)/explicit(ones, b1, 1), explicit(squares[i], b2, 1)/explicit(ones, b2, 1)
				want[i] -= eta * mean / (math.Sqrt(square) + 1e-8)
			}
			near(t, k, theta, want)
			if at := p.points[k-1]; !slices.Equal(p.gradients[k-1], bowl.gradient(at)) || p.losses[k-1] != bowl.loss(at) {
				t.Fatalf("%s, step %d: the inner iterate does not have the loss and the gradient at its point", c.name, k)
			}
		}
	}
}

// TestSAMWithoutRadius: with rho 0 SAM is the other optimizer, bit for bit.
func TestSAMWithoutRadius(t *testing.T) {
	for name, other := range map[string]string{"sam-sgd": "momentum", "sam-adam": "adam"} {
		given := hyper{"rho": 0, "weight_decay": 0.1, "clip_norm": 3}
		same := hyper{"weight_decay": 0.1, "clip_norm": 3}
		if name == "sam-sgd" {
			given["momentum"], same["momentum"] = 0.7, 0.7
		}
		a, b := build(t, name, given, flat(4)), build(t, other, same, flat(4))
		x := narrow(gaussian(11, 4, 2))
		y := slices.Clone(x)
		for k := range 20 {
			step(t, a, x, bowl.gradient(x), 0.05, &quadraticProbe{quadratic: bowl})
			step(t, b, y, bowl.gradient(y), 0.05, nil)
			if !slices.Equal(x, y) {
				t.Fatalf("%s, step %d: %v; %s has %v", name, k, x, other, y)
			}
		}
	}
}

// TestSAMErrors: without a gradient SAM stays where the second gradient is 0 too, and a probe
// that fails changes neither theta nor the state.
func TestSAMErrors(t *testing.T) {
	for _, name := range []string{"sam-sgd", "sam-adam"} {
		o := build(t, name, nil, flat(2))
		theta := []float32{1, 2}
		step(t, o, theta, []float32{0, 0}, 0.1, unrecorded([]float32{0, 0}))
		if !slices.Equal(theta, []float32{1, 2}) {
			t.Errorf("%s: without a gradient theta becomes %v", name, theta)
		}
		before := cloneBuffers(o.(train.Checkpointed).State())
		bad := errors.New("no gradient")
		err := o.Step(t.Context(), theta, []float32{1, 1}, 0.1, &quadraticProbe{quadratic: bowl, err: bad})
		if !errors.Is(err, bad) || !slices.Equal(theta, []float32{1, 2}) {
			t.Errorf("%s: %v, theta %v", name, err, theta)
		}
		for i, b := range o.(train.Checkpointed).State() {
			if !slices.Equal(b.Float32, before[i].Float32) || !slices.Equal(b.Uint64, before[i].Uint64) {
				t.Errorf("%s: a failed step changes buffer %s", name, b.Name)
			}
		}
	}
}
