package surface

import (
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

// recorder is a device that keeps what is drawn.
type recorder struct {
	tiles   []canvas.Path
	strokes []canvas.Path
	words   []string
}

func (r *recorder) Fill(canvas.Path, color.NRGBA)      {}
func (r *recorder) Stroke(p canvas.Path, _ canvas.Pen) { r.strokes = append(r.strokes, p) }
func (r *recorder) Tile(p canvas.Path, _ color.NRGBA)  { r.tiles = append(r.tiles, p) }
func (r *recorder) Text(t canvas.Run)                  { r.words = append(r.words, t.Text) }
func (r *recorder) Bytes() ([]byte, error)             { return nil, nil }

var _ canvas.Device = (*recorder)(nil)

// sceneOf is the bare surface of f over [-1, 1] x [-1, 1] with heights f itself.
func sceneOf(f *plane.Field, azimuth, elevation float64, levels ...float64) (*scene, *recorder) {
	v := newView(azimuth, elevation, 1, 1, 1)
	v.x, v.y, v.z = canvas.Axis{Lo: -1, Hi: 1}, canvas.Axis{Lo: -1, Hi: 1}, canvas.Axis{Lo: 0, Hi: 1}
	h := newHeights(*f, &v, 0, 1)
	r := new(recorder)
	s := &scene{
		page: &canvas.Page{Device: r, Font: 8, Theme: canvas.ThemeOf(false)}, view: &v, heights: &h,
		levels: levels,
	}
	for range len(levels) + 1 {
		s.colors = append(s.colors, canvas.Gray(200))
	}
	return s, r
}

func TestProjection(t *testing.T) {
	for _, c := range []struct {
		azimuth, elevation float64
		at                 solid
		want               canvas.Point
	}{
		// From the south the first axis runs to the right and the second away,
		// which is up by the sine of the elevation.
		{-90, 30, solid{1, 0.5, 0.5}, canvas.Pt(0.5, 0)},
		{-90, 30, solid{0.5, 1, 0.5}, canvas.Pt(0, 0.25)},
		{-90, 30, solid{0.5, 0.5, 1}, canvas.Pt(0, math.Sqrt(3)/4)},
		// From the east the second axis runs to the right and the first comes near.
		{360, 30, solid{0.5, 1, 0.5}, canvas.Pt(0.5, 0)},
		{360, 30, solid{1, 0.5, 0.5}, canvas.Pt(0, -0.25)},
		// Straight from above, (1, 1) is to the right of a viewer in the south-east.
		{-45, 90, solid{1, 1, 0.3}, canvas.Pt(math.Sqrt2/2, 0)},
	} {
		v := newView(c.azimuth, c.elevation, 1, 1, 1)
		if d := cmp.Diff(c.want, v.project(c.at), cmpopts.EquateApprox(0, 1e-12)); d != "" {
			t.Errorf("azimuth %v, elevation %v, %v (-want +got):\n%s", c.azimuth, c.elevation, c.at, d)
		}
	}
}

// TestHeights: the drawn surface is exact for a plane and at the samples.
func TestHeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "n")
		a, b := rapid.Float64Range(-0.2, 0.2).Draw(t, "a"), rapid.Float64Range(-0.2, 0.2).Draw(t, "b")
		plane := func(x, y float64) float64 { return 0.5 + a*x + b*y }
		s, _ := sceneOf(meshOf(steps(-1, 1, n), steps(-1, 1, n+1), plane), -60, 40)
		x, y := rapid.Float64Range(-1, 1).Draw(t, "x"), rapid.Float64Range(-1, 1).Draw(t, "y")
		if w, ok := s.heights.at(x, y); !ok || math.Abs(w-plane(x, y)) > 1e-12 {
			t.Fatalf("height %v at (%v, %v), want %v", w, x, y, plane(x, y))
		}
	})
	holed := meshOf(steps(-1, 1, 5), steps(-1, 1, 5), func(x, y float64) float64 {
		if x == 0 && y == 0 {
			return math.NaN()
		}
		return 0.5
	})
	s, _ := sceneOf(holed, -60, 40)
	for _, c := range []struct {
		x, y float64
		ok   bool
	}{{0.2, -0.3, false}, {0.7, 0.7, true}, {1, 1, true}, {-1, -1, true}, {1.01, 0, false}, {math.NaN(), 0, false}} {
		if _, ok := s.heights.at(c.x, c.y); ok != c.ok {
			t.Errorf("at (%v, %v): %v", c.x, c.y, ok)
		}
	}
}

