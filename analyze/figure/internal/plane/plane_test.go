package plane

import (
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sgdwalk/analyze/figure/internal/canvas"
)

func axisGrid(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}

func fieldOf(x, y []float64, f func(a, b float64) float64) *Field {
	out := &Field{X: x, Y: y, Z: make([]float64, len(x)*len(y)), OK: make([]bool, len(x)*len(y))}
	for j, b := range y {
		for i, a := range x {
			v := f(a, b)
			out.Z[j*len(x)+i], out.OK[j*len(x)+i] = v, !math.IsNaN(v)
		}
	}
	return out
}

func contoursOf(f *Field, level float64) []Line { return f.contours(f.links(level), level) }

// area is the signed area of the region z >= level.
func area(lines []Line) float64 {
	sum := 0.0
	for _, c := range lines {
		for i, p := range c.Pts {
			q := c.Pts[(i+1)%len(c.Pts)]
			sum += (p.X*q.Y - q.X*p.Y) / 2
		}
	}
	return sum
}

// TestContourOfPlane: on a plane, marching squares is exact, on any grid. The
// grid is not square and the function not symmetric, so a transposed one fails.
func TestContourOfPlane(t *testing.T) {
	f := fieldOf(axisGrid(-1, 2, 7), axisGrid(0, 1, 12), func(a, b float64) float64 { return 2*a + 5*b + 1 })
	lines := contoursOf(f, 3.3)
	if len(lines) != 1 || lines[0].closed {
		t.Fatalf("%d contours, want one open line", len(lines))
	}
	for _, p := range lines[0].Pts {
		if v := 2*p.X + 5*p.Y + 1; math.Abs(v-3.3) > 1e-12 {
			t.Errorf("the plane is %v at %v on its contour of 3.3", v, p)
		}
	}
	// From b = 0, a = 1.15 to b = 1, a = -1.35 (outside): it leaves at a = -1.
	ends := []canvas.Point{lines[0].Pts[0], lines[0].Pts[len(lines[0].Pts)-1]}
	want := []canvas.Point{canvas.Pt(-1, 0.86), canvas.Pt(1.15, 0)}
	if ends[0].X > ends[1].X {
		ends[0], ends[1] = ends[1], ends[0]
	}
	if d := cmp.Diff(want, ends, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("ends of the contour (-want +got):\n%s", d)
	}
	// The higher side is on the left: walking to smaller a, that is ... the
	// normal (2, 5) turned left of the direction has a positive product.
	p, q := lines[0].Pts[0], lines[0].Pts[1]
	if left := canvas.Pt(-(q.Y - p.Y), q.X-p.X); left.X*2+left.Y*5 <= 0 {
		t.Error("the higher side is not on the left")
	}
}

// TestContourOfCone: the contour of a cone at radius r is closed and within the
// interpolation error h^2/(8r) of the circle.
func TestContourOfCone(t *testing.T) {
	const h = 4.0 / 40
	f := fieldOf(axisGrid(-2, 2, 41), axisGrid(-2, 2, 41), func(a, b float64) float64 { return math.Hypot(a, b) })
	for _, r := range []float64{0.5, 1, 1.7} {
		lines := contoursOf(f, r)
		if len(lines) != 1 || !lines[0].closed {
			t.Fatalf("radius %v: %d lines", r, len(lines))
		}
		for _, p := range lines[0].Pts {
			if e := math.Abs(math.Hypot(p.X, p.Y) - r); e > 1.2*h*h/(8*r) {
				t.Errorf("radius %v: %v is off by %v", r, p, e)
			}
		}
		inside := 16 - math.Pi*r*r
		if a := area(f.region(f.links(r), r)); math.Abs(a-inside) > 0.01 {
			t.Errorf("radius %v: area outside the circle is %v, want %v", r, a, inside)
		}
	}
}

// TestRefinedBowl: refinement is exact for a quadratic, so an ill-conditioned
// bowl on a coarse grid has its exact ellipses up to the fine grid's chords.
func TestRefinedBowl(t *testing.T) {
	bowl := func(a, b float64) float64 { return 0.1 + a*a + 25*b*b + 3*a*b }
	f := fieldOf([]float64{-2, -1.2, -0.5, 0.1, 0.9, 2}, axisGrid(-1, 1, 9), bowl)
	fine := f.Refine(8)
	for j, b := range fine.Y {
		for i, a := range fine.X {
			if v := fine.Z[j*len(fine.X)+i]; math.Abs(v-bowl(a, b)) > 1e-12*bowl(a, b)+1e-13 {
				t.Fatalf("refined to %v at (%v, %v), the bowl has %v", v, a, b, bowl(a, b))
			}
		}
	}
	for _, level := range []float64{0.3, 1, 3} {
		for _, c := range contoursOf(&fine, level) {
			for _, p := range c.Pts {
				if v := bowl(p.X, p.Y); math.Abs(v-level) > 0.03*level+0.01 {
					t.Errorf("the bowl is %v at %v on its contour of %v", v, p, level)
				}
			}
		}
	}
}

