package nn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// onPlane is a model's evaluator and a plane of random directions, filter by
// filter about as long as the parameters.
type onPlane struct {
	e            *Evaluator
	origin, u, v []float32
}

func newOnPlane(t testing.TB, spec string, in Input, n int, opts EvalOptions) onPlane {
	t.Helper()
	x, y := data(in, n, 4)
	m, err := New(spec, in, Options{Batch: 1, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	if opts.Policy == Running {
		opts.State = m.State()
	}
	p := onPlane{e: newEvaluator(t, spec, in, x, y, opts), origin: m.Theta()}
	rng := rand.New(rand.NewPCG(6, 7))
	for range p.origin {
		p.u = append(p.u, float32(0.1*rng.NormFloat64()))
		p.v = append(p.v, float32(0.1*rng.NormFloat64()))
	}
	return p
}

func (p *onPlane) evaluate(t testing.TB, a, b []float64) (loss, accuracy []float64) {
	t.Helper()
	_, f, err := p.e.OnPlane(p.origin, p.u, p.v)
	if err != nil {
		t.Fatal(err)
	}
	loss, accuracy = make([]float64, len(a)), make([]float64, len(a))
	if err := f(context.Background(), a, b, loss, accuracy); err != nil {
		t.Fatal(err)
	}
	return loss, accuracy
}

// TestPlaneAgreesWithLoss compares the evaluation of a plane with the loss of
// each of its points, for all models and policies.
func TestPlaneAgreesWithLoss(t *testing.T) {
	ctx := context.Background()
	a, b := []float64{0, 1, -0.5, 0.3, 2, -1}, []float64{0, 0, 0.25, -1, 1.5, 0.7}
	for _, c := range models {
		for _, policy := range []Policy{Running, Batch, Recompute} {
			p := newOnPlane(t, c.spec, c.in, 71, EvalOptions{Policy: policy, Chunk: 12, Workers: 2})
			loss, accuracy := p.evaluate(t, a, b)
			theta := make([]float32, len(p.origin))
			for i := range a {
				for j := range theta {
					theta[j] = float32(float64(p.origin[j]) + a[i]*float64(p.u[j]) + b[i]*float64(p.v[j]))
				}
				want, err := p.e.Evaluate(ctx, theta)
				if err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(loss[i]-want.Loss) <= 1e-6*want.Loss) {
					t.Errorf("%s, %s: loss %.12g at (%g, %g), plain evaluation %.12g",
						c.spec, policy, loss[i], a[i], b[i], want.Loss)
				}
				if math.Abs(accuracy[i]-want.Accuracy) > 1.0/71 { // rounding may decide a tie
					t.Errorf("%s, %s: accuracy %g at (%g, %g), plain evaluation %g",
						c.spec, policy, accuracy[i], a[i], b[i], want.Accuracy)
				}
			}
		}
	}
}

// TestPlaneBitsDependOnThePointAlone evaluates the same points together with
// other points, in another order and with other numbers of workers.
func TestPlaneBitsDependOnThePointAlone(t *testing.T) {
	var a, b []float64
	for i := range 21 {
		a, b = append(a, float64(i%5)/4-0.5), append(b, float64(i)/20-0.5)
	}
	for _, spec := range []string{"mlp:9,8", "resnet:8"} {
		in := Input{Height: 6, Width: 5, Channels: 1, Classes: 4}
		one := newOnPlane(t, spec, in, 70, EvalOptions{Workers: 1})
		want, _ := one.evaluate(t, a, b)
		five := newOnPlane(t, spec, in, 70, EvalOptions{Workers: 5})
		got, _ := five.evaluate(t, a, b)
		for i := range a {
			last := len(a) - 1 - i
			alone, _ := five.evaluate(t, a[last:last+1], b[last:last+1])
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) ||
				math.Float64bits(alone[0]) != math.Float64bits(want[last]) {
				t.Fatalf("%s: point %d has %v with 5 workers and %v with 1; alone point %d has %v, want %v",
					spec, i, got[i], want[i], last, alone[0], want[last])
			}
		}
	}
}

// TestPlaneLeavesTheEvaluatorAlone: a loss has the same bits before and after.
func TestPlaneLeavesTheEvaluatorAlone(t *testing.T) {
	for _, c := range models {
		p := newOnPlane(t, c.spec, c.in, 30, EvalOptions{Workers: 2})
		before, err := p.e.Loss(context.Background(), p.origin)
		if err != nil {
			t.Fatal(err)
		}
		sums := [3]uint64{checksum(p.origin), checksum(p.u), checksum(p.v)}
		p.evaluate(t, []float64{1, -1}, []float64{0, 2})
		after, err := p.e.Loss(context.Background(), p.origin)
		if err != nil || before != after || sums != [3]uint64{checksum(p.origin), checksum(p.u), checksum(p.v)} {
			t.Errorf("%s: loss %v before and %v after, error %v", c.spec, before, after, err)
		}
	}
}

// TestPlaneOddities: a line is a plane without a second direction; NaN stays NaN; a
// cancelled context and vectors of another length are errors.
func TestPlaneOddities(t *testing.T) {
	for _, spec := range []string{"mlp:6", "lenet"} {
		p := newOnPlane(t, spec, Input{Height: 13, Width: 12, Channels: 1, Classes: 4}, 40, EvalOptions{Workers: 2})
		_, line, err := p.e.OnPlane(p.origin, p.u, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, loss := []float64{-1, 0.5, math.NaN()}, make([]float64, 3)
		if err := line(context.Background(), a, make([]float64, 3), loss, nil); err != nil {
			t.Fatal(err)
		}
		want, _ := p.evaluate(t, a, make([]float64, 3))
		if loss[0] != want[0] || loss[1] != want[1] || !math.IsNaN(loss[2]) || !math.IsNaN(want[2]) {
			t.Errorf("%s: on the line %v, on the plane %v; the last is NaN", spec, loss, want)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := line(ctx, a, make([]float64, 3), loss, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: cancelled: %v", spec, err)
		}
		if err := line(context.Background(), a, a[:2], loss, nil); err == nil {
			t.Errorf("%s: 3 and 2 coordinates are taken", spec)
		}
		if _, _, err := p.e.OnPlane(p.origin, p.u[1:], p.v); err == nil {
			t.Errorf("%s: a short direction is taken", spec)
		}
	}
}
