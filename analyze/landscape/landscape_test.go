package landscape_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/record"
)

func recording(t testing.TB, rows [][]float32) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, len(rows[0])}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, theta := range rows {
		if err := m.Append(&record.Step{Step: int64(i), Epoch: 1, Theta: theta}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func plane(t testing.TB, origin, u, v []float32) analyze.Plane {
	t.Helper()
	p, err := analyze.NewPlane(origin, u, v)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compute(t testing.TB, p analyze.Plane, loss analyze.LossFunc, o landscape.Options) *landscape.Result {
	t.Helper()
	r, err := landscape.Compute(context.Background(), p, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []record.Table{r.Table, r.Path} {
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// bowl is sum of h_i theta_i^2 / 2.
func bowl(h ...float64) analyze.LossFunc {
	return func(_ context.Context, theta []float32) (float64, error) {
		var s float64
		for i, v := range theta {
			s += h[i] * float64(v) * float64(v) / 2
		}
		return s, nil
	}
}

func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.9g; want %.9g within %.2g", what, got, want, tolerance)
	}
}

func codes(r *landscape.Result) string {
	var c []string
	for _, w := range r.Warnings {
		c = append(c, w.Code)
	}
	return strings.Join(c, " ")
}

// The loss of a quadratic bowl at the grid points has a closed form, also for oblique
// directions and for directions that are not of unit length.
func TestBowl(t *testing.T) {
	p := plane(t, []float32{1, 2, 3}, []float32{5, 0, 0}, []float32{1, 2, 0})
	r := compute(t, p, bowl(1, 4, 9),
		landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 9}, Y: analyze.Range{Min: 0, Max: 2, N: 5}})
	nx, ny := r.Grid.Dims()
	for j := range ny {
		for i := range nx {
			a, b := -1+float64(i)/4, float64(j)/2
			x, y, z := 1+5*a+b, 2+2*b, 3.0
			near(t, fmt.Sprintf("loss at %g %g", a, b), r.Grid.Z(i, j), (x*x+4*y*y+9*z*z)/2, 1e-5)
			near(t, "a", r.Grid.X(i), a, 1e-15)
			near(t, "b", r.Grid.Y(j), b, 1e-15)
		}
	}
	near(t, "norm of u", r.Summary.NormU, 5, 1e-12)
	near(t, "norm of v", r.Summary.NormV, math.Sqrt(5), 1e-12)
	near(t, "cosine", r.Summary.Cosine, 1/math.Sqrt(5), 1e-12)
	if r.Summary.Evaluated != 45 || len(r.Warnings) != 0 {
		t.Errorf("%d evaluated, warnings %v", r.Summary.Evaluated, r.Warnings)
	}
}

// A peer fills an array of shape (nx, ny) in the order (ny, nx).
func TestRectangularGridIsNotTransposed(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	r := compute(t, p, func(_ context.Context, theta []float32) (float64, error) {
		return 100*float64(theta[0]) + float64(theta[1]), nil
	}, landscape.Options{X: analyze.Range{Min: 1, Max: 3, N: 3}, Y: analyze.Range{Min: 1, Max: 7, N: 7}})
	for row := range r.Table.Len() {
		i, j := r.Table.Column("i").Ints[row], r.Table.Column("j").Ints[row]
		if int64(row) != j*3+i {
			t.Fatalf("row %d is cell %d %d; i must run fastest", row, i, j)
		}
		want := float64(100*(i+1) + j + 1)
		if got := r.Table.Column("loss").Floats[row]; got != want {
			t.Errorf("cell %d %d: loss %g, want %g", i, j, got, want)
		}
		if got := r.Grid.Z(int(i), int(j)); got != want {
			t.Errorf("Z(%d, %d) = %g, want %g", i, j, got, want)
		}
	}
}

// In a peer, negative offsets do nothing.
func TestSymmetricSurface(t *testing.T) {
	p := plane(t, make([]float32, 3), []float32{1, 2, 0}, []float32{0, 1, 3})
	r := compute(t, p, bowl(1, 2, 3),
		landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 11}, Y: analyze.Range{Min: -1, Max: 1, N: 7}})
	for j := range 7 {
		for i := range 11 {
			if a, b := r.Grid.Z(i, j), r.Grid.Z(10-i, 6-j); a != b {
				t.Errorf("cell %d %d has %g, the opposite one %g", i, j, a, b)
			}
			if (i != 5 || j != 3) && r.Grid.Z(i, j) <= r.Grid.Z(5, 3) {
				t.Errorf("cell %d %d has %g, no more than the middle", i, j, r.Grid.Z(i, j))
			}
		}
	}
}

