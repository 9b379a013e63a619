package optim

import (
	"errors"
	"math"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// TestScheduleFree compares with sums over all past gradients: z is the start minus all
// steps, x the weighted mean of all z, and y lies between them. The gradients do not depend on
// theta; with weight decay the direction does, through y.
func TestScheduleFree(t *testing.T) {
	for _, c := range []struct {
		name string
		h    hyper
	}{
		{"schedule-free-sgd", hyper{}},
		{"schedule-free-sgd", hyper{"beta": 0.5, "r": 1, "weight_lr_power": 0, "weight_decay": 0.1}},
		{"schedule-free-adamw", hyper{}},
		{"schedule-free-adamw", hyper{"beta1": 0.6, "beta2": 0.9, "r": 0.5, "epsilon": 0.1, "weight_decay": 0.1}},
	} {
		o := build(t, c.name, c.h, flat(4))
		r, _ := Effective(c.name, c.h)
		p := r.Hyperparameters
		beta, isAdam := p["beta"], c.name == "schedule-free-adamw"
		if isAdam {
			beta = p["beta1"]
		}
		start := gaussian(12, 4, 1)
		theta := narrow(start)
		y := slices.Clone(start)
		var zs, squares [4][]float64
		var steps [4]float64 // start - z
		var weights, ones []float64
		largest := 0.0
		var points [][]float32
		probe := &fakeProbe{inner: func(at, grad []float32, loss record.Optional) error {
			if grad != nil || loss.Valid {
				t.Error("an inner iterate has a loss or a gradient")
			}
			points = append(points, slices.Clone(at))
			return nil
		}}
		for k := 1; k <= 50; k++ {
			rate := 0.02 * math.Min(1, float64(k)/5) // a warm-up
			if k > 40 {
				rate /= 2
			}
			largest = math.Max(largest, rate)
			raw := gaussian(uint64(500+k), 4, 1)
			points = nil
			step(t, o, theta, narrow(raw), rate, probe)
			weights = append(weights, math.Pow(float64(k), p["r"])*math.Pow(largest, p["weight_lr_power"]))
			ones = append(ones, 1)
			x, z := make([]float64, 4), make([]float64, 4)
			for i, g := range raw {
				if isAdam {
					squares[i] = append(squares[i], g*g)
					g /= math.Sqrt(explicit(squares[i], p["beta2"], 1)/explicit(ones, p["beta2"], 1)) + p["epsilon"]
				}
				steps[i] += rate * (g + p["weight_decay"]*y[i])
				z[i] = start[i] - steps[i]
				zs[i] = append(zs[i], z[i])
				sum := 0.0
				for j, w := range weights {
					x[i] += w * zs[i][j]
					sum += w
				}
				x[i] /= sum
				y[i] = (1-beta)*z[i] + beta*x[i]
			}
			near(t, k, theta, y)
			near(t, k, points[0], x)
			near(t, k, points[1], z)
			if !slices.Equal(points[0], o.(train.Averaging).Average()) {
				t.Errorf("%s, step %d: the average is not the first inner iterate", c.name, k)
			}
		}
	}
}

// TestScheduleFreeOfOneStep: the first step is that of the other optimizer, whatever beta is.
func TestScheduleFreeOfOneStep(t *testing.T) {
	for _, beta := range []float64{0, 0.5, 0.98} {
		theta := []float32{1, 2}
		o := build(t, "schedule-free-sgd", hyper{"beta": beta}, flat(2))
		step(t, o, theta, []float32{1, -2}, 0.5, unrecorded(nil))
		near(t, 1, theta, []float64{0.5, 3})
	}
	// Steps at the learning rate 0 have no weight and move nothing.
	theta := []float32{1, 2}
	o := build(t, "schedule-free-sgd", nil, flat(2))
	for range 3 {
		step(t, o, theta, []float32{1, -2}, 0, unrecorded(nil))
	}
	if !slices.Equal(theta, []float32{1, 2}) {
		t.Errorf("at the learning rate 0 theta becomes %v", theta)
	}
}

// TestScheduleFreeErrors: a step that cannot be recorded changes neither theta nor the state.
func TestScheduleFreeErrors(t *testing.T) {
	for _, name := range []string{"schedule-free-sgd", "schedule-free-adamw"} {
		o, p := build(t, name, nil, flat(4)), newNoisy(0)
		theta := []float32{1, 2, 3, 4}
		p.run(t, o, theta, 3)
		kept, before := slices.Clone(theta), cloneBuffers(o.(train.Checkpointed).State())
		bad := errors.New("full disk")
		err := o.Step(t.Context(), theta, []float32{1, 1, 1, 1}, 0.1,
			&fakeProbe{inner: func(_, _ []float32, _ record.Optional) error { return bad }})
		if !errors.Is(err, bad) || !slices.Equal(theta, kept) {
			t.Errorf("%s: %v, theta %v", name, err, theta)
		}
		for i, b := range o.(train.Checkpointed).State() {
			if !slices.Equal(b.Float32, before[i].Float32) || !slices.Equal(b.Float64, before[i].Float64) ||
				!slices.Equal(b.Uint64, before[i].Uint64) {
				t.Errorf("%s: a failed step changes buffer %s", name, b.Name)
			}
		}
	}
}