// TestVisible: a wall of height h along y = 0 hides from a viewer in the south,
// who looks down by the elevation e, the ground behind it up to h/tan(e).
func TestVisible(t *testing.T) {
	wall := meshOf(steps(-1, 1, 41), steps(-1, 1, 81), func(_, y float64) float64 {
		if math.Abs(y) < 0.01 {
			return 0.5
		}
		return 0
	})
	for _, elevation := range []float64{30, 45, 60} {
		s, _ := sceneOf(wall, -90, elevation)
		// The box is 1 deep where the grid is 2, so the shadow in the units of y is:
		end := 2 * 0.5 / math.Tan(elevation*math.Pi/180)
		for _, y := range steps(-0.97, 0.97, 39) {
			want := y < 0 || y > end
			if math.Abs(y) < 0.03 || math.Abs(y-end) < 0.03 {
				continue // on the wall, whose flanks are a cell wide, or at the edge
			}
			if got := s.visible(solid{0.5, (y + 1) / 2, 0}); got != want {
				t.Errorf("elevation %v: visible at y = %.2f is %v; the shadow ends at %.2f", elevation, y, got, end)
			}
		}
		if s.visible(solid{0.5, 0.3, -0.1}) {
			t.Error("a place under the surface is seen")
		}
		if !s.visible(solid{0.5, 0.6, 0.9}) {
			t.Error("a place above the wall is not seen")
		}
	}
}

// TestPaintersOrder: from every side, of two neighbouring cells the farther one is
// painted first, and a hole is not painted.
func TestPaintersOrder(t *testing.T) {
	f := meshOf(steps(-1, 1, 6), steps(-1, 1, 5), func(x, y float64) float64 {
		if x == 1 && y == 1 {
			return math.NaN()
		}
		return 0.5
	})
	for azimuth := -170.0; azimuth <= 180; azimuth += 35 {
		s, r := sceneOf(f, azimuth, 40)
		s.drawCells()
		if len(r.tiles) != 5*4-1 {
			t.Fatalf("%d cells painted, want 19", len(r.tiles))
		}
		// On level ground, farther is higher on the page.
		middle := func(p canvas.Path) canvas.Point {
			var sum canvas.Point
			for _, o := range p[:4] {
				sum = sum.Add(o.P.Scale(0.25))
			}
			return sum
		}
		for i := range r.tiles {
			for k := i + 1; k < len(r.tiles); k++ {
				a, b := middle(r.tiles[i]), middle(r.tiles[k])
				if d := b.Sub(a).Norm(); d < 0.22 && b.Y > a.Y+1e-9 && sharedEdge(r.tiles[i], r.tiles[k]) {
					t.Errorf("azimuth %v: cell %d at %v is painted before %d at %v", azimuth, i, a, k, b)
				}
			}
		}
	}
}

func sharedEdge(p, q canvas.Path) bool {
	n := 0
	for _, a := range p[:4] {
		for _, b := range q[:4] {
			if a.P.Sub(b.P).Norm() < 1e-9 {
				n++
			}
		}
	}
	return n >= 2
}

// TestTilesCover: the tiles of one cell cover all of it however it is folded: a
// cell of which one triangle is seen from below has the area of both.
func TestTilesCover(t *testing.T) {
	f := &plane.Field{
		X: []float64{-1, 1}, Y: []float64{-1, 1}, Z: []float64{0, 0, 1, 0},
		OK: []bool{true, true, true, true},
	}
	s, r := sceneOf(f, -90, 20)
	s.drawCells()
	c := s.corners(0, 0)
	want := 0.0
	for _, tri := range [][]solid{{c[0], c[1], c[2]}, {c[0], c[2], c[3]}} {
		want += area(facing(s.pointsOf(tri)))
	}
	got := 0.0
	var ring []canvas.Point
	for _, o := range r.tiles[0] {
		if o.Kind == canvas.OpClose {
			got += area(ring)
			ring = nil
			continue
		}
		ring = append(ring, o.P)
	}
	if len(r.tiles) != 1 || math.Abs(got-want) > 1e-12 {
		t.Errorf("%d tiles with the area %v, want %v", len(r.tiles), got, want)
	}
}