// An iterate on the plane has the loss of its projection, for all lengths and angles of the
// directions. An iterate off the plane has another loss, and a warning says so.
func TestPathOnAndOffThePlane(t *testing.T) {
	const n = 80
	p := plane(t, []float32{0, 0, 0}, []float32{0, 4, 0}, []float32{0.5, 1, 0})
	on, off := make([][]float32, n), make([][]float32, n)
	for i := range on {
		angle := float64(i) / 10
		x, y := float32(math.Cos(angle)*5/(1+angle)), float32(math.Sin(angle)*5/(1+angle))
		on[i], off[i] = []float32{x, y, 0}, []float32{x, y, 4}
	}
	r := compute(t, p, bowl(1, 1, 1),
		landscape.Options{Path: recording(t, on), X: analyze.Range{N: 5}, Y: analyze.Range{N: 4}})
	s := r.Summary
	if s.Compared != landscape.DefaultCompared || s.PathRows != n || s.PathOutside != 0 || len(r.Warnings) != 0 {
		t.Errorf("%d of %d compared, %d outside, warnings %v", s.Compared, s.PathRows, s.PathOutside, r.Warnings)
	}
	plane, truth := r.Path.Column("plane_loss"), r.Path.Column("true_loss")
	for i := range r.Path.Len() {
		near(t, "residual", r.Path.Column("residual").Floats[i], 0, 1e-6)
		if plane.Valid[i] {
			want, _ := bowl(1, 1, 1)(context.Background(), on[i])
			near(t, "loss at the projection", plane.Floats[i], want, 1e-5)
			near(t, "loss at the iterate", truth.Floats[i], want, 0)
		}
	}
	if !plane.Valid[0] || !plane.Valid[n-1] || plane.Valid[1] == plane.Valid[2] && !plane.Valid[1] {
		t.Error("the first and the last iterate are compared, and others between them")
	}
	// 15 % more than the path on every side.
	low, high := math.Inf(1), math.Inf(-1)
	for _, a := range r.Path.Column("a").Floats {
		low, high = math.Min(low, a), math.Max(high, a)
	}
	near(t, "smallest a", s.X.Min, low-0.15*(high-low), 1e-12)
	near(t, "largest a", s.X.Max, high+0.15*(high-low), 1e-12)

	r = compute(t, p, bowl(1, 1, 1),
		landscape.Options{Path: recording(t, off), X: analyze.Range{N: 3}, Y: analyze.Range{N: 3}})
	if c := codes(r); !strings.Contains(c, "plane_disagrees") || !strings.Contains(c, "path_off_plane") {
		t.Errorf("a path at distance 4 from the plane has the warnings %q", c)
	}
	near(t, "median residual", r.Summary.Residual.Median.Value, 4, 1e-6)
	near(t, "plane error", r.Summary.PlaneError.Value, 8, 1e-5)    // 4*4/2
	if e := r.Summary.PlaneErrorRelative.Value; e < 0.3 || e > 1 { // 8 of 8 and the bowl's own
		t.Errorf("relative plane error %g", e)
	}
	near(t, "mean of plane less true loss", r.Summary.PlaneMinusTrue.Mean.Value, -8, 1e-5)
	near(t, "loss at the last iterate", r.Summary.LastTrueLoss.Value-r.Summary.LastPlaneLoss.Value, 8, 1e-5)
}

// memory is a store that stops the work after a number of saved units.
type memory struct {
	units map[string][]float64
	left  int
	stop  context.CancelFunc
}

func (m *memory) Lookup(unit string) ([]float64, bool) { v, ok := m.units[unit]; return v, ok }

func (m *memory) Save(unit string, v []float64) error {
	m.units[unit] = append([]float64{}, v...)
	if m.left--; m.left == 0 && m.stop != nil {
		m.stop()
	}
	return nil
}