// TestRefinedCliff: beside a cliff nothing is invented.
func TestRefinedCliff(t *testing.T) {
	f := fieldOf([]float64{0, 1, 2, 3, 4, 5, 6}, []float64{0, 1}, func(a, _ float64) float64 {
		if a >= 4 {
			return 1e6
		}
		return 1
	})
	fine := f.Refine(5)
	for i, v := range fine.Z {
		if v < 1 || v > 1e6 {
			t.Errorf("sample %d is %v between 1 and 1e6", i, v)
		}
	}
}

// TestRefineKeeps: samples keep their values, gaps stay gaps, positive stays
// positive.
func TestRefineKeeps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nx, ny, r := rapid.IntRange(2, 7).Draw(t, "nx"), rapid.IntRange(2, 7).Draw(t, "ny"),
			rapid.IntRange(1, 4).Draw(t, "r")
		value := rapid.OneOf(rapid.Float64Range(1e-3, 10), rapid.Just(math.NaN()))
		f := fieldOf(axisGrid(0, 1, nx), axisGrid(0, 1, ny), func(_, _ float64) float64 { return value.Draw(t, "z") })
		fine := f.Refine(r)
		mx := len(fine.X)
		for j := range ny {
			for i := range nx {
				k := j*r*mx + i*r
				if f.OK[j*nx+i] != fine.OK[k] || f.OK[j*nx+i] && f.Z[j*nx+i] != fine.Z[k] {
					t.Fatalf("sample (%d, %d) was %v and is %v", i, j, f.Z[j*nx+i], fine.Z[k])
				}
			}
		}
		for j := range (ny - 1) * r {
			for i := range (nx - 1) * r {
				if f.CellOK(i/r, j/r) != fine.CellOK(i, j) {
					t.Fatalf("cell (%d, %d) of the fine grid has changed", i, j)
				}
			}
		}
		for k, v := range fine.Z {
			if fine.OK[k] && !(v > 0) {
				t.Fatalf("%v is not positive", v)
			}
		}
	})
}

// TestRegions: regions are closed, and what is above one level and below it make
// up all cells that have values.
func TestRegions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nx, ny := rapid.IntRange(2, 8).Draw(t, "nx"), rapid.IntRange(2, 8).Draw(t, "ny")
		value := rapid.OneOf(rapid.Float64Range(-1, 1), rapid.Just(math.NaN()), rapid.SampledFrom([]float64{-1, 0, 1}))
		f := fieldOf(axisGrid(0, float64(nx-1), nx), axisGrid(0, float64(ny-1), ny),
			func(_, _ float64) float64 { return value.Draw(t, "z") })
		cells := 0
		for j := range ny - 1 {
			for i := range nx - 1 {
				if f.CellOK(i, j) {
					cells++
				}
			}
		}
		last := float64(cells)
		for _, level := range []float64{-2, -0.5, 0, 0.3, 1, 2} {
			links := f.links(level)
			region := f.region(links, level)
			for _, c := range region {
				if !c.closed {
					t.Fatalf("level %v: a border of %d points is open", level, len(c.Pts))
				}
			}
			a := area(region)
			if level == -2 && math.Abs(a-float64(cells)) > 1e-9 {
				t.Fatalf("all of %d cells have the area %v", cells, a)
			}
			if a > last+1e-9 || a < -1e-9 {
				t.Fatalf("level %v: area %v after %v", level, a, last)
			}
			last = a
			for _, c := range f.contours(links, level) {
				for _, p := range c.Pts {
					if p.X < 0 || p.X > float64(nx-1) || p.Y < 0 || p.Y > float64(ny-1) {
						t.Fatalf("%v is off the grid", p)
					}
				}
			}
		}
	})
}

