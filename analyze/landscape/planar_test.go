package landscape_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/record"
	"sgdwalk/train/nn"
)

// planar is a loss of two coordinates that evaluates four points at a time.
type planar struct {
	analyze.LossFunc
	at    func(a, b float64) float64
	calls *int // of evaluate
}

func (planar) BatchSize() int { return 4 }

func (p planar) OnSpan(record.Span) (
	func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error, error,
) {
	return func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error {
		*p.calls++
		for i := range at {
			loss[i] = p.at(at[i].Along[1], at[i].Along[2])
			if accuracy != nil {
				accuracy[i] = 1 - loss[i]/100
			}
		}
		return ctx.Err()
	}, nil
}

func newPlanar(at func(a, b float64) float64) planar {
	return planar{func(_ context.Context, theta []float32) (float64, error) {
		return at(float64(theta[0]), float64(theta[1])), nil
	}, at, new(int)}
}

var unit = [][]float32{{0, 0}, {1, 0}, {0, 1}}

// A loss that shares work is evaluated in batches, with its accuracy, and with Options.Plain
// point by point.
func TestPlanar(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	loss := newPlanar(func(a, b float64) float64 { return a*a + 3*b })
	o := landscape.Options{
		X: analyze.Range{Min: -1, Max: 1, N: 5}, Y: analyze.Range{Min: 0, Max: 1, N: 3},
		Accuracy: true, Test: newPlanar(func(a, b float64) float64 { return a + b }),
	}
	r, err := landscape.Compute(context.Background(), p, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	if *loss.calls != 4 || !r.Summary.Shared ||
		fmt.Sprint(r.Grid.Names) != "[accuracy test_loss test_accuracy]" { // ceil(15/4)
		t.Errorf("%d calls, shared %v, measured %v", *loss.calls, r.Summary.Shared, r.Grid.Names)
	}
	for row := range r.Table.Len() {
		a, b := r.Table.Column("a").Floats[row], r.Table.Column("b").Floats[row]
		for name, want := range map[string]float64{
			"loss": a*a + 3*b, "accuracy": 1 - (a*a+3*b)/100, "test_loss": a + b,
			"test_accuracy": 1 - (a+b)/100,
		} {
			near(t, name, r.Table.Column(name).Floats[row], want, 1e-15)
		}
	}
	plain, err := landscape.Compute(context.Background(), p, loss, landscape.Options{X: o.X, Y: o.Y, Plain: true})
	if err != nil || *loss.calls != 4 || plain.Summary.Shared {
		t.Errorf("plain: error %v, %d calls, shared %v", err, *loss.calls, plain.Summary.Shared)
	}
	o.Plain = true
	if _, err := landscape.Compute(context.Background(), p, loss, o); err == nil ||
		!strings.Contains(err.Error(), "accuracy") {
		t.Errorf("accuracy point by point: %v", err)
	}
}

// Shared and plain evaluation of networks agree to 1e-6, on a filter-normalized
// plane, over all cells.
func TestSharedAgreesWithPlain(t *testing.T) {
	in := nn.Input{Height: 12, Width: 12, Channels: 1, Classes: 10}
	rng := rand.New(rand.NewPCG(3, 4))
	inputs, labels := make([]float32, 200*in.Len()), make([]int32, 200)
	for i := range inputs {
		inputs[i] = float32(rng.NormFloat64())
	}
	for i := range labels {
		labels[i] = int32(rng.IntN(10))
	}
	for _, spec := range []string{"mlp:64", "mlp:", "lenet", "resnet:8"} {
		m, err := nn.New(spec, in, nn.Options{Batch: 1, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		e, err := nn.NewEvaluator(spec, in, inputs, labels, nn.EvalOptions{State: m.State()})
		if err != nil {
			t.Fatal(err)
		}
		p, err := landscape.RandomPlane(m.Theta(), m.Layout(), landscape.DirectionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o := landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 5}, Y: analyze.Range{Min: -0.5, Max: 1, N: 4}}
		shared, err := landscape.Compute(context.Background(), p, e, o)
		if err != nil {
			t.Fatal(err)
		}
		o.Plain = true
		plain, err := landscape.Compute(context.Background(), p, e, o)
		if err != nil {
			t.Fatal(err)
		}
		for c, v := range shared.Grid.Loss {
			if w := plain.Grid.Loss[c]; !(math.Abs(v-w) <= 1e-6*math.Abs(w)) {
				t.Errorf("%s: cell %d has %.10g shared and %.10g plain", spec, c, v, w)
			}
		}
		m.Close()
		e.Close()
	}
}

// For a linear function, both ends of every edge of the fine grid that a contour crosses are
// evaluated, and other cells are not. Cells of both grids have the same bits, and the
// interpolation is exact.
func TestRefine(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	at := func(a, b float64) float64 { return 3*a + b }
	base := landscape.Options{X: analyze.Range{Min: -1, Max: 1.1, N: 7}, Y: analyze.Range{Min: -1, Max: 1, N: 5}}
	coarse, err := landscape.Compute(context.Background(), p, newPlanar(at), base)
	if err != nil {
		t.Fatal(err)
	}
	fine := base
	fine.Refine, fine.Contours = 2, func(low, high float64) []float64 {
		if low != at(-1, -1) || high != at(1.1, 1) {
			t.Errorf("losses from %g to %g", low, high)
		}
		return []float64{0.05}
	}
	r, err := landscape.Compute(context.Background(), p, newPlanar(at), fine)
	if err != nil {
		t.Fatal(err)
	}
	nx, ny := r.Grid.Dims()
	if nx != 25 || ny != 17 || r.Summary.Base != [2]int{7, 5} || fmt.Sprint(r.Contours) != "[0.05]" {
		t.Fatalf("grid of %dx%d on %v, contours %v", nx, ny, r.Summary.Base, r.Contours)
	}
	for j := range 5 {
		for i := range 7 {
			if got, want := r.Grid.Z(4*i, 4*j), coarse.Grid.Z(i, j); got != want {
				t.Errorf("cell %d %d: %v refined, %v before", i, j, got, want)
			}
		}
	}
	crossed := 0
	for j := range ny {
		for i := range nx - 1 {
			if (at(r.Grid.X(i), r.Grid.Y(j))-0.05)*(at(r.Grid.X(i+1), r.Grid.Y(j))-0.05) < 0 {
				crossed++
				if !r.Grid.Valid[r.Grid.Cell(i, j)] || !r.Grid.Valid[r.Grid.Cell(i+1, j)] {
					t.Errorf("the contour crosses from cell %d to %d of row %d, which are not both evaluated",
						i, i+1, j)
				}
			}
		}
	}
	if s := r.Summary; crossed < ny || s.Evaluated != s.Planned || s.Evaluated > s.Cells/2 || len(r.Warnings) != 0 {
		t.Errorf("%d crossings, %d of %d planned of %d cells evaluated, warnings %v",
			crossed, s.Evaluated, s.Planned, s.Cells, r.Warnings)
	}
	filled, ok, n := r.Grid.Filled(r.Grid.Loss)
	if n != r.Summary.Cells-r.Summary.Evaluated {
		t.Errorf("%d cells interpolated of %d that were not evaluated", n, r.Summary.Cells-r.Summary.Evaluated)
	}
	for c, v := range filled {
		if want := at(r.Grid.X(c%nx), r.Grid.Y(c/nx)); !ok[c] || math.Abs(v-want) > 1e-6 {
			t.Errorf("cell %d is filled with %g (%v), want %g", c, v, ok[c], want)
		}
	}
}

// Losses that are all equal or NaN have no contours to refine around.
func TestRefineWithoutContours(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	for _, v := range []float64{7, math.NaN(), math.Inf(1)} {
		r := compute(t, p, func(context.Context, []float32) (float64, error) { return v, nil },
			landscape.Options{
				X: analyze.Range{Min: 0, Max: 1, N: 3}, Y: analyze.Range{Min: 0, Max: 1, N: 4},
				Refine: 1,
			})
		if r.Summary.Evaluated != 12 || r.Summary.Planned != 12 || r.Summary.Cells != 35 ||
			strings.Contains(codes(r), "unfinished") {
			t.Errorf("all %g: %+v, warnings %q", v, r.Summary, codes(r))
		}
	}
}

// An interrupted grid gives a complete picture: after a quarter of the work every cell has a
// value, which is right for a linear function.
func TestInterruptedGridIsFilled(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	ctx, cancel := context.WithCancel(context.Background())
	store := &memory{units: map[string][]float64{}, left: 9*5 + 3, stop: cancel} // all of every second row and column
	r, err := landscape.Compute(ctx, p, newPlanar(func(a, b float64) float64 { return a - 2*b }),
		landscape.Options{
			X: analyze.Range{Min: 0, Max: 1, N: 17}, Y: analyze.Range{Min: 0, Max: 1, N: 9},
			Store: store,
		})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	filled, ok, n := r.Grid.Filled(r.Grid.Loss)
	if n != 17*9-r.Summary.Evaluated || r.Summary.Evaluated > 60 {
		t.Errorf("%d interpolated, %d evaluated", n, r.Summary.Evaluated)
	}
	for c, v := range filled {
		if want := r.Grid.X(c%17) - 2*r.Grid.Y(c/17); !ok[c] || math.Abs(v-want) > 1e-12 {
			t.Errorf("cell %d is filled with %g (%v), want %g", c, v, ok[c], want)
		}
	}
}

// A refined grid that is evaluated in batches, interrupted anywhere and resumed, has the same
// bytes as one without interruption.
func TestInterruptAndResumeRefined(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	loss := newPlanar(func(a, b float64) float64 { return a*a + 4*b*b + 0.1 })
	o := landscape.Options{
		X: analyze.Range{Min: -1, Max: 1, N: 9}, Y: analyze.Range{Min: -1, Max: 2, N: 6}, Refine: 2,
		Accuracy: true,
	}
	all, err := landscape.Compute(context.Background(), p, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	want := written(t, all)
	for stop := 1; stop < all.Summary.Planned; stop += 37 {
		store := &memory{units: map[string][]float64{}}
		for sitting := 0; ; sitting++ {
			if sitting > all.Summary.Planned {
				t.Fatal("no progress")
			}
			ctx, cancel := context.WithCancel(context.Background())
			store.left, store.stop = stop, cancel
			again := o
			again.Store = store
			r, err := landscape.Compute(ctx, p, loss, again)
			cancel()
			if err == nil {
				if got := written(t, r); got != want {
					t.Fatalf("resumed after every %d units, the result differs", stop)
				}
				break
			}
			if !errors.Is(err, context.Canceled) || !strings.Contains(codes(r), "unfinished") {
				t.Fatalf("%v, warnings %q", err, codes(r))
			}
		}
	}
}

// quadratic is a bowl with its gradient.
type quadratic []float64

func (q quadratic) Loss(ctx context.Context, theta []float32) (float64, error) {
	return bowl(q...)(ctx, theta)
}

func (q quadratic) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	for i, v := range theta {
		grad[i] = float32(q[i] * float64(v))
	}
	return q.Loss(ctx, theta)
}

// exactQuadratic also has products with its Hessian.
type exactQuadratic struct{ quadratic }

func (exactQuadratic) HessianAbsent() string { return "" }

func (q exactQuadratic) HessianVectors(_ context.Context, _ []float32, v, dst [][]float32) error {
	for i := range v {
		for j, l := range q.quadratic {
			dst[i][j] = float32(l * float64(v[i][j]))
		}
	}
	return nil
}

// The extreme eigenvalues of a quadratic are known and the same everywhere. A warning marks
// eigenvalues from differences of gradients.
func TestEigenvalueMaps(t *testing.T) {
	q := quadratic{-2, 1, 9, 4}
	p := plane(t, []float32{1, 1, 1, 1}, []float32{1, 0, 2, 0}, []float32{0, 3, 0, 1})
	for _, e := range []struct {
		loss              analyze.Gradient
		differences, code string
	}{{q, "the loss offers gradients only", "finite_differences"}, {exactQuadratic{q}, "", ""}} {
		r := compute(t, p, q.Loss,
			landscape.Options{
				X: analyze.Range{Min: -1, Max: 1, N: 3}, Y: analyze.Range{Min: 0, Max: 1, N: 2},
				Measures: []landscape.Measure{landscape.Eigenvalues(e.loss, 0, 1)},
			})
		for c := range r.Grid.Loss {
			near(t, "smallest eigenvalue", r.Grid.Measured("lambda_min")[c], -2, 1e-3)
			near(t, "largest eigenvalue", r.Grid.Measured("lambda_max")[c], 9, 1e-3)
			near(t, "residual", r.Grid.Measured("lambda_residual")[c], 0, 1e-3)
		}
		if r.Table.Column("lambda_min") == nil || len(r.Summary.Also) != 3 ||
			r.Summary.Also[0].Differences != e.differences || codes(r) != e.code {
			t.Errorf("%T: summary %+v, warnings %v", e.loss, r.Summary.Also, r.Warnings)
		}
	}
}

// An automatic range contains given points, with or without a path.
func TestAround(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	o := landscape.Options{
		X: analyze.Range{N: 3}, Y: analyze.Range{Min: 5, Max: 6, N: 2},
		Around: [][2]float64{{0, 0}, {1, 0}, {0, 1}}, Margin: 0.5,
	}
	r := compute(t, p, bowl(1, 1), o)
	if r.Summary.X != (analyze.Range{Min: -0.5, Max: 1.5, N: 3}) || r.Summary.Y.Min != 5 {
		t.Errorf("ranges %v and %v", r.Summary.X, r.Summary.Y)
	}
	o.Path = recording(t, [][]float32{{0, 0}, {-2, 1}})
	if r := compute(t, p, bowl(1, 1), o); r.Summary.X != (analyze.Range{Min: -3.5, Max: 2.5, N: 3}) {
		t.Errorf("with a path: %v", r.Summary.X)
	}
}

func TestRefusesMeasures(t *testing.T) {
	p := plane(t, unit[0], unit[1], unit[2])
	good := analyze.Range{Min: 0, Max: 1, N: 2}
	at := func(context.Context, []float32, []float64) error { return nil }
	for want, o := range map[string]landscape.Options{
		"refine is -1": {X: good, Y: good, Refine: -1}, "refine is 7": {X: good, Y: good, Refine: 7},
		`named "loss"`: {X: good, Y: good, Measures: []landscape.Measure{{Names: []string{"loss"}, At: at}}},
		`named "m"`: {
			X: good, Y: good,
			Measures: []landscape.Measure{{Names: []string{"m"}, At: at}, {Names: []string{"m"}, At: at}},
		},
		"must have both": {X: good, Y: good, Measures: []landscape.Measure{{Names: []string{"m"}}}},
		"cells": {
			X: analyze.Range{Min: 0, Max: 1, N: 1001}, Y: analyze.Range{Min: 0, Max: 1, N: 1001},
			Refine: 4,
		},
	} {
		if r, err := landscape.Compute(context.Background(), p, bowl(1, 1), o); err == nil || r != nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}