func written(t *testing.T, r *landscape.Result) string {
	var b bytes.Buffer
	if err := r.Table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if err := r.Path.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	s, err := json.Marshal(r.Summary)
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + string(s) + fmt.Sprint(r.Warnings)
}

// A landscape that is interrupted anywhere and resumed has the same bytes as one without
// interruption. No point is evaluated twice, and the finished cells cover the whole grid.
func TestInterruptAndResume(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([][]float32, 20)
	for i := range rows {
		rows[i] = []float32{float32(i), float32(rng.NormFloat64()), float32(rng.NormFloat64())}
	}
	p := plane(t, []float32{0, 0, 0}, []float32{1, 0, 0}, []float32{0, 1, 0})
	calls := 0
	loss := analyze.LossFunc(func(ctx context.Context, theta []float32) (float64, error) {
		calls++
		return bowl(1, 2, 3)(ctx, theta)
	})
	o := landscape.Options{Path: recording(t, rows), Compared: 6, X: analyze.Range{N: 13}, Y: analyze.Range{N: 9}}
	want := written(t, compute(t, p, loss, o))
	const all = 13*9 + 2*6
	if calls != all {
		t.Fatalf("%d evaluations, want %d", calls, all)
	}
	for stop := 1; stop < all; stop += 7 {
		store := &memory{units: map[string][]float64{}}
		calls = 0
		sittings := 0
		for done := false; !done; sittings++ {
			ctx, cancel := context.WithCancel(context.Background())
			store.left, store.stop = stop, cancel
			again := o
			again.Store = store
			r, err := landscape.Compute(ctx, p, loss, again)
			cancel()
			switch {
			case err == nil:
				done = true
				if got := written(t, r); got != want {
					t.Fatalf("resumed after every %d units, the result differs:\n%s\nwant\n%s", stop, got, want)
				}
			case !errors.Is(err, context.Canceled):
				t.Fatal(err)
			case r == nil || r.Summary.Evaluated == r.Summary.Cells || !strings.Contains(codes(r), "unfinished"):
				t.Fatalf("what an interrupted run returned: %+v", r)
			}
		}
		if calls != all {
			t.Errorf("%d evaluations in %d sittings, want %d", calls, sittings, all)
		}
	}
}

// A quarter of the work covers the whole grid: every cell has an evaluated cell within three
// steps along each axis.
func TestCoarseToFine(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	const nx, ny = 51, 20
	ctx, cancel := context.WithCancel(context.Background())
	store := &memory{units: map[string][]float64{}, left: nx * ny / 4, stop: cancel}
	r, err := landscape.Compute(ctx, p, bowl(1, 1),
		landscape.Options{
			X: analyze.Range{Min: 0, Max: 1, N: nx}, Y: analyze.Range{Min: 0, Max: 1, N: ny},
			Store: store,
		})
	if !errors.Is(err, context.Canceled) || r.Summary.Evaluated != nx*ny/4 {
		t.Fatalf("%v, %d evaluated", err, r.Summary.Evaluated)
	}
	for j := range ny {
		for i := range nx {
			found := false
			for y := max(j-3, 0); y <= min(j+3, ny-1); y++ {
				for x := max(i-3, 0); x <= min(i+3, nx-1); x++ {
					found = found || r.Grid.Valid[r.Grid.Cell(x, y)]
				}
			}
			if !found {
				t.Fatalf("nothing evaluated around cell %d %d", i, j)
			}
		}
	}
	for c, valid := range r.Table.Column("valid").Bools {
		if valid != (r.Table.Column("loss").Text(c) != "") {
			t.Fatalf("row %d: valid is %v, loss is %q", c, valid, r.Table.Column("loss").Text(c))
		}
	}
}

// Stored values of a grid at another place are not used.
func TestStoreOfAnotherRange(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	store := &memory{units: map[string][]float64{}}
	o := landscape.Options{X: analyze.Range{Min: 0, Max: 1, N: 3}, Y: analyze.Range{Min: 0, Max: 1, N: 3}, Store: store}
	compute(t, p, bowl(1, 1), o)
	o.X.Max = 2
	near(t, "loss of the moved corner", compute(t, p, bowl(1, 1), o).Grid.Z(2, 2), 2.5, 0)
}