// TestColormap: lightness rises from end to end and in equal steps of perceived
// distance, in full colour and for a reader without red-green vision (the full
// protanopia and deuteranopia matrices of Machado, Oliveira and Fernandes, 2009).
func TestColormap(t *testing.T) {
	blind := map[string][9]float64{
		"normal":      {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"protanope":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranope": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	}
	m := sequential()
	for name, k := range blind {
		see := func(c color.NRGBA) oklab {
			in := ToOklab(c).linear()
			var out [3]float64
			for i := range out {
				out[i] = math.Max(0, math.Min(1, k[3*i]*in[0]+k[3*i+1]*in[1]+k[3*i+2]*in[2]))
			}
			return fromLinear(out)
		}
		for i := 8; i < len(m); i += 8 {
			a, b := see(m[i-8]), see(m[i])
			if !(b.L > a.L+0.005) {
				t.Errorf("%s: lightness goes from %.3f to %.3f at %d", name, a.L, b.L, i)
			}
		}
	}
	lo, hi := math.Inf(1), 0.0
	for i := 16; i < len(m); i += 16 {
		d := ToOklab(m[i]).distance(ToOklab(m[i-16]))
		lo, hi = math.Min(lo, d), math.Max(hi, d)
	}
	if hi > 1.25*lo { // rounding to 8 bits and cutting corners of the curve
		t.Errorf("equal steps of the argument are perceived as %.4f to %.4f", lo, hi)
	}
}

func TestDisplayRange(t *testing.T) {
	outlier := make([]float64, 100)
	for i := range outlier {
		outlier[i] = 1 + float64(i)/100
	}
	outlier[99] = 1e12
	if lo, hi := DisplayRange(outlier, true); lo != 1 || math.Abs(hi-1.5e4) > 100 {
		t.Errorf("logarithmic range %v to %v", lo, hi)
	}
	if lo, hi := DisplayRange(outlier, false); lo != 1 || hi > 5 {
		t.Errorf("linear range %v to %v", lo, hi)
	}
	if lo, hi := DisplayRange([]float64{1e-3, 1, 10}, true); lo != 1e-3 || hi != 10 {
		t.Errorf("four decades are cut to %v to %v", lo, hi)
	}
}

// TestCut takes a piece out of a ring and of an open line; what is left has the
// length that is left.
func TestCut(t *testing.T) {
	ring := Line{closed: true, Pts: []canvas.Point{canvas.Pt(0, 0), canvas.Pt(4, 0), canvas.Pt(4, 4), canvas.Pt(0, 4)}}
	open := Line{Pts: []canvas.Point{canvas.Pt(0, 0), canvas.Pt(4, 0), canvas.Pt(4, 4)}}
	length := func(lines []Line) float64 {
		sum := 0.0
		for _, c := range lines {
			arc := arcLengths(c)
			sum += arc[len(arc)-1]
		}
		return sum
	}
	for _, s := range [][2]float64{{3, 5}, {-1, 1}, {15, 17}, {0, 2}, {14, 16}} {
		if got := length(cut(ring, arcLengths(ring), s[0], s[1])); math.Abs(got-14) > 1e-12 {
			t.Errorf("ring without %v has length %v, want 14", s, got)
		}
	}
	if got := length(cut(open, arcLengths(open), 3, 5)); math.Abs(got-6) > 1e-12 {
		t.Errorf("line without 2 of 8 has length %v", got)
	}
}

// TestDivergingColors: both halves get darker alike from a pale middle, and a
// reader without red-green vision tells them apart.
func TestDivergingColors(t *testing.T) {
	blind := map[string][9]float64{
		"protanope":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranope": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	}
	m := divergingColors()
	middle := len(m) / 2
	if c := m[middle]; c.R != c.G || c.G != c.B {
		t.Errorf("the middle is %v, not grey", c)
	}
	for i := 1; i <= middle; i++ {
		below, above := ToOklab(m[middle-i]), ToOklab(m[middle+i])
		if math.Abs(below.L-above.L) > 0.01 {
			t.Errorf("%d from the middle: lightness %.3f below and %.3f above", i, below.L, above.L)
		}
		if i%16 == 0 {
			if before := ToOklab(m[middle+i-16]); !(above.L < before.L-0.01) {
				t.Errorf("lightness goes from %.3f to %.3f away from the middle", before.L, above.L)
			}
			for name, k := range blind {
				see := func(c oklab) oklab {
					in, out := c.linear(), [3]float64{}
					for r := range out {
						out[r] = math.Max(0, math.Min(1, k[3*r]*in[0]+k[3*r+1]*in[1]+k[3*r+2]*in[2]))
					}
					return fromLinear(out)
				}
				if d := see(below).distance(see(above)); i >= 32 && d < 0.05 {
					t.Errorf("%s: the sides are %.3f apart at %d from the middle", name, d, i)
				}
			}
		}
	}
}

// TestZeroBand: the band that has zero in it has the colour of zero, and levels on
// either side of it colours of either side.
func TestZeroBand(t *testing.T) {
	s := Relief{Diverging: true, Lo: -1, Hi: 8, Levels: []float64{-0.5, 0.5, 2, 4}}
	colors, m := s.BandColors(), divergingColors()
	if colors[1] != m[len(m)/2] {
		t.Errorf("the band around zero is %v", colors[1])
	}
	if colors[0].B <= colors[0].R || colors[4].R <= colors[4].B {
		t.Errorf("below zero %v, far above %v", colors[0], colors[4])
	}
	// -0.75 is an eighth as far as 6, so it is hardly coloured.
	if L := ToOklab(colors[0]).L; L < 0.88 {
		t.Errorf("-0.75 of 6 has lightness %.2f", L)
	}
}

// Late in a long run the path covers nothing new: what is drawn of it does not grow.
func TestLongPathsAreThinned(t *testing.T) {
	frame := canvas.Box(0, 0, 400, 300)
	drawn := func(n int) int {
		rng := rand.New(rand.NewPCG(5, 5))
		pts := make([]canvas.Point, n)
		for i := range pts {
			pts[i] = canvas.Pt(200+10*rng.NormFloat64(), 150+10*rng.NormFloat64())
		}
		total := 0
		for _, p := range visible(pts, frame, 0.4, 5, func(i int) int { return i % 5 }) {
			total += len(p)
		}
		return total
	}
	if few, many := drawn(20_000), drawn(200_000); many > 3*few { // ten times as many iterates
		t.Errorf("%d operations of 20,000 iterates and %d of 200,000", few, many)
	}
	if n := drawn(100); n != 2*99 {
		t.Errorf("%d operations of 100 iterates; nothing hides any of their %d pieces", n, 99)
	}
}

// TestPens: the distances have at most four round classes, of decreasing width, and every
// distance is in the class between the numbers of the legend around it.
func TestPens(t *testing.T) {
	for _, c := range []struct {
		top, step float64
		widths    int
	}{{1.18, 0.3, 4}, {8.41, 2.5, 4}, {0.195, 0.05, 4}, {4, 1, 4}, {1e-9, 2.5e-10, 4}, {3e12, 8e11, 4}, {math.MaxFloat64, 5e307, 4}, {0, 0, 1}, {5e-324, 0, 1}} {
		trails := []Trail{LoneTrail([]PathPoint{{Residual: math.NaN()}, {Residual: c.top / 3}, {Residual: c.top}})}
		p := NewPens(trails)
		if p.widths != c.widths || math.Abs(p.step-c.step) > 1e-9*c.step {
			t.Errorf("up to %v: %d widths %v apart, want %d and %v", c.top, p.widths, p.step, c.widths, c.step)
		}
		last := math.Inf(1)
		for k := range p.widths {
			w := p.Width(k)
			if w >= last {
				t.Errorf("up to %v: width %d is %v after %v", c.top, k, w, last)
			}
			last = w
			if c.step == 0 {
				continue
			}
			if got := p.Class(PathPoint{Residual: (float64(k) + 0.5) * p.step}); got != k {
				t.Errorf("up to %v: a distance of %v steps has width %d", c.top, float64(k)+0.5, got)
			}
		}
		if p.Class(PathPoint{Residual: math.NaN()}) != 0 || p.Class(PathPoint{Residual: c.top}) != p.widths-1 ||
			p.Class(PathPoint{Residual: math.Inf(1)}) != p.widths-1 {
			t.Errorf("up to %v: the plane, the farthest or infinity has the wrong width", c.top)
		}
	}
}

// TestEpochEnds: an epoch ends at the first iterate of the next one, and has its own number.
func TestEpochEnds(t *testing.T) {
	var points []PathPoint
	for i := range 31 {
		points = append(points, PathPoint{A: float64(i), Epoch: 1 + i/10})
	}
	trail := LoneTrail(points)
	var numbers []int
	ends := trail.EpochEnds()
	for _, i := range ends {
		numbers = append(numbers, endedEpoch(points[i]))
	}
	if d := cmp.Diff([]int{10, 20}, ends); d != "" {
		t.Errorf("ends (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]int{1, 2}, numbers); d != "" {
		t.Errorf("numbers (-want +got):\n%s", d)
	}
	trail.Whole, trail.Points = points, points[:15] // in an animation
	if d := cmp.Diff([]int{10}, trail.EpochEnds()); d != "" {
		t.Errorf("ends before step 15 (-want +got):\n%s", d)
	}
}
