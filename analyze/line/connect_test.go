package line_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/analyze/line"
)

// ring is the valley (x^2 + (y-c)^2 - 1)^2: its floor is a circle.
type ring struct{ c float64 }

var _ analyze.Gradient = ring{}

func (r ring) Loss(_ context.Context, p []float32) (float64, error) {
	x, y := float64(p[0]), float64(p[1])-r.c
	d := x*x + y*y - 1
	return d * d, nil
}

func (r ring) Gradient(ctx context.Context, p, grad []float32) (float64, error) {
	x, y := float64(p[0]), float64(p[1])-r.c
	d := x*x + y*y - 1
	grad[0], grad[1] = float32(4*d*x), float32(4*d*y)
	clear(grad[2:])
	return r.Loss(ctx, p)
}

// ends are two points of the floor. The center of the ring is a little below the line
// between them, so that the way around is above.
func (r ring) ends() (a, b []float32) {
	x := float32(math.Sqrt(1 - r.c*r.c))
	return []float32{-x, 0, 7}, []float32{x, 0, 7}
}

func connect(t fataler, a, b []float32, g analyze.Gradient, o line.ConnectOptions) *line.ConnectResult {
	r, err := line.Connect(context.Background(), a, b, g, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Losses.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := r.Training.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

// In a curved valley the barrier of the curve is far below the barrier of the straight line.
func TestBentPathGoesAroundTheBarrier(t *testing.T) {
	valley := ring{c: -0.2}
	a, b := valley.ends()
	for _, form := range []line.Form{line.Bezier, line.Polychain} {
		for _, momentum := range []float64{0, 0.9} {
			before := slices.Concat(a, b)
			o := line.ConnectOptions{Form: form, Momentum: momentum, LearningRate: 0.1 * (1 - momentum), Steps: 600}
			r := connect(t, a, b, valley, o)
			s := &r.Summary
			if best := bestMean(valley, form); s.Curve.Mean.Value > 1.1*best {
				t.Errorf("%s, momentum %v: mean loss %v; the best bend has %v", form, momentum, s.Curve.Mean, best)
			}
			straight := 1 - valley.c*valley.c
			if !near(s.Straight.BarrierHeight.Value, straight*straight, 1e-6) ||
				!near(s.Straight.Length, 2*math.Sqrt(straight), 1e-6) {
				t.Errorf("%s: straight line %+v", form, s.Straight)
			}
			if s.BarrierRatio.Value > 0.3 {
				t.Errorf("%s, momentum %v: barrier %v, straight %v",
					form, momentum, s.Curve.BarrierHeight, s.Straight.BarrierHeight)
			}
			if s.LengthRatio <= 1 || s.Diverged || r.Curve.Bend[1] <= 0 || r.Curve.Bend[2] != 7 {
				t.Errorf("%s, momentum %v: length ratio %v, bend %v", form, momentum, s.LengthRatio, r.Curve.Bend)
			}
			if !slices.Equal(before, slices.Concat(a, b)) {
				t.Error("the ends were changed")
			}
			if n := r.Losses.Len(); n != 122 || r.Training.Len() != 600 {
				t.Errorf("%d points, %d steps", n, r.Training.Len())
			}
			if d := cmp.Diff(r, connect(t, a, b, valley, o)); d != "" {
				t.Errorf("not the same twice: %s", d)
			}
		}
	}
}

// bestMean returns the lowest mean loss of all bends on the axis of symmetry.
func bestMean(valley ring, form line.Form) float64 {
	a, b := valley.ends()
	best := math.Inf(1)
	point := make([]float32, 3)
	for i := range 400 {
		c := line.Curve{Form: form, A: a, B: b, Bend: []float32{0, float32(i) / 100, 7}}
		mean := 0.0
		for j := range 61 {
			c.Point(float64(j)/60, point)
			v, _ := valley.Loss(context.Background(), point)
			mean += v / 61
		}
		best = min(best, mean)
	}
	return best
}

// A curve passes through its ends to the bit, and its length is the sum of the lengths of
// short pieces.
func TestCurveThroughItsEndsWithItsLength(t *testing.T) {
	a, b, w := []float32{0.1, 0, 0}, []float32{3.3, 0, 0}, []float32{1, 2, 0}
	for _, form := range []line.Form{line.Bezier, line.Polychain} {
		c := &line.Curve{Form: form, A: a, B: b, Bend: w}
		p, q := make([]float32, 3), make([]float32, 3)
		c.Point(0, p)
		c.Point(1, q)
		if !slices.Equal(p, a) || !slices.Equal(q, b) {
			t.Errorf("%s: ends %v, %v", form, p, q)
		}
		sum := 0.0
		const n = 4000
		for i := 1; i <= n; i++ {
			c.Point(float64(i)/n, q)
			s := 0.0
			for j := range p {
				d := float64(q[j]) - float64(p[j])
				if i == 1 {
					d = float64(q[j]) - float64(a[j])
				}
				s += d * d
			}
			sum += math.Sqrt(s)
			copy(p, q)
			if i == n/2 && !near(c.LengthTo(0.5), sum, 1e-3) {
				t.Errorf("%s: half the way is %v long, in pieces %v", form, c.LengthTo(0.5), sum)
			}
		}
		if !near(c.Length(), sum, 1e-3) {
			t.Errorf("%s: %v long, in pieces %v", form, c.Length(), sum)
		}
	}
	corner := &line.Curve{Form: line.Polychain, A: a, B: b, Bend: w}
	p := make([]float32, 3)
	if corner.Point(0.5, p); !slices.Equal(p, w) {
		t.Errorf("the chain passes %v at 1/2; its corner is %v", p, w)
	}
	straight := &line.Curve{Form: line.Bezier, A: a, B: b, Bend: []float32{1.7, 0, 0}}
	if !near(straight.Length(), 3.2, 1e-6) {
		t.Errorf("a straight curve is %v long; want 3.2", straight.Length())
	}
}

func TestBendThatDiverges(t *testing.T) {
	valley := ring{c: -0.2}
	a, b := valley.ends()
	r := connect(t, a, b, valley, line.ConnectOptions{LearningRate: 1e6})
	if !r.Summary.Diverged || r.Summary.Steps >= 200 || !strings.Contains(codes(r.Warnings), "bend_diverged") {
		t.Errorf("%+v", r.Summary)
	}
	for _, v := range r.Curve.Bend {
		if v-v != 0 {
			t.Errorf("bend %v", r.Curve.Bend)
		}
	}
}

// flat is a ring whose gradient is zero everywhere.
type flat struct{ ring }

func (f flat) Gradient(ctx context.Context, p, grad []float32) (float64, error) {
	clear(grad)
	return f.Loss(ctx, p)
}

func TestBendThatDoesNotMoveIsReported(t *testing.T) {
	valley := ring{c: -0.2}
	a, b := valley.ends()
	r := connect(t, a, b, flat{valley}, line.ConnectOptions{Steps: 3, Points: 11})
	if !near(r.Summary.BarrierRatio.Value, 1, 1e-6) {
		t.Errorf("barrier ratio %v", r.Summary.BarrierRatio)
	}
	if r.Summary.BarrierRatio.Value >= 1 != strings.Contains(codes(r.Warnings), "bend_no_better") {
		t.Errorf("ratio %v, warnings %v", r.Summary.BarrierRatio, r.Warnings)
	}
}

func TestBadConnectOptionsAreNamed(t *testing.T) {
	valley := ring{c: -0.2}
	a, b := valley.ends()
	for want, o := range map[string]line.ConnectOptions{
		`form is "x"`:         {Form: "x"},
		"steps is -1":         {Steps: -1},
		"learning rate is -1": {LearningRate: -1},
		"momentum is 1":       {Momentum: 1},
		"points is 2":         {Points: 2},
		`measure "curve"`:     {Also: []line.Measure{{Name: "curve", Loss: valley}}},
	} {
		if _, err := line.Connect(context.Background(), a, b, valley, o); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