// NaN, infinite, zero and negative losses are losses. One peer treats zero and negative
// losses as unfinished work, and another replaces NaN by a mean.
func TestOddLosses(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	grid := landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 3}, Y: analyze.Range{Min: -1, Max: 1, N: 3}}
	values := []float64{math.NaN(), math.Inf(1), 0, -5, 1, 2, 3, 4, 5}
	k := -1
	r := compute(t, p, func(context.Context, []float32) (float64, error) { k++; return values[k], nil }, grid)
	s := r.Summary
	if s.Evaluated != 9 || s.Loss.Nonfinite != 2 || s.Loss.Min.Value != -5 || s.Loss.Count != 7 ||
		codes(r) != "nonfinite_losses" {
		t.Errorf("summary %+v, warnings %q", s, codes(r))
	}
	if b, err := json.Marshal(s); err != nil || !json.Valid(b) {
		t.Errorf("summary: %v", err)
	}
	for name, v := range map[string]float64{"flat": 0, "nonfinite_losses": math.NaN()} {
		r := compute(t, p, func(context.Context, []float32) (float64, error) { return v, nil }, grid)
		if codes(r) != name || r.Summary.Evaluated != 9 {
			t.Errorf("all cells %g: %d evaluated, warnings %q", v, r.Summary.Evaluated, codes(r))
		}
	}
}

// The path has an iterate that is not finite, or a single point, or is outside of the grid.
func TestOddPaths(t *testing.T) {
	nan := float32(math.NaN())
	p := plane(t, []float32{0, 0}, []float32{2, 0}, []float32{0, 1})
	r := compute(t, p, bowl(1, 1),
		landscape.Options{
			Path: recording(t, [][]float32{{0, 0}, {2, 4}, {nan, 1}}), X: analyze.Range{N: 2},
			Y: analyze.Range{N: 2},
		})
	if r.Summary.PathNonfinite != 1 || r.Summary.Compared != 2 || !strings.Contains(codes(r), "nonfinite_iterates") {
		t.Errorf("a NaN iterate: %+v, warnings %q", r.Summary, codes(r))
	}
	near(t, "largest a", r.Summary.X.Max, 1.15, 1e-12)

	r = compute(t, p, bowl(1, 1),
		landscape.Options{Path: recording(t, [][]float32{{6, 1}}), X: analyze.Range{N: 2}, Y: analyze.Range{N: 2}})
	if r.Summary.X != (analyze.Range{Min: 2, Max: 4, N: 2}) || r.Summary.Y != (analyze.Range{Min: 0, Max: 2, N: 2}) {
		t.Errorf("around one point: %v, %v", r.Summary.X, r.Summary.Y)
	}
	r = compute(t, p, bowl(1, 1),
		landscape.Options{
			Path: recording(t, [][]float32{{0, 1}, {8, 1}}), X: analyze.Range{N: 2},
			Y: analyze.Range{N: 2},
		})
	near(t, "b of a flat path", r.Summary.Y.Max, 1+2, 1e-12)

	r = compute(t, p, bowl(1, 1),
		landscape.Options{
			Path: recording(t, [][]float32{{0, 0}, {8, 1}}), Compared: -1,
			X: analyze.Range{Min: -1, Max: 1, N: 2}, Y: analyze.Range{Min: -1, Max: 1, N: 2},
		})
	if r.Summary.PathOutside != 1 || r.Summary.Compared != 0 || !strings.Contains(codes(r), "path_outside") {
		t.Errorf("outside: %+v, warnings %q", r.Summary, codes(r))
	}
}

// An evaluation does not change its arguments.
func TestInputsAreLeftAlone(t *testing.T) {
	rows := [][]float32{{0, 1}, {2, 3}, {4, 4}}
	m := recording(t, rows)
	p := plane(t, []float32{1, 1}, []float32{2, 0}, []float32{0, 1})
	before := fmt.Sprint(p.Origin, p.U, p.V)
	compute(t, p, func(_ context.Context, theta []float32) (float64, error) {
		theta[0] = 77 // against the rule
		return 1, nil
	}, landscape.Options{Path: m, X: analyze.Range{N: 2}, Y: analyze.Range{N: 2}})
	for i := range rows {
		if s, _ := m.Read(i, record.AllParts); fmt.Sprint(s.Theta) != fmt.Sprint(rows[i]) {
			t.Errorf("row %d is now %v", i, s.Theta)
		}
	}
	if after := fmt.Sprint(p.Origin, p.U, p.V); after != before {
		t.Errorf("the plane is now %s", after)
	}
}

