package align

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// perceptron is the layout of a network with hidden layers of the given widths.
func perceptron(inputs int, widths ...int) record.Layout {
	var tensors []record.Tensor
	before, name := inputs, "input"
	for i, w := range widths {
		h := fmt.Sprintf("h%d", i)
		tensors = append(tensors, tensor(h+".weight", h+" "+name, w, before), tensor(h+".bias", h, w))
		before, name = w, h
	}
	tensors = append(tensors, tensor("out.weight", "output "+name, 3, before), tensor("out.bias", "output", 3))
	return record.Pack(tensors...)
}

func newSpecification(t testing.TB, theta, state record.Layout) *Specification {
	t.Helper()
	s, err := New(theta, state)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// normal returns a point with normal elements.
func normal(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 7))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func match(t testing.TB, s *Specification, a, b []float32, o Options) *Result {
	t.Helper()
	r, err := Match(context.Background(), s, a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOneLayerIsOptimal: with one hidden layer weight matching finds the best of all
// permutations.
func TestOneLayerIsOptimal(t *testing.T) {
	s := newSpecification(t, perceptron(3, 6), nil)
	for seed := range uint64(20) {
		a, b := normal(s.theta.Len(), 2*seed), normal(s.theta.Len(), 2*seed+1)
		best, p := math.Inf(1), s.Identity()
		var try func(i int)
		try = func(i int) {
			if i == 6 {
				best = min(best, distance(a, s.Theta(p, b)))
				return
			}
			for k := i; k < 6; k++ {
				p[0][i], p[0][k] = p[0][k], p[0][i]
				try(i + 1)
				p[0][i], p[0][k] = p[0][k], p[0][i]
			}
		}
		try(0)
		r := match(t, s, a, b, Options{})
		if math.Abs(r.Summary.DistanceAfter-best) > 1e-9 {
			t.Errorf("seed %d: distance %v; the best permutation has %v", seed, r.Summary.DistanceAfter, best)
		}
	}
}

// TestSummaryOfAlignment recomputes every number from the points.
func TestSummaryOfAlignment(t *testing.T) {
	s := newSpecification(t, perceptron(5, 7, 6), nil)
	a, b := normal(s.theta.Len(), 1), normal(s.theta.Len(), 2)
	r := match(t, s, a, b, Options{Orders: 4})
	if !slices.Equal(r.Theta, s.Theta(r.Permutations, b)) {
		t.Error("the permuted copy is not the one of the permutations")
	}
	u := &r.Summary
	if u.DistanceBefore != distance(a, b) || u.DistanceAfter != distance(a, r.Theta) || u.DistanceAfter >= u.DistanceBefore ||
		u.DistanceRatio != record.Some(u.DistanceAfter/u.DistanceBefore) {
		t.Errorf("distances %+v", u)
	}
	if len(u.Distances) != 4 || u.Distances[u.BestOrder] != u.DistanceAfter || slices.Min(u.Distances) != u.DistanceAfter {
		t.Errorf("the distances of the orders are %v, the best is order %d", u.Distances, u.BestOrder)
	}
	if u.Units != 13 || u.Moved != r.Permutations.Moved(0)+r.Permutations.Moved(1) || len(u.Layers) != 2 ||
		u.Layers[1] != (Layer{"h1", 6, r.Permutations.Moved(1)}) {
		t.Errorf("units %+v", u)
	}
	before, after := 0.0, 0.0
	for i, name := range r.Tensors.Column("tensor").Strings {
		if name != s.theta[i].Name {
			t.Errorf("row %d is %s", i, name)
		}
		before += math.Pow(r.Tensors.Column("distance_before").Floats[i], 2)
		after += math.Pow(r.Tensors.Column("distance_after").Floats[i], 2)
	}
	if math.Abs(math.Sqrt(before)-u.DistanceBefore) > 1e-9 || math.Abs(math.Sqrt(after)-u.DistanceAfter) > 1e-9 {
		t.Error("the distances of the tensors do not add up")
	}
	for i, unit := range r.Places.Column("unit").Ints {
		layer, place := i/7, i%7
		if i >= 7 {
			layer, place = 1, i-7
		}
		if int(unit) != r.Permutations[layer][place] || int(r.Places.Column("place").Ints[i]) != place ||
			r.Places.Column("units").Strings[i] != s.units[layer].Name {
			t.Errorf("row %d of the places", i)
		}
	}
	// Points that coincide.
	r = match(t, s, a, a, Options{})
	if u := &r.Summary; u.Moved != 0 || u.DistanceRatio.Valid || len(u.Distances) != 1 ||
		!strings.Contains(u.String(), "no permutation") {
		t.Errorf("a point with itself: %+v", u)
	}
}

// TestRecoversPermutedCopies: the search undoes a random permutation exactly, also that of
// tensors that have the same units on two axes, or several units on one axis.
func TestRecoversPermutedCopies(t *testing.T) {
	torch, _ := torchLike()
	for name, theta := range map[string]record.Layout{
		"perceptron": perceptron(4, 9, 8, 7),
		"torch":      torch,
		"recurrent": record.Pack(tensor("in.weight", "h input", 12, 6), tensor("h.weight", "h h", 12, 12),
			tensor("out.weight", "output h", 4, 12)),
		"joined": record.Pack(tensor("x.weight", "x input", 6, 5), tensor("y.weight", "y input", 5, 5),
			tensor("z.weight", "z (x+y)*2", 8, 22), tensor("w.weight", "output 3*(y+z)", 4, 39)),
		"twice on an axis": record.Pack(tensor("x.weight", "x input", 6, 5), tensor("z.weight", "output x+x", 3, 12)),
	} {
		s := newSpecification(t, theta, nil)
		for seed := range uint64(100) {
			a := normal(theta.Len(), seed)
			b := s.Theta(s.Random(rand.New(rand.NewPCG(seed, 3))), a)
			r := match(t, s, a, b, Options{Orders: 10})
			for i, v := range r.Theta {
				if math.Float32bits(v) != math.Float32bits(a[i]) {
					t.Fatalf("%s: copy %d is not recovered: distances %v", name, seed, r.Summary.Distances)
				}
			}
		}
	}
}

// TestNeverFartherAndRepeatable: no alignment makes the distance larger, and the same call
// gives the same result on any number of cores.
func TestNeverFartherAndRepeatable(t *testing.T) {
	layouts := []record.Layout{
		perceptron(4, 6, 5), perceptron(2, 130, 70),
		record.Pack(tensor("in.weight", "h input", 8, 2), tensor("h.weight", "h h", 8, 8), tensor("g.weight", "h h", 8, 8)),
	}
	rapid.Check(t, func(t *rapid.T) {
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		s, err := New(layout, nil)
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		a, b := normal(layout.Len(), seed), normal(layout.Len(), seed+1)
		r, err := Match(context.Background(), s, a, b, Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if r.Summary.DistanceAfter > r.Summary.DistanceBefore {
			t.Fatalf("distance %v grows to %v", r.Summary.DistanceBefore, r.Summary.DistanceAfter)
		}
		cores := runtime.GOMAXPROCS(1)
		again, err := Match(context.Background(), s, a, b, Options{Seed: seed})
		runtime.GOMAXPROCS(cores)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(r, again, cmp.AllowUnexported(Result{}), cmp.Comparer(func(x, y *Specification) bool { return x == y })); d != "" {
			t.Fatal(d)
		}
	})
}

// TestProductsAreUpdated: products that are updated after every change of the permutations are
// those that are computed anew, element by element.
func TestProductsAreUpdated(t *testing.T) {
	theta := record.Pack(tensor("t", "x+y 2*z (y+w)*3", 7, 8, 27), tensor("u", "x y z w", 4, 3, 4, 6))
	s := newSpecification(t, theta, nil)
	a, b := normal(theta.Len(), 1), normal(theta.Len(), 2)
	r := rand.New(rand.NewPCG(5, 5))
	p := s.Identity()
	for i, tensor := range theta {
		for k, axis := range s.inTheta[i] {
			for _, part := range axis.parts {
				x := newUnitAxis(tensor, s.inTheta[i], k, part)
				for range 4 {
					u := r.IntN(len(p))
					p[u] = r.Perm(len(p[u]))
					x.update(a, b, p)
					// Permute all axes but this one, and add up.
					other := slices.Clone(s.inTheta[i])
					other[k].parts = nil
					moved := make([]float32, tensor.Len())
					permute(moved, tensor.View(b), other, p)
					want := make([]float64, part.count*part.count)
					behind := axis.inner
					for _, after := range other[k+1:] {
						behind *= after.length
					}
					for e, v := range tensor.View(a) {
						unit := e/behind%axis.width() - part.start
						if unit < 0 || unit >= part.count {
							continue
						}
						for j := range part.count {
							want[unit*part.count+j] += float64(v) * float64(moved[e+(j-unit)*behind])
						}
					}
					for e := range want {
						if math.Abs(want[e]-x.products[e]) > 1e-9 {
							t.Fatalf("%s, axis %d: product %d is %v; want %v", tensor.Name, k, e, x.products[e], want[e])
						}
					}
				}
			}
		}
	}
}

func TestMatchRefuses(t *testing.T) {
	s := newSpecification(t, perceptron(2, 3), nil)
	a := normal(s.theta.Len(), 1)
	bad := slices.Clone(a)
	bad[4] = float32(math.NaN())
	for want, f := range map[string]func() error{
		"orders is -1":               func() error { _, err := Match(t.Context(), s, a, a, Options{Orders: -1}); return err },
		"point 2 has 3 elements":     func() error { _, err := Match(t.Context(), s, a, a[:3], Options{}); return err },
		"the element NaN at 4":       func() error { _, err := Match(t.Context(), s, a, bad, Options{}); return err },
		"stopped at the units h0":    func() error { _, err := Match(canceled(), s, a, a, Options{}); return err },
		"pairs is 2000":              func() error { _, err := Null(t.Context(), s, NullOptions{Draw: draws(a), Pairs: 2000}); return err },
		"draw must be set":           func() error { _, err := Null(t.Context(), s, NullOptions{}); return err },
		"no more points":             func() error { _, err := Null(t.Context(), s, NullOptions{Draw: draws()}); return err },
		"null: pairs is -1":          func() error { _, err := Null(t.Context(), s, NullOptions{Draw: draws(a), Pairs: -1}); return err },
		"point 1 has 2 elements":     func() error { _, err := Null(t.Context(), s, NullOptions{Draw: draws(a[:2], a)}); return err },
		"align: check of the names ": func() error { return s.Check(t.Context(), failing, a, nil) },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %q", err, want)
		}
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

var failing = analyze.LossFunc(func(context.Context, []float32) (float64, error) { return 0, errors.New("no loss") })

// draws returns the points one after the other.
func draws(points ...[]float32) func(uint64) ([]float32, error) {
	i := 0
	return func(uint64) ([]float32, error) {
		if i++; i > len(points) {
			return nil, errors.New("no more points")
		}
		return points[i-1], nil
	}
}

// TestNull: pairs that are permuted copies have no distance left, and other pairs the distance
// that Match leaves.
func TestNull(t *testing.T) {
	s := newSpecification(t, perceptron(4, 8), nil)
	a, b := normal(s.theta.Len(), 1), normal(s.theta.Len(), 2)
	copyOf := s.Theta(s.Random(rand.New(rand.NewPCG(1, 1))), a)
	n, err := Null(t.Context(), s, NullOptions{Draw: draws(a, copyOf, a, b), Points: "two points", Pairs: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := match(t, s, a, b, Options{}).Summary.DistanceRatio.Value
	d := n.DistanceRatio
	if n.Pairs != 2 || d.Count != 2 || d.Min.Value != 0 || d.Max.Value != want {
		t.Errorf("%+v; want ratios 0 and %v", n, want)
	}
	u := match(t, s, a, b, Options{}).Summary
	u.Null = n
	if text := u.String(); !strings.Contains(text, "(two points: by ") || !strings.Contains(text, "in 1 of 1 layer (h0)") {
		t.Error(text)
	}
}

// TestDrawNormal: mean and standard deviation are those of each tensor.
func TestDrawNormal(t *testing.T) {
	layout := record.Pack(tensor("a", "x input", 100, 200), tensor("b", "x", 100), tensor("c", "x", 100))
	points := [][]float32{normal(layout.Len(), 1), normal(layout.Len(), 2)}
	for _, p := range points {
		for i := range layout[0].View(p) {
			p[i] = 5 + 3*p[i]
		}
		for i := range layout[2].View(p) {
			layout[2].View(p)[i] = 7
		}
	}
	theta, err := DrawNormal(layout, points...)(3)
	if err != nil {
		t.Fatal(err)
	}
	mean, squares := 0.0, 0.0
	for _, v := range layout[0].View(theta) {
		mean += float64(v) / 20000
		squares += float64(v) * float64(v) / 20000
	}
	// The standard errors are 3/sqrt(20000) = 0.02 and 3/sqrt(40000) = 0.015.
	if math.Abs(mean-5) > 0.1 || math.Abs(math.Sqrt(squares-mean*mean)-3) > 0.08 {
		t.Errorf("mean %v, standard deviation %v; want 5 and 3", mean, math.Sqrt(squares-mean*mean))
	}
	if v := layout[2].View(theta); slices.Min(v) != 7 || slices.Max(v) != 7 {
		t.Errorf("a constant tensor has values from %v to %v", slices.Min(v), slices.Max(v))
	}
	other, _ := DrawNormal(layout, points...)(4)
	if slices.Equal(theta, other) {
		t.Error("two seeds give one point")
	}
}

// network is a network with a hidden layer, a residual and running statistics that are
// subtracted from the hidden units: a loss that takes a state.
type network struct {
	layout record.Layout
	state  []float32
	own    []float32
}

func (n *network) SetState(state []float32) bool {
	if n.state = state; state == nil {
		n.state = n.own
	}
	return true
}

// Loss computes sum of v tanh(W x + h - mean) + u h, with h = tanh(A x).
func (n *network) Loss(_ context.Context, theta []float32) (float64, error) {
	x := []float64{0.3, -1.2, 0.7}
	view := func(name string) []float32 { t, _ := n.layout.Lookup(name); return t.View(theta) }
	sum := 0.0
	for i := range 4 {
		h, z := 0.0, 0.0
		for k := range 3 {
			h += float64(view("a")[3*i+k]) * x[k]
			z += float64(view("w")[3*i+k]) * x[k]
		}
		h = math.Tanh(h)
		sum += float64(view("v")[i])*math.Tanh(z+h-float64(n.state[i])) + float64(view("u")[i])*h
	}
	return sum, nil
}

func TestCheck(t *testing.T) {
	layout := func(residual string) record.Layout {
		return record.Pack(tensor("a", "h input", 4, 3), tensor("w", residual+" input", 4, 3), tensor("v", residual, 4),
			tensor("u", "h", 4))
	}
	state := record.Pack(tensor("mean", "h", 4))
	values := []float32{0.1, -0.5, 0.9, 0.4}
	n := &network{layout: layout("h"), own: values}
	theta := normal(n.layout.Len(), 3)
	n.SetState(nil)
	s := newSpecification(t, n.layout, state)
	if err := s.Check(t.Context(), n, theta, values); err != nil {
		t.Error(err)
	}
	if &n.state[0] != &values[0] {
		t.Error("the loss keeps the state of the check")
	}
	// The running statistics are not permuted along.
	if err := s.Check(t.Context(), n, theta, nil); err == nil || !strings.Contains(err.Error(), "statistics") {
		t.Errorf("statistics that stay: error %v", err)
	}
	// The residual that ties both layers is forgotten: the hand-written specifications of the
	// field had this mistake.
	forgotten := newSpecification(t, layout("g"), state)
	err := forgotten.Check(t.Context(), n, theta, values)
	if err == nil || !strings.Contains(err.Error(), `does: "h" (`) || !strings.Contains(err.Error(), `, "g" (`) {
		t.Errorf("a forgotten residual: error %v", err)
	}
	nan := analyze.LossFunc(func(context.Context, []float32) (float64, error) { return math.NaN(), nil })
	if err := forgotten.Check(t.Context(), nan, theta, nil); err != nil {
		t.Errorf("a loss that is not finite: %v", err)
	}
}

func BenchmarkMatch512(b *testing.B) {
	s := newSpecification(b, perceptron(784, 512, 512), nil)
	x, y := normal(s.theta.Len(), 1), normal(s.theta.Len(), 2)
	for b.Loop() {
		match(b, s, x, y, Options{Orders: 1})
	}
}
