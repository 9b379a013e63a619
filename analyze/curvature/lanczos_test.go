package curvature_test

import (
	"math"
	"slices"
	"testing"

	"sgdwalk/analyze/curvature"
)

// matches reports whether the values are the largest of lambda, each within its
// residual and the rounding of float32.
func matches(pairs []curvature.Pair, lambda []float64) bool {
	want := slices.Sorted(slices.Values(lambda))
	slices.Reverse(want)
	for i, p := range pairs {
		if !near(p.Value, want[i], p.Residual+1e-6*math.Abs(want[0])) || !p.Converged {
			return false
		}
	}
	return true
}

// An eigenvalue with more copies than the block has vectors, and a group of nearly
// equal ones, come out with their multiplicity, whatever the seed.
func TestMultiplicity(t *testing.T) {
	for name, group := range map[string][]float64{
		"six equal":        {5, 5, 5, 5, 5, 5},
		"six nearly equal": {5.001, 5.0005, 5, 4.9999, 4.9995, 4.999},
		"nine equal":       {5, 5, 5, 5, 5, 5, 5, 5, 5},
	} {
		lambda := make([]float64, 400)
		for i := range lambda {
			lambda[i] = 2 * math.Exp(-float64(i)/10)
		}
		copy(lambda, []float64{20, 11, 7, -3})
		copy(lambda[4:], group)
		q := exact{quadratic{diagonal: lambda}}
		for seed := range uint64(20) {
			r := compute(t, gaussian(400, 1), q, curvature.Options{
				Top: 12, TraceSamples: -1, DensityProbes: -1,
				Seed: seed,
			})
			if !matches(r.Top, lambda) || !near(r.Bottom[0].Value, -3, 1e-4) {
				t.Errorf("%s, seed %d: %v, bottom %v", name, seed, r.Summary.Top, r.Summary.Bottom)
			}
			if r.Summary.Complete {
				t.Fatalf("%s: the basis spans everything after %d products", name, r.Summary.LanczosProducts)
			}
		}
	}
}

// With little memory the iteration restarts and finds the same pairs.
func TestRestartsWithinMemory(t *testing.T) {
	lambda := make([]float64, 300)
	for i := range lambda {
		lambda[i] = 20*math.Exp(-float64(i)/8) - 0.5
	}
	q := exact{quadratic{full: rotated(lambda, 5)}}
	o := curvature.Options{Top: 5, TraceSamples: -1, DensityProbes: -1}
	free := compute(t, gaussian(300, 1), q, o)
	least := int64(300 * (6*4 + 4*12 + 4*(2*6+4*4)))
	o.MaxMemory = least + 300*4*8
	bounded := compute(t, gaussian(300, 1), q, o)
	if !matches(bounded.Top, lambda) || !matches(free.Top, lambda) {
		t.Errorf("with little memory %v, with enough %v", bounded.Summary.Top, free.Summary.Top)
	}
	if bounded.Summary.LanczosProducts <= free.Summary.LanczosProducts {
		t.Errorf("%d products with little memory, %d with enough: it did not restart", bounded.Summary.LanczosProducts,
			free.Summary.LanczosProducts)
	}
	if memory, err := o.Memory(300); err != nil || memory > o.MaxMemory {
		t.Errorf("memory %d of %d bytes: %v", memory, o.MaxMemory, err)
	}
	o.MaxMemory = least - 1
	_, err := curvature.Compute(t.Context(), gaussian(300, 1), q, o)
	if want := "curvature: 6 eigenvalues of 300 parameters need 0.1 MiB of memory; 0.1 MiB are allowed: 5 fit " +
		"(--top, --max-memory)"; err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
}

// Eigenvectors of a matrix nearby are a good start.
func TestWarmStart(t *testing.T) {
	lambda := spread(200)
	q := exact{quadratic{full: rotated(lambda, 5)}}
	o := curvature.Options{Top: 3, TraceSamples: -1, DensityProbes: -1}
	cold := compute(t, gaussian(200, 1), q, o)
	for _, p := range append(slices.Clone(cold.Top), cold.Bottom...) {
		o.Start = append(o.Start, p.Vector)
	}
	o.Seed = 7
	warm := compute(t, gaussian(200, 1), q, o)
	if !matches(warm.Top, lambda) || 2*warm.Summary.LanczosProducts > cold.Summary.LanczosProducts {
		t.Errorf("%d products from eigenvectors, %d from random ones: %v", warm.Summary.LanczosProducts,
			cold.Summary.LanczosProducts, warm.Summary.Top)
	}
	// A start inside an invariant space does not hide what is outside.
	o.Start = [][]float32{cold.Top[1].Vector, cold.Top[2].Vector, cold.Bottom[0].Vector}
	if r := compute(t, gaussian(200, 1), q, o); !matches(r.Top, lambda) {
		t.Errorf("from all but the largest eigenvector: %v", r.Summary.Top)
	}
}

// Along its own gradient a quadratic has the critical sharpness g'Hg / g'g, whatever
// part of the way the update went.
func TestCriticalSharpness(t *testing.T) {
	q := quadratic{diagonal: spread(30)}
	theta := gaussian(30, 4)
	grad := make([]float32, 30)
	loss, err := q.Gradient(t.Context(), theta, grad)
	if err != nil {
		t.Fatal(err)
	}
	gg, ghg := 0.0, 0.0
	for i, g := range grad {
		gg, ghg = gg+float64(g)*float64(g), ghg+float64(g)*q.apply(grad, i)
	}
	update := make([]float32, 30)
	for _, eta := range []float64{0.001, 0.1, 3} {
		for i, g := range grad {
			update[i] = float32(-eta * float64(g))
		}
		s, absent, err := curvature.CriticalSharpness(t.Context(), q, theta, update, loss, eta)
		if err != nil || absent != "" || !near(s.Value, ghg/gg, 0.01*ghg/gg) {
			t.Errorf("eta %v: %v %s %v; want %v", eta, s, absent, err, ghg/gg)
		}
	}
	copy(update, grad)
	if s, absent, err := curvature.CriticalSharpness(t.Context(), q, theta, update, loss, 1); err != nil || s.Valid ||
		absent == "" {
		t.Errorf("uphill: %v %q %v", s, absent, err)
	}
}