func TestRefuses(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	good := analyze.Range{Min: 0, Max: 1, N: 2}
	run := recording(t, [][]float32{{0, 0}, {1, 1}})
	wrong := recording(t, [][]float32{{0, 0, 0}, {1, 1, 1}})
	far := landscape.Options{Path: run, X: good, Y: good}
	_ = far.Rows.UnmarshalText([]byte("7-9"))
	for _, c := range []struct {
		name  string
		plane analyze.Plane
		o     landscape.Options
		want  string
	}{
		{"no range", p, landscape.Options{}, "x has no bounds and there is no path"},
		{"no points", p, landscape.Options{X: analyze.Range{Min: 0, Max: 1}, Y: good}, "n is 0"},
		{
			"one point", p,
			landscape.Options{X: good, Y: analyze.Range{Min: 0, Max: 1, N: 1}},
			"landscape: y: range 0:1:1: n is 1",
		},
		{"one automatic point", p, landscape.Options{Path: run, X: analyze.Range{N: 1}}, "x has 1 points"},
		{
			"min above max", p,
			landscape.Options{X: analyze.Range{Min: 1, Max: -1, N: 5}, Y: good},
			"min must be less than max",
		},
		{"NaN", p, landscape.Options{X: analyze.Range{Min: math.NaN(), Max: 1, N: 5}, Y: good}, "finite"},
		{"cells", p, landscape.Options{
			X: analyze.Range{Min: 0, Max: 1, N: 1e6},
			Y: analyze.Range{Min: 0, Max: 1, N: 1e6},
		}, "cells"},
		{"margin", p, landscape.Options{X: good, Y: good, Margin: -0.1}, "margin is -0.1"},
		{"layout", p, landscape.Options{Path: wrong}, "the run has 3 parameters and the plane has 2"},
		{"rows", p, far, `rows has "7-9"`},
		{"plane", analyze.Plane{}, landscape.Options{X: good, Y: good}, "no parameters"},
		{
			"all NaN", p,
			landscape.Options{Path: recording(t, [][]float32{{float32(math.NaN()), 0}})},
			"none of the 1 iterates of the path is finite",
		},
	} {
		r, err := landscape.Compute(context.Background(), c.plane, bowl(1, 1), c.o)
		if err == nil || r != nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			strings.Count(err.Error(), "analyze: ") > 0 {
			t.Errorf("%s: got %v; want one line with %q", c.name, err, c.want)
		}
	}
	broken := errors.New("no data")
	r, err := landscape.Compute(context.Background(), p,
		analyze.LossFunc(func(context.Context, []float32) (float64, error) { return 0, broken }),
		landscape.Options{X: good, Y: good})
	if !errors.Is(err, broken) || r == nil || r.Summary.Evaluated != 0 || !strings.Contains(err.Error(), "cell 0 0") {
		t.Errorf("a broken loss: %v", err)
	}
}

// The scheduler of a peer evaluates losses of zero and below again and again. A grid whose
// cells are all in the store needs no evaluation.
func TestFinishedCellsAreNotEvaluatedAgain(t *testing.T) {
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	store := &memory{units: map[string][]float64{}}
	values := []float64{0, -1, math.NaN(), math.Inf(-1)}
	calls := 0
	o := landscape.Options{X: analyze.Range{Min: 0, Max: 1, N: 2}, Y: analyze.Range{Min: 0, Max: 1, N: 2}, Store: store}
	loss := func(context.Context, []float32) (float64, error) { calls++; return values[(calls-1)%4], nil }
	first := written(t, compute(t, p, loss, o))
	if second := written(t, compute(t, p, loss, o)); calls != 4 || second != first {
		t.Errorf("%d evaluations of 4 cells, or another result:\n%s\n%s", calls, first, second)
	}
}
