package path

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/record"
)

// lengths returns a table of a walk with these step lengths, the learning rate 0.5 before a step and 0.05 from it on.
func lengths(values []float64, rateStep int) *record.Table {
	n := len(values)
	column := func(name string) record.Column {
		return record.Column{Name: name, Floats: make([]float64, n), Valid: make([]bool, n)}
	}
	steps := record.Column{Name: "step", Ints: make([]int64, n)}
	rates, updates := column("learning_rate"), column("update_norm")
	for i, v := range values {
		steps.Ints[i] = int64(i)
		rates.Floats[i], rates.Valid[i] = 0.5, true
		if i >= rateStep {
			rates.Floats[i] = 0.05
		}
		updates.Floats[i], updates.Valid[i] = v, true
	}
	return &record.Table{Columns: []record.Column{steps, rates, updates, column("update_cos"), column("grad_norm"), column("grad_cos")}}
}

// TestChangeIsExact: a jump in a straight line of logarithms is found with its step, levels and rates.
func TestChangeIsExact(t *testing.T) {
	values := make([]float64, 100)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range values {
		values[i] = math.Exp(-0.01*float64(i) + 1e-3*rng.NormFloat64())
		if i >= 60 {
			values[i] /= 10
		}
	}
	changes, err := Changes(lengths(values, 60), ChangesOptions{})
	if err != nil || len(changes) != 1 {
		t.Fatalf("%d changes: %v", len(changes), err)
	}
	c := changes[0]
	if c.Quantity != "update_norm" || c.Values != 100 || c.Step != 60 || c.StepLow != 60 || c.StepHigh != 60 {
		t.Errorf("%+v", c)
	}
	// The levels are those of the exact line at step 60, up to the noise.
	want := math.Exp(-0.6)
	if math.Abs(c.Before/want-1) > 2e-3 || math.Abs(c.After/(want/10)-1) > 2e-3 {
		t.Errorf("levels %g and %g, want %g and %g", c.Before, c.After, want, want/10)
	}
	if c.RateBefore != record.Some(0.5) || c.RateAfter != record.Some(0.05) {
		t.Errorf("rates %v and %v", c.RateBefore, c.RateAfter)
	}
	if c.AtLeast != 1./401 {
		t.Errorf("at least as large: %g", c.AtLeast)
	}
	s := Summary{Changes: changes}
	found := false
	for _, f := range s.Findings() {
		found = found || strings.Contains(f.Text, "at step 60 (95 % interval 60 to 60)") && strings.Contains(f.Text, "from 0.5 to 0.05 there")
	}
	if !found {
		t.Errorf("%v", s.Findings())
	}
	again, _ := Changes(lengths(values, 60), ChangesOptions{})
	if again[0] != c {
		t.Error("the same table gives another change")
	}
}

// TestBestJumpIsLeastSquares compares the place and the F of the jump with brute force: the normal equations of every
// place.
func TestBestJumpIsLeastSquares(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		n := 30 + rng.IntN(30)
		x, y := make([]float64, n), make([]float64, n)
		at := 0.0
		for i := range x {
			at += float64(1 + rng.IntN(3))
			x[i], y[i] = at, rng.NormFloat64()+0.1*at
		}
		j := newJumps(x, 5)
		rest := append([]float64(nil), y...)
		j.line(rest)
		line := 0.0
		for _, v := range rest {
			line += v * v
		}
		k, _, f := j.best(rest)
		bestK, bestRest := 0, math.Inf(1)
		for c := 5; c <= n-5; c++ {
			// Gram-Schmidt of 1, x and the jump.
			basis := make([][]float64, 3)
			for b := range basis {
				basis[b] = make([]float64, n)
				for i := range n {
					switch {
					case b == 0:
						basis[b][i] = 1
					case b == 1:
						basis[b][i] = x[i]
					case i >= c:
						basis[b][i] = 1
					}
				}
			}
			residual := append([]float64(nil), y...)
			for b, v := range basis {
				for _, u := range basis[:b] {
					subtract(v, u)
				}
				subtract(residual, v)
			}
			if sum := dot64(residual, residual); sum < bestRest {
				bestK, bestRest = c, sum
			}
		}
		if want := (line - bestRest) / (bestRest / float64(n-3)); k != bestK || math.Abs(f/want-1) > 1e-8 {
			t.Fatalf("jump at %d with F %g, brute force at %d with %g", k, f, bestK, want)
		}
	}
}

func dot64(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// subtract removes from v its part along u.
func subtract(v, u []float64) {
	c := dot64(v, u) / dot64(u, u)
	for i := range v {
		v[i] -= c * u[i]
	}
}

// TestChangeCoverage simulates walks with noise of which neighbours depend on each other: a trend without a jump
// rarely gives a small probability, and the interval of a jump has the jump.
func TestChangeCoverage(t *testing.T) {
	for _, c := range []struct {
		correlation          float64
		maxFalse, minCovered float64 // of 100 walks
	}{
		{0, 0.12, 0.88},
		{0.3, 0.25, 0.85},
	} {
		rng := rand.New(rand.NewPCG(5, 6))
		const walks, n, place = 100, 150, 90
		falses, covered := 0, 0
		for range walks {
			noise := make([]float64, n)
			previous := rng.NormFloat64() / math.Sqrt(1-c.correlation*c.correlation)
			for i := range noise {
				previous = c.correlation*previous + rng.NormFloat64()
				noise[i] = previous
			}
			for _, jump := range []float64{0, 2} {
				values := make([]float64, n)
				for i, v := range noise {
					values[i] = 0.02*float64(i) + v
					if i >= place {
						values[i] += jump
					}
					values[i] = math.Exp(values[i])
				}
				changes, err := Changes(lengths(values, n), ChangesOptions{Resamples: 100})
				if err != nil {
					t.Fatal(err)
				}
				got := changes[0]
				switch {
				case jump == 0 && got.AtLeast <= 0.05:
					falses++
				case jump != 0 && got.StepLow <= place && place <= got.StepHigh:
					covered++
				}
			}
		}
		t.Logf("correlation %g: %d of %d trends have a change with probability 0.05; %d intervals have the jump",
			c.correlation, falses, walks, covered)
		if float64(falses) > c.maxFalse*walks || float64(covered) < c.minCovered*walks {
			t.Errorf("correlation %g: too many changes of trends (%d) or too few intervals with the jump (%d)",
				c.correlation, falses, covered)
		}
	}
}

// TestChangesLeavesOut: too few values, no variation, values without a logarithm, wrong options.
func TestChangesLeavesOut(t *testing.T) {
	straight, short := make([]float64, 50), make([]float64, 19)
	for i := range straight {
		straight[i] = math.Exp(float64(i))
	}
	for i := range short {
		short[i] = float64(1 + i*i%7)
	}
	for name, values := range map[string][]float64{"a straight line": straight, "19 values": short, "zeros": make([]float64, 50)} {
		if changes, err := Changes(lengths(values, 0), ChangesOptions{}); err != nil || len(changes) != 0 {
			t.Errorf("%s: %v, %v", name, changes, err)
		}
	}
	for _, o := range []ChangesOptions{{Margin: 1}, {Margin: -1}, {Resamples: 99}, {Resamples: -1}} {
		if _, err := Changes(lengths(short, 0), o); err == nil {
			t.Errorf("%+v is allowed", o)
		}
	}
}
