// Package surface draws a landscape of package figure as a shaded surface in space,
// with the paths of the runs on it.
//
//  1. The grid is thinned or refined to about 25,000 cells.
//  2. The viewer is placed where the surface hides the least of the path.
//  3. Cells are painted from far to near, then contours, then the paths with their
//     hidden parts dotted.
package surface

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/record"
)

// Figure is a [figure.Landscape] as a shaded surface in space, with its path on it. It
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
type Figure struct {
	// Landscape has the data, labels, map, scale, levels, notes and style.
	// The sides of the base are proportional to the ranges of X and Y, unless one of them would
	// be too short; with FreeAxes the base is square.
	Landscape *figure.Landscape

	// Azimuth is the direction in which the viewer stands, in degrees
	// counterclockwise from the first axis, -360 to 360; 0 chooses the one of -60,
	// -120, -30, -150, 60, 120, 30 and 150 from which the surface hides the least of
	// the path (the first of equals; use 360 for 0).
	Azimuth float64
	// Elevation is how far the viewer looks down, in degrees from the horizontal,
	// 5 to 85; 0 is 40.
	Elevation float64
}

// boxHeight is the height of the box in parts of the longer side of its base.
const boxHeight = 0.6

var _ figure.Figure = (*Figure)(nil)

func (s *Figure) Defaults() (figure.Style, float64) {
	if s.Landscape == nil {
		return figure.Style{}, 0.74
	}
	style := s.Landscape.Style
	if style.Width != 0 && style.Width < 5 {
		return style, 1
	}
	return style, 0.74
}

func (s *Figure) Heading() string {
	if s.Landscape == nil {
		return ""
	}
	return s.Landscape.Heading()
}

// withDefaults fills in the elevation.
func (s *Figure) withDefaults() Figure {
	out := *s
	if out.Elevation == 0 {
		out.Elevation = 40
	}
	return out
}

// Validate implements Figure.
func (s *Figure) Validate() error {
	if s.Landscape == nil {
		return fmt.Errorf("%w: Surface.Landscape is nil; it must have the data", figure.ErrInput)
	}
	d := s.withDefaults()
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{{"Azimuth", d.Azimuth, -360, 360}, {"Elevation", d.Elevation, 5, 85}} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fmt.Errorf("%w: Surface.%s is %v; it must be between %v and %v",
				figure.ErrInput, f.name, f.v, f.lo, f.hi)
		}
	}
	return s.Landscape.Validate()
}

// Table implements Figure: the table of the landscape.
func (s *Figure) Table() record.Table { return s.Landscape.Table() }

// Alt implements Figure.
func (s *Figure) Alt() string {
	d := s.withDefaults()
	r := s.Landscape.Relief()
	d.Azimuth = d.azimuth(&r)
	return fmt.Sprintf("The landscape as a surface, seen from %s\u00b0 around and %s\u00b0 above. %s",
		canvas.Minus(fmt.Sprint(d.Azimuth)), fmt.Sprint(d.Elevation), s.Landscape.Alt())
}

// azimuths that are tried when none is given.
var azimuths = []float64{-60, -120, -30, -150, 60, 120, 30, 150}

// azimuth returns where the viewer stands.
func (s *Figure) azimuth(r *plane.Relief) float64 {
	if s.Azimuth != 0 {
		return s.Azimuth
	}
	mesh, _ := s.mesh(r)
	trails := s.Landscape.Trails()
	best, least := azimuths[0], -1
	for _, a := range azimuths {
		try := *s
		try.Azimuth = a
		v := try.view(r)
		h := newHeights(mesh, &v, r.Lo, r.Hi)
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
func (s *Figure) mesh(r *plane.Relief) (plane.Field, int) {
	nx, ny := len(r.X)-1, len(r.Y)-1
	every := 1
	for (nx/every)*(ny/every) > maxSurfaceCells {
		every++
	}
	if every > 1 {
		return thin(&r.Field, every), every
	}
	times := min(8, (minSurfaceSide+max(nx, ny)-1)/max(nx, ny))
	return r.Refine(times), 1
}

// thin returns every k-th sample and the last ones.
func thin(f *plane.Field, k int) plane.Field {
	pick := func(n int) (out []int) {
		for i := 0; i < n-1; i += k {
			out = append(out, i)
		}
		return append(out, n-1)
	}
	is, js := pick(len(f.X)), pick(len(f.Y))
	var out plane.Field
	for _, i := range is {
		out.X = append(out.X, f.X[i])
	}
	for _, j := range js {
		out.Y = append(out.Y, f.Y[j])
		for _, i := range is {
			out.Z, out.OK = append(out.Z, f.Z[j*len(f.X)+i]), append(out.OK, f.OK[j*len(f.X)+i])
		}
	}
	return out
}

// heights is the mesh in the box: samples, their places and their heights, all in
// [0, 1].
type heights struct {
	plane.Field
	u, v []float64
	w    []float64
}

func newHeights(f plane.Field, v *view, lo, hi float64) heights {
	out := heights{Field: f, w: make([]float64, len(f.Z))}
	for _, x := range f.X {
		out.u = append(out.u, v.x.Pos(x))
	}
	for _, y := range f.Y {
		out.v = append(out.v, v.y.Pos(y))
	}
	for k, z := range f.Z {
		if f.OK[k] {
			out.w[k] = v.z.Pos(math.Max(lo, math.Min(hi, z)))
		}
	}
	return out
}

// at returns the height of the drawn surface over a place: the height of the triangle
// there. It is false outside the grid and over holes.
func (h *heights) at(x, y float64) (float64, bool) {
	i, u, ok := plane.Interval(h.X, x)
	j, v, ok2 := plane.Interval(h.Y, y)
	if !ok || !ok2 || !h.CellOK(i, j) {
		return 0, false
	}
	return h.inCell(i, j, u, v), true
}

// inCell returns the height at the shares u and v of a cell.
func (h *heights) inCell(i, j int, u, v float64) float64 {
	k, nx := j*len(h.X)+i, len(h.X)
	a, b, c, d := h.w[k], h.w[k+1], h.w[k+nx+1], h.w[k+nx]
	if u >= v { // the triangle a, b, c
		return a + u*(b-a) + v*(c-b)
	}
	return a + v*(d-a) + u*(c-d)
}

func (s *Figure) WithStyle(t figure.Style) figure.Figure {
	c := *s
	if s.Landscape != nil {
		l := *s.Landscape
		l.Style = t
		c.Landscape = &l
	}
	return &c
}

// WithLabels implements figure.Figure.
func (s *Figure) WithLabels(t figure.Labels) figure.Figure {
	c := *s
	if s.Landscape != nil {
		l, _ := s.Landscape.WithLabels(t).(*figure.Landscape)
		c.Landscape = l
	}
	return &c
}

func (s *Figure) WithScale(t figure.Scale) figure.Figure {
	c := *s
	if s.Landscape != nil {
		l, _ := s.Landscape.WithScale(t).(*figure.Landscape)
		c.Landscape = l
	}
	return &c
}
