package nn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train/nn/op"
)

// onSpan is a model's evaluator and a span: points that are a few steps apart, and two
// random directions, filter by filter about as long as the parameters.
type onSpan struct {
	e                  *Evaluator
	points, directions [][]float32
}

// The steps between the points: large, ordinary, and as small as late in training.
var steps = []float64{0.1, 1e-3, 1e-6}

func newOnSpan(t testing.TB, spec string, in Input, n int, opts EvalOptions) onSpan {
	t.Helper()
	x, y := data(in, n, 4)
	m, err := New(spec, in, Options{Batch: 1, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	if opts.Policy == Running {
		opts.State = m.State()
	}
	p := onSpan{e: newEvaluator(t, spec, in, x, y, opts), points: [][]float32{m.Theta()}}
	rng := rand.New(rand.NewPCG(6, 7))
	random := func(scale float64) []float32 {
		v := make([]float32, len(m.Theta()))
		for i := range v {
			v[i] = float32(scale * rng.NormFloat64())
		}
		return v
	}
	for k, scale := range steps {
		next := random(scale)
		for i, v := range p.points[k] {
			next[i] += v
		}
		p.points = append(p.points, next)
	}
	p.directions = [][]float32{random(0.1), random(0.1)}
	return p
}

// evaluate evaluates the points together.
func (p *onSpan) evaluate(t testing.TB, at ...record.Coordinates) (loss, accuracy []float64) {
	t.Helper()
	f, err := p.e.OnSpan(record.Span{Points: p.points, Directions: p.directions})
	if err != nil {
		t.Fatal(err)
	}
	loss, accuracy = make([]float64, len(at)), make([]float64, len(at))
	if err := f(context.Background(), at, loss, accuracy); err != nil {
		t.Fatal(err)
	}
	return loss, accuracy
}

// theta returns the point, by the formula of record.Coordinates.
func (p *onSpan) theta(at record.Coordinates) []float32 {
	theta := make([]float32, len(p.points[0]))
	for i := range theta {
		base := float64(p.points[at.Base][i])
		sum := base
		for k, c := range at.Along {
			switch {
			case c == 0:
			case k < len(p.points):
				sum += c * (float64(p.points[k][i]) - base)
			default:
				sum += c * float64(p.directions[k-len(p.points)][i])
			}
		}
		theta[i] = float32(sum)
	}
	return theta
}

// onPlane returns the point of the plane of both directions, at a and b from the first point.
func onPlane(a, b float64) record.Coordinates {
	return record.Coordinates{Along: []float64{0, 0, 0, 0, a, b}}
}

// onSegment returns the point at alpha between point k and the next one.
func onSegment(k int, alpha float64) record.Coordinates {
	c := record.Coordinates{Base: k, Along: make([]float64, 6)}
	if c.Along[k+1] = alpha; alpha == 1 {
		c = record.Coordinates{Base: k + 1}
	}
	return c
}

// spanPoints are points of every kind.
func spanPoints() []record.Coordinates {
	points := []record.Coordinates{
		{},
		onPlane(0, 0), onPlane(1, 0), onPlane(-0.5, 0.25), onPlane(0.3, -1), onPlane(2, 1.5), onPlane(-1, 0.7),
		{Base: 1, Along: []float64{0.25, 0, 0.5, 0, 0, 0}},   // of a curve with a bend
		{Base: 2, Along: []float64{0, 0, 0, 0.5, -0.1, 0}},   // of all kinds
		{Base: 3, Along: []float64{-0.1, 0, 1e3, 0, 0, 0.2}}, // far away on one of the lines
	}
	for k := range steps {
		for _, alpha := range []float64{0, 0.1, 0.7, 1, -0.5, 2} {
			points = append(points, onSegment(k, alpha))
		}
	}
	return points
}

// TestSpanAgreesWithLoss compares the evaluation of points of a span with the loss of
// each of them, for all models and policies, also where the points have different
// states.
func TestSpanAgreesWithLoss(t *testing.T) {
	ctx := context.Background()
	for _, c := range models {
		for _, policy := range []Policy{Running, Batch, Recompute} {
			p := newOnSpan(t, c.spec, c.in, 71, EvalOptions{Policy: policy, Chunk: 12, Workers: 2})
			at := spanPoints()
			for i := range at {
				if i%3 == 1 {
					at[i].State = make([]float32, len(p.e.state))
					for k := range at[i].State {
						at[i].State[k] = 0.5 + float32((i+k)%7)/7
					}
				}
			}
			loss, accuracy := p.evaluate(t, at...)
			for i := range at {
				p.e.UseState(at[i].State)
				want, err := p.e.Evaluate(ctx, p.theta(at[i]))
				if err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(loss[i]-want.Loss) <= 1e-6*want.Loss) {
					t.Errorf("%s, %s: loss %.12g at %v, plain evaluation %.12g", c.spec, policy, loss[i], at[i], want.Loss)
				}
				if math.Abs(accuracy[i]-want.Accuracy) > 1.0/71 { // rounding may decide a tie
					t.Errorf("%s, %s: accuracy %g at %v, plain evaluation %g", c.spec, policy, accuracy[i], at[i],
						want.Accuracy)
				}
			}
			p.e.UseState(nil)
		}
	}
}

// TestSpanBitsDependOnThePointAlone evaluates the same points together with other
// points, in another order, as points of a larger span, and with other numbers of
// workers. Consecutive segments of a walk therefore agree at their common iterate.
func TestSpanBitsDependOnThePointAlone(t *testing.T) {
	at := spanPoints()
	for i := range 21 {
		at = append(at, onPlane(float64(i%5)/4-0.5, float64(i)/20-0.5))
	}
	for _, spec := range []string{"mlp:9,8", "mlp:", "lenet", "resnet:8"} {
		in := Input{Height: 13, Width: 12, Channels: 1, Classes: 4}
		one := newOnSpan(t, spec, in, 70, EvalOptions{Workers: 1})
		want, _ := one.evaluate(t, at...)
		for _, workers := range []int{2, 5} {
			p := newOnSpan(t, spec, in, 70, EvalOptions{Workers: workers})
			got, _ := p.evaluate(t, at...)
			again, err := p.e.OnSpan(record.Span{Points: p.points, Directions: p.directions}) // stores the products the second time
			if err != nil {
				t.Fatal(err)
			}
			for i := range at {
				alone := make([]float64, 1)
				if err := again(t.Context(), at[i:i+1], alone, nil); err != nil {
					t.Fatal(err)
				}
				// Only the vectors that the point needs, behind others.
				few, c := onSpan{e: p.e, directions: p.directions}, record.Coordinates{Base: 1}
				few.points = [][]float32{p.points[3], p.points[at[i].Base], p.points[min(at[i].Base+1, 3)]}
				c.Along = make([]float64, 5)
				shared := true
				at[i].Terms(func(k int, a float64) {
					switch {
					case k >= 4:
						c.Along[k-1] = a
					case k == at[i].Base+1:
						c.Along[2] = a
					default:
						shared = false // another point, which is not in the smaller span
					}
				})
				if shared {
					small, _ := few.evaluate(t, c)
					shared = math.Float64bits(small[0]) == math.Float64bits(want[i])
				} else {
					shared = true
				}
				if math.Float64bits(got[i]) != math.Float64bits(want[i]) ||
					math.Float64bits(alone[0]) != math.Float64bits(want[i]) || !shared {
					t.Fatalf("%s: point %v has %v with %d workers, %v alone, and %v with 1 worker", spec, at[i], got[i],
						workers, alone[0], want[i])
				}
			}
		}
	}
}

// TestSpanKeepsTheShapeOfAShortStep: along a step as short as late in training, the
// losses follow a float64 evaluation at least as closely as those of plain evaluation.
// Only the shape counts: the floor and the curvature of a walk depend on differences of
// losses, so the mean and the slope of the error are removed.
func TestSpanKeepsTheShapeOfAShortStep(t *testing.T) {
	in := Input{Height: 9, Width: 9, Channels: 1, Classes: 5}
	for _, spec := range []string{"mlp:16", "mlp:12,9", "lenet"} {
		if spec == "lenet" {
			in = Input{Height: 13, Width: 12, Channels: 1, Classes: 5}
		}
		p := newOnSpan(t, spec, in, 200, EvalOptions{})
		x, y := data(in, 200, 4)
		var plain, span float64
		for k := range steps {
			var errPlain, errSpan []float64
			for i := range 21 {
				at := onSegment(k, float64(i)/20)
				exact := make([]float64, len(p.points[0]))
				for j := range exact {
					a, b := float64(p.points[k][j]), float64(p.points[k+1][j])
					exact[j] = a + float64(i)/20*(b-a)
				}
				want := exactLoss(t, p.e.plan, exact, x, y)
				one, err := p.e.Loss(t.Context(), p.theta(at))
				if err != nil {
					t.Fatal(err)
				}
				two, _ := p.evaluate(t, at)
				errPlain, errSpan = append(errPlain, one-want), append(errSpan, two[0]-want)
			}
			a, b := roughness(errPlain), roughness(errSpan)
			t.Logf("%s, step %g: error of plain evaluation %.2g, on the span %.2g", spec, steps[k], a, b)
			plain, span = plain+a, span+b
		}
		if !(span <= 1.2*plain) {
			t.Errorf("%s: the error along steps is %.3g on the span and %.3g in plain evaluation", spec, span, plain)
		}
	}
}

// exactLoss returns the loss of a plan in float64.
func exactLoss(t *testing.T, p *plan, theta []float64, x []float32, y []int32) float64 {
	t.Helper()
	g, err := compile(p, theta, make([]float64, p.state.Len()), len(y), op.NewWorkers(1), forLoss)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.run(x, y); err != nil {
		t.Fatal(err)
	}
	return g.loss.Loss
}

// roughness returns the root mean square of the second differences.
func roughness(v []float64) float64 {
	s := 0.0
	for i := 2; i < len(v); i++ {
		d := v[i] - 2*v[i-1] + v[i-2]
		s += d * d
	}
	return math.Sqrt(s / float64(len(v)-2))
}

// TestSpanLeavesTheEvaluatorAlone: a loss has the same bits before and after.
func TestSpanLeavesTheEvaluatorAlone(t *testing.T) {
	for _, c := range models {
		p := newOnSpan(t, c.spec, c.in, 30, EvalOptions{Workers: 2})
		before, err := p.e.Loss(context.Background(), p.points[0])
		if err != nil {
			t.Fatal(err)
		}
		sums := func() (s []uint64) {
			for _, v := range append(p.points, p.directions...) {
				s = append(s, checksum(v))
			}
			return s
		}
		unchanged := sums()
		p.evaluate(t, spanPoints()...)
		after, err := p.e.Loss(context.Background(), p.points[0])
		if err != nil || before != after || !slices.Equal(unchanged, sums()) {
			t.Errorf("%s: loss %v before and %v after, error %v", c.spec, before, after, err)
		}
	}
}

// TestSpanOddities: NaN stays NaN, also in a vector, but not where the coefficient of
// that vector is 0; a cancelled context and coordinates that do not fit are errors.
func TestSpanOddities(t *testing.T) {
	for _, spec := range []string{"mlp:6", "lenet"} {
		p := newOnSpan(t, spec, Input{Height: 13, Width: 12, Channels: 1, Classes: 4}, 40, EvalOptions{Workers: 2})
		want, _ := p.evaluate(t, onSegment(0, 0.5))
		for i, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			p.points[2] = slices.Clone(p.points[2])
			for k := range p.points[2] {
				p.points[2][k] = bad
			}
			at := []record.Coordinates{onSegment(0, 0.5), onSegment(0, 1), onSegment(1, 0.5), onSegment(1, 1), onPlane(math.NaN(), 0)}
			loss, accuracy := p.evaluate(t, at...)
			for i := range at {
				plain, err := p.e.Evaluate(t.Context(), p.theta(at[i]))
				if err != nil {
					t.Fatal(err)
				}
				if math.IsNaN(plain.Loss) != math.IsNaN(loss[i]) || i > 1 && accuracy[i] != plain.Accuracy {
					t.Errorf("%s: loss %v and accuracy %v at %v; plain evaluation has %v", spec, loss[i], accuracy[i], at[i],
						plain)
				}
			}
			if loss[0] != want[0] || !math.IsNaN(loss[2]) {
				t.Errorf("%s, %d: %v next to a point that is not finite; want %v", spec, i, loss, want[0])
			}
		}
		f, err := p.e.OnSpan(record.Span{Points: p.points})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		one := make([]float64, 1)
		if err := f(ctx, make([]record.Coordinates, 1), one, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: cancelled: %v", spec, err)
		}
		for _, at := range []record.Coordinates{{Base: 4}, {Base: -1}, {Along: make([]float64, 6)}, {State: make([]float32, 1)}} {
			if err := f(t.Context(), []record.Coordinates{at}, one, one); err == nil {
				t.Errorf("%s: no error for %v", spec, at)
			}
		}
		if err := f(t.Context(), make([]record.Coordinates, 2), one, nil); err == nil {
			t.Errorf("%s: 2 points with room for 1 loss are taken", spec)
		}
		if _, err := p.e.OnSpan(record.Span{Points: p.points[:1], Directions: [][]float32{p.points[0][1:]}}); err == nil {
			t.Errorf("%s: a short direction is taken", spec)
		}
	}
}
