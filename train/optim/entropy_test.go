package optim

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/internal/random"
)

// TestEntropyOneInnerStep: with one inner step and without noise, momentum and
// pull, theta - mu is (1-averaging) eta' g, and the step is eta times that.
func TestEntropyOneInnerStep(t *testing.T) {
	o := build(t, "entropy-sgd",
		hyper{"inner_steps": 1, "momentum": 0, "noise": 0, "inner_learning_rate": 0.2, "averaging": 0.75}, flat(2))
	theta := []float32{1, 2}
	p := &fakeProbe{
		next:  func(_, grad []float32) (float64, error) { grad[0], grad[1] = 4, -8; return 0, nil },
		inner: func(_, _ []float32, _ record.Optional) error { return nil },
	}
	step(t, o, theta, []float32{100, 100}, 0.5, p)
	near(t, 1, theta, []float64{1 - 0.5*0.25*0.2*4, 2 + 0.5*0.25*0.2*8})
}

// TestEntropyTrajectory compares with a direct computation of the definition in
// float64, with the same noise and the same mini-batches: batch j shifts the
// minimum. The hyperparameters are so large that every term matters.
func TestEntropyTrajectory(t *testing.T) {
	const (
		L, n                      = 5, 3
		eta, mom, inner, avg      = 0.7, 0.9, 0.1, 0.75
		gamma, scoping, noise, wd = 0.5, 0.1, 0.05, 0.02
	)
	gradient := func(j, i int, v float64) float64 { return math.Tanh(v - float64(j%4) + float64(i)) }
	o := build(t, "entropy-sgd", hyper{
		"inner_steps": L, "momentum": mom, "inner_learning_rate": inner, "averaging": avg,
		"gamma": gamma, "scoping": scoping, "noise": noise, "weight_decay": wd,
	}, flat(n))
	x := gaussian(8, n, 1)
	theta := narrow(x)
	outer := make([]float64, n)

	batch, recorded := 0, 0
	p := &fakeProbe{
		next: func(theta, grad []float32) (float64, error) {
			for i, v := range theta {
				grad[i] = float32(gradient(batch, i, float64(v)))
			}
			batch++
			return float64(batch), nil
		},
		inner: func(at, _ []float32, loss record.Optional) error {
			if recorded%L == 0 && !slices.Equal(at, theta) {
				t.Errorf("first inner iterate is %v, theta %v", at, theta)
			}
			if recorded++; loss != record.Some(float64(recorded)) {
				t.Errorf("inner iterate %d has the loss of batch %v", recorded, loss)
			}
			return nil
		},
	}
	for k := range 30 {
		step(t, o, theta, make([]float32, n), eta, p)

		var pcg rand.PCG
		random.Seed(&pcg, 7, purposeLangevin, uint64(k)) // 7 is the seed of build
		normal := rand.New(&pcg)
		g := gamma * math.Pow(1+scoping, float64(k))
		prime, mu, velocity := slices.Clone(x), slices.Clone(x), make([]float64, n)
		for l := range L {
			for i := range n {
				d := gradient(k*L+l, i, prime[i]) + wd*prime[i]
				velocity[i] = mom*velocity[i] + d
				d += mom * velocity[i]
				d -= g * (x[i] - prime[i])
				// Per step the noise is noise sqrt(2 eta'), as it comes out of
				// eta' noise/sqrt(eta'/2).
				prime[i] -= inner*d + noise*math.Sqrt(2*inner)*normal.NormFloat64()
				mu[i] = avg*mu[i] + (1-avg)*prime[i]
			}
		}
		for i := range n {
			d := x[i] - mu[i] + wd*x[i]
			outer[i] = mom*outer[i] + d
			x[i] -= eta * (d + mom*outer[i])
		}
		near(t, k+1, theta, x)
	}
	if batch != 30*L || recorded != 30*L {
		t.Errorf("%d mini-batches drawn and %d inner iterates recorded, want %d", batch, recorded, 30*L)
	}
}

// TestEntropyWithoutInnerSteps is Nesterov momentum, bit for bit.
func TestEntropyWithoutInnerSteps(t *testing.T) {
	a := build(t, "entropy-sgd", hyper{"inner_steps": 0, "weight_decay": 0.1}, flat(4))
	b := build(t, "nesterov", hyper{"weight_decay": 0.1}, flat(4))
	x := narrow(gaussian(9, 4, 1))
	y := slices.Clone(x)
	for range 20 {
		step(t, a, x, bowl.gradient(x), 0.01, nil)
		step(t, b, y, bowl.gradient(y), 0.01, nil)
	}
	if !slices.Equal(x, y) {
		t.Errorf("%v, nesterov %v", x, y)
	}
}

func TestEntropyFailureLeavesTheta(t *testing.T) {
	o := build(t, "entropy-sgd", hyper{"inner_steps": 3}, flat(2))
	bad := errors.New("no batch")
	calls := 0
	p := &fakeProbe{
		next: func(_, grad []float32) (float64, error) {
			if calls++; calls == 3 {
				return 0, bad
			}
			grad[0] = 1
			return 0, nil
		},
		inner: func(_, _ []float32, _ record.Optional) error { return nil },
	}
	theta := []float32{1, 2}
	err := o.Step(context.Background(), theta, make([]float32, 2), 1, p)
	if !errors.Is(err, bad) || err.Error() != "optim: entropy-sgd: inner step 3: no batch" || theta[0] != 1 ||
		theta[1] != 2 {
		t.Errorf("%v, theta %v", err, theta)
	}
	if s := o.(train.Checkpointed).State(); s[0].Uint64[0] != 0 {
		t.Errorf("a failed step counts: %v", s[0])
	}
}
