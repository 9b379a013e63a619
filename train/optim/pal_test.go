package optim

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

// line returns a probe for an objective, at theta.
func line(f func([]float32) float64, theta []float32) *fakeProbe {
	return &fakeProbe{batchLoss: f(theta), loss: func(p []float32) (float64, error) { return f(p), nil }}
}

// TestPALLandsOnTheFloor: on a parabola, with alpha 1 and no bound, the step ends
// where the slope along it is zero, for every mu. If all curvatures are equal,
// that is the minimum.
//
// The point of the measurement is rounded to float32, by up to 2^-24 of its
// coordinates. This changes the loss there by that times the gradient, and the
// step by the share of this in a mu^2.
func TestPALLandsOnTheFloor(t *testing.T) {
	for _, mu := range []float64{0.1, 1, 7} {
		for _, q := range []quadratic{{h: []float64{3, 3, 3, 3}, c: bowl.c}, bowl} {
			o := build(t, "pal", hyper{"mu": mu, "alpha": 1, "beta": 0, "max_step": 1e9}, flat(4))
			theta := []float32{5, 5, 5, 5}
			g := q.gradient(theta)
			before, n := slices.Clone(g), norm(g)
			// The curvature along the unit gradient is its Rayleigh quotient.
			curvature, rounding := 0.0, 0.0
			for i, h := range q.h {
				curvature += h * float64(g[i]) * float64(g[i]) / (n * n)
				rounding += 0x1p-24 * 5 * math.Abs(float64(g[i]))
			}
			share := 1e-6 + rounding/(curvature/2*mu*mu)
			step(t, o, theta, g, 1, line(q.loss, theta))
			if left := dot(before, q.gradient(theta)) / (n * n); math.Abs(left) > share {
				t.Errorf("mu %v: %v of the slope is left at the floor, want less than %.2g", mu, left, share)
			}
			if q.h[0] == q.h[3] {
				for i, c := range q.c {
					if math.Abs(float64(theta[i])-c) > share*n {
						t.Errorf("mu %v: theta is %v, the minimum %v", mu, theta, q.c)
					}
				}
			}
			l := o.(*PAL).last
			if math.Abs(l.Curvature/curvature-1) > share || math.Abs(l.Step*curvature/n-1) > share {
				t.Errorf("mu %v: %+v, want curvature %v", mu, l, curvature)
			}
			if l.Measured != mu || math.Abs(l.Slope+n) > 1e-9*n {
				t.Errorf("mu %v: %+v", mu, l)
			}
		}
	}
}

func TestPALCases(t *testing.T) {
	downhill := func(p []float32) float64 { return -float64(p[0]) } // gradient -1: moving is to the right
	for _, c := range []struct {
		name  string
		given hyper
		rate  float64
		loss  func([]float32) float64
		want  float64
	}{
		{"linear goes mu", hyper{"mu": 0.5}, 1, downhill, 0.5},
		{
			"concave goes mu",
			hyper{"mu": 0.5},
			1,
			func(p []float32) float64 { return -float64(p[0]) - float64(p[0]*p[0]) }, 0.5,
		},
		{"concave is bounded", hyper{"mu": 0.5, "max_step": 0.25}, 1, downhill, 0.25},
		{
			"convex is bounded",
			hyper{"mu": 0.5, "max_step": 0.25},
			1,
			func(p []float32) float64 { return 0.5 * math.Pow(float64(p[0])-1, 2) }, 0.25,
		},
		{
			"alpha",
			hyper{"mu": 0.5, "alpha": 0.5},
			1,
			func(p []float32) float64 { return 0.5 * math.Pow(float64(p[0])-1, 2) }, 0.5,
		},
		{"the learning rate scales mu", hyper{"mu": 0.5}, 0.5, downhill, 0.25},
		{"the learning rate scales max_step", hyper{"mu": 0.5, "max_step": 0.25}, 0.5, downhill, 0.125},
		{
			"NaN stays where it measured",
			hyper{"mu": 0.5, "max_step": 0.25},
			1,
			func([]float32) float64 { return math.NaN() }, 0.5,
		},
		{"infinite stays where it measured", hyper{"mu": 0.5}, 1, func([]float32) float64 { return math.Inf(1) }, 0.5},
	} {
		theta := []float32{0, 0}
		p := &fakeProbe{
			batchLoss: c.loss([]float32{0, 0}),
			loss:      func(p []float32) (float64, error) { return c.loss(p), nil },
		}
		if math.IsNaN(p.batchLoss) || math.IsInf(p.batchLoss, 0) {
			p.batchLoss = 0
		}
		step(t, build(t, "pal", c.given, flat(2)), theta, []float32{-1, 0}, c.rate, p)
		if math.Abs(float64(theta[0])-c.want) > 1e-6 || theta[1] != 0 {
			t.Errorf("%s: theta is %v, want %v", c.name, theta, c.want)
		}
	}
	// Uphill: the new gradient points against the direction that is kept.
	o := build(t, "pal", hyper{"mu": 0.5, "beta": 0.4}, flat(2))
	theta := []float32{0, 0}
	step(t, o, theta, []float32{-1, 0}, 1, line(downhill, theta))
	kept := slices.Clone(theta)
	step(t, o, theta, []float32{0.1, 0}, 1, line(downhill, theta)) // v = -0.4 + 0.1, slope +0.1
	if !slices.Equal(kept, theta) || o.(*PAL).last.Slope != float64(float32(0.1)) {
		t.Errorf("uphill: moved from %v to %v, %+v", kept, theta, o.(*PAL).last)
	}
	// No gradient at all.
	o = build(t, "pal", nil, flat(2))
	step(t, o, theta, []float32{0, 0}, 1, line(downhill, theta))
	if !slices.Equal(kept, theta) || o.(*PAL).last.Norm != 1e-10 {
		t.Errorf("zero gradient: moved from %v to %v, %+v", kept, theta, o.(*PAL).last)
	}
	bad := errors.New("no loss")
	err := o.Step(context.Background(), theta, []float32{1, 0}, 1,
		&fakeProbe{loss: func([]float32) (float64, error) { return 0, bad }})
	if !errors.Is(err, bad) || !slices.Equal(kept, theta) {
		t.Errorf("failing probe: %v, theta %v", err, theta)
	}
}