// TestSurfaceContours: on a plane each contour is one straight line at its height;
// on a cone it is one ring.
func TestSurfaceContours(t *testing.T) {
	s, _ := sceneOf(meshOf(steps(-1, 1, 9), steps(-1, 1, 7),
		func(x, y float64) float64 { return 0.5 + 0.2*x + 0.13*y }),
		-60, 40)
	lines := joined(s.crossings(0.5))
	if len(lines) != 1 {
		t.Fatalf("%d lines on a plane", len(lines))
	}
	for _, q := range lines[0] {
		if d := 0.2*(2*q.u-1) + 0.13*(2*q.v-1); math.Abs(d) > 1e-12 || math.Abs(q.w-0.5) > 1e-12 {
			t.Errorf("%v is not on the contour", q)
		}
	}
	s, _ = sceneOf(meshOf(steps(-1, 1, 21), steps(-1, 1, 21),
		func(x, y float64) float64 { return 0.6 * math.Hypot(x, y) }), -60, 40)
	rings := joined(s.crossings(0.3))
	if len(rings) != 1 || rings[0][0] != rings[0][len(rings[0])-1] {
		t.Errorf("%d rings on a cone", len(rings))
	}
}

// TestRoute: a path on the surface has its height, gaps outside the grid and over
// holes, and goes on where it comes back.
func TestRoute(t *testing.T) {
	f := meshOf(steps(-1, 1, 21), steps(-1, 1, 21), func(x, y float64) float64 {
		if math.Abs(x) < 0.01 {
			return math.NaN()
		}
		return 0.3 + 0.2*x
	})
	s, _ := sceneOf(f, -90, 60)
	path := []figure.PathPoint{{A: -2, B: 0}, {A: 2, B: 0.1, Step: 1}, {A: 0.5, B: 0.5, Step: 2, Loss: 0.9}}
	r := s.route(plane.Trail{Points: path})
	gaps := 0
	for _, q := range r.places {
		if q.gap {
			gaps++
		}
		if x := 2*q.u - 1; math.Abs(q.w-0.3-0.2*x) > 1e-12 || math.Abs(x) < 0.0999 || math.Abs(x) > 1 {
			t.Errorf("a place at %v", q.solid)
		}
	}
	// Entering the grid, after the hole, coming back.
	if gaps != 3 {
		t.Errorf("%d pieces, want 3", gaps)
	}
	if e := r.end(); e == nil || e.hidden || math.Abs(e.w-0.4) > 1e-12 {
		t.Errorf("the end is %+v", e)
	}
}

// TestSurfaceChoosesSide: the viewer goes where the ridge does not hide the path.
func TestSurfaceChoosesSide(t *testing.T) {
	x, y := steps(-1, 1, 31), steps(-1, 1, 31)
	l := &figure.Landscape{X: x, Y: y}
	for _, b := range y {
		row := make([]float64, len(x))
		for i := range x {
			row[i] = 1 + 3*math.Exp(-30*b*b)
		}
		l.Z = append(l.Z, row)
	}
	for _, north := range []float64{0.35, -0.35} {
		l.Path = []figure.PathPoint{{A: -0.8, B: north}, {A: 0.8, B: north, Step: 1}}
		s := (&Figure{Landscape: l, Elevation: 20}).withDefaults()
		r := l.Relief()
		got := s.azimuth(&r)
		if (got > 0) != (north > 0) {
			t.Errorf("the path is at %v, the viewer at %v degrees", north, got)
		}
		if alt := s.Alt(); !strings.Contains(alt, "seen from ") {
			t.Error(alt)
		}
	}
}

// TestThin: a large grid keeps its ends.
func TestThin(t *testing.T) {
	f := meshOf(steps(0, 1, 8), steps(0, 1, 7), func(x, y float64) float64 { return x + 10*y })
	got := thin(f, 3)
	if d := cmp.Diff([]float64{0, 3. / 7, 6. / 7, 1}, got.X, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	for j, b := range got.Y {
		for i, a := range got.X {
			if v := got.Z[j*len(got.X)+i]; math.Abs(v-a-10*b) > 1e-12 {
				t.Errorf("%v at (%v, %v)", v, a, b)
			}
		}
	}
}

// steps returns n values from lo to hi at equal distances.
func steps(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}

func meshOf(x, y []float64, f func(a, b float64) float64) *plane.Field {
	out := &plane.Field{X: x, Y: y, Z: make([]float64, len(x)*len(y)), OK: make([]bool, len(x)*len(y))}
	for j, b := range y {
		for i, a := range x {
			v := f(a, b)
			out.Z[j*len(x)+i], out.OK[j*len(x)+i] = v, !math.IsNaN(v)
		}
	}
	return out
}

// area is the signed area of a polygon.
func area(pts []canvas.Point) float64 {
	sum := 0.0
	for i, p := range pts {
		q := pts[(i+1)%len(pts)]
		sum += (p.X*q.Y - q.X*p.Y) / 2
	}
	return sum
}
