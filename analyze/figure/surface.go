package figure

import (
	"fmt"
	"math"

	"sgdwalk/record"
)

// Surface is a [Landscape] as a shaded surface in space, with its path on it. It
// is seen by parallel projection, so that equal lengths along an axis are equal
// everywhere. Cells are painted from the far to the near ones, which is exact for
// a surface over a grid. Cells without a value, NaN or infinite are holes.
//
// The colours are the bands of the landscape, darkened where the surface turns
// away from the light, which comes from the viewer's upper left. Of the side
// that is seen from below the colours are greyed. What the surface hides of the
// path is a thin dotted line.
//
// Of a grid with more than about 25,000 cells every second, third, ... row and
// column is drawn, which is noted under the figure; a coarse grid is refined as a
// landscape's is.
type Surface struct {
	// Landscape has the data, labels, map, scale, levels, notes and style.
	// EqualAspect makes the sides of the base proportional to the ranges of X and
	// Y; without it the base is square.
	Landscape *Landscape

	// Azimuth is the direction in which the viewer stands, in degrees
	// counterclockwise from the first axis, -360 to 360; 0 is that of -60, -120,
	// -30, -150, 60, 120, 30 and 150 from which the surface hides least of the
	// path (the first of equals; use 360 for 0).
	Azimuth float64
	// Elevation is how far the viewer looks down, in degrees from the horizontal,
	// 5 to 85; 0 is 40.
	Elevation float64
}

// boxHeight is the height of the box in parts of the longer side of its base.
const boxHeight = 0.6

var _ Figure = (*Surface)(nil)

func (s *Surface) style() (Style, float64) {
	if s.Landscape == nil {
		return Style{}, 0.74
	}
	style := s.Landscape.Style
	if style.Width != 0 && style.Width < 5 {
		return style, 1
	}
	return style, 0.74
}

func (s *Surface) title() string {
	if s.Landscape == nil {
		return ""
	}
	return s.Landscape.title()
}

// withDefaults fills in the elevation.
func (s *Surface) withDefaults() Surface {
	out := *s
	if out.Elevation == 0 {
		out.Elevation = 40
	}
	return out
}

// Validate implements Figure.
func (s *Surface) Validate() error {
	if s.Landscape == nil {
		return fmt.Errorf("%w: Surface.Landscape is nil; it must have the data", ErrInput)
	}
	d := s.withDefaults()
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{{"Azimuth", d.Azimuth, -360, 360}, {"Elevation", d.Elevation, 5, 85}} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fmt.Errorf("%w: Surface.%s is %v; it must be between %v and %v", ErrInput, f.name, f.v, f.lo, f.hi)
		}
	}
	return s.Landscape.Validate()
}

// Table implements Figure: that of the landscape.
func (s *Surface) Table() record.Table { return s.Landscape.Table() }

// Alt implements Figure.
func (s *Surface) Alt() string {
	d := s.withDefaults()
	r := s.Landscape.relief()
	d.Azimuth = d.azimuth(&r)
	return fmt.Sprintf("The landscape as a surface, seen from %s\u00b0 around and %s\u00b0 above. %s",
		minus(fmt.Sprint(d.Azimuth)), fmt.Sprint(d.Elevation), s.Landscape.Alt())
}

// azimuths that are tried when none is given.
var azimuths = []float64{-60, -120, -30, -150, 60, 120, 30, 150}

// azimuth returns where the viewer stands.
func (s *Surface) azimuth(r *relief) float64 {
	if s.Azimuth != 0 {
		return s.Azimuth
	}
	mesh, _ := s.mesh(r)
	trails := s.Landscape.trails()
	best, least := azimuths[0], -1
	for _, a := range azimuths {
		try := *s
		try.Azimuth = a
		v := try.view(r)
		h := newHeights(mesh, &v, r.lo, r.hi)
		sc := scene{view: &v, heights: &h}
		hidden := 0
		for _, t := range trails {
			for _, q := range sc.route(t).places {
				if q.hidden {
					hidden++
				}
			}
		}
		if least < 0 || hidden < least {
			best, least = a, hidden
		}
		if hidden == 0 {
			break
		}
	}
	return best
}

// Cells that are drawn at most, and how many a side there are to be at least.
const (
	maxSurfaceCells = 25000
	minSurfaceSide  = 80
)

// mesh returns the samples that are drawn, and by how much the grid was thinned.
func (s *Surface) mesh(r *relief) (field, int) {
	nx, ny := len(r.x)-1, len(r.y)-1
	thin := 1
	for (nx/thin)*(ny/thin) > maxSurfaceCells {
		thin++
	}
	if thin > 1 {
		return r.thin(thin), thin
	}
	times := min(8, (minSurfaceSide+max(nx, ny)-1)/max(nx, ny))
	return r.refine(times), 1
}

// thin returns every k-th sample and the last ones.
func (f *field) thin(k int) field {
	pick := func(n int) (out []int) {
		for i := 0; i < n-1; i += k {
			out = append(out, i)
		}
		return append(out, n-1)
	}
	is, js := pick(len(f.x)), pick(len(f.y))
	var out field
	for _, i := range is {
		out.x = append(out.x, f.x[i])
	}
	for _, j := range js {
		out.y = append(out.y, f.y[j])
		for _, i := range is {
			out.z, out.ok = append(out.z, f.z[j*len(f.x)+i]), append(out.ok, f.ok[j*len(f.x)+i])
		}
	}
	return out
}

// heights is the mesh in the box: samples, their places and their heights, all in
// [0, 1].
type heights struct {
	field
	u, v []float64
	w    []float64
}

func newHeights(f field, v *view, lo, hi float64) heights {
	out := heights{field: f, w: make([]float64, len(f.z))}
	for _, x := range f.x {
		out.u = append(out.u, v.x.pos(x))
	}
	for _, y := range f.y {
		out.v = append(out.v, v.y.pos(y))
	}
	for k, z := range f.z {
		if f.ok[k] {
			out.w[k] = v.z.pos(math.Max(lo, math.Min(hi, z)))
		}
	}
	return out
}

// at returns the height of the drawn surface over a place: that of the triangle
// there. It is false outside the grid and over holes.
func (h *heights) at(x, y float64) (float64, bool) {
	i, u, ok := interval(h.x, x)
	j, v, ok2 := interval(h.y, y)
	if !ok || !ok2 || !h.cellOK(i, j) {
		return 0, false
	}
	return h.inCell(i, j, u, v), true
}

// inCell returns the height at the shares u and v of a cell.
func (h *heights) inCell(i, j int, u, v float64) float64 {
	k, nx := j*len(h.x)+i, len(h.x)
	a, b, c, d := h.w[k], h.w[k+1], h.w[k+nx+1], h.w[k+nx]
	if u >= v { // the triangle a, b, c
		return a + u*(b-a) + v*(c-b)
	}
	return a + v*(d-a) + u*(c-d)
}