// TestPALTrajectory follows many steps on an objective with curvatures of both
// signs. The reference computes the direction as a sum over all past gradients,
// and the parabola from Lagrange's form on the points 0 (twice) and mu.
func TestPALTrajectory(t *testing.T) {
	const mu, alpha, beta, longest = 0.3, 1.2, 0.4, 0.8
	f := func(v []float64) float64 {
		return math.Cos(v[0]) + 0.5*math.Cos(2*v[1]) + 0.05*(v[0]*v[0]+v[1]*v[1]) + 0.1*v[0]*v[1]
	}
	gradient := func(v []float64) []float64 {
		return []float64{-math.Sin(v[0]) + 0.1*v[0] + 0.1*v[1], -math.Sin(2*v[1]) + 0.1*v[1] + 0.1*v[0]}
	}
	wide := func(v []float32) []float64 { return []float64{float64(v[0]), float64(v[1])} }
	o := build(t, "pal", hyper{"mu": mu, "alpha": alpha, "beta": beta, "max_step": longest}, flat(2))
	theta := []float32{0.1, -0.2}
	var past [2][]float64
	var convex, concave, bounded int
	for k := 1; k <= 60; k++ {
		at := wide(theta) // each step from the same point, so that only the step is compared
		g := gradient(at)
		v := make([]float64, 2)
		for i := range v {
			past[i] = append(past[i], g[i])
			v[i] = explicit(past[i], beta, 1)
		}
		n := math.Hypot(v[0], v[1])
		f0, f1 := f(at), f([]float64{at[0] - mu*v[0]/n, at[1] - mu*v[1]/n})
		slope := -(g[0]*v[0] + g[1]*v[1]) / n
		// f1 = f0 + slope mu + a mu^2; the minimum of the parabola is where the
		// slope, which changes by 2 (f1-f0-slope mu)/mu per mu, has gone to zero.
		gain := 2 * (f1 - f0 - slope*mu) / mu
		s := 0.0
		switch {
		case slope < 0 && gain > 0:
			s = alpha * mu * -slope / gain
			convex++
		case slope < 0:
			s = mu
			concave++
		}
		if s > longest {
			s = longest
			bounded++
		}
		step(t, o, theta, narrow(g), 1,
			&fakeProbe{batchLoss: f0, loss: func(p []float32) (float64, error) { return f(wide(p)), nil }})
		near(t, k, theta, []float64{at[0] - s*v[0]/n, at[1] - s*v[1]/n})
	}
	if convex == 0 || concave == 0 || bounded == 0 {
		t.Errorf("%d convex, %d concave, %d bounded steps: the test does not reach all", convex, concave, bounded)
	}
}
