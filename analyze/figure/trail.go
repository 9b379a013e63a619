package figure

import (
	"image/color"
	"math"
)

// PathPoint is an iterate on the plane.
type PathPoint struct {
	A, B     float64 // coordinates on the plane, in the units of X and Y
	Residual float64 // distance from the plane; 0 or NaN draws the path at full strength
	Step     int
	Epoch    int // the first point of an epoch is marked
	// Loss is the loss at the iterate itself, not at its projection onto the plane
	// (what Z has, if Z is no loss). 0 and NaN mean that it is not known.
	Loss float64
}

func (q PathPoint) hasLoss() bool { return q.Loss != 0 && !math.IsNaN(q.Loss) }

// trail is a path and how it is drawn. Several are told apart by colour, dashes
// and the shape of their marks; of up to eight, colour or shape is enough alone.
type trail struct {
	name      string
	points    []PathPoint
	ink, pale color.NRGBA // on the plane, and farthest from it
	dash      []float64
	mark      func(c *path, at point, r float64)
	alone     bool
	// whole is all of the path when points is its beginning, in an animation.
	// What would jump from frame to frame follows from the whole, or is left out.
	whole []PathPoint
}

// whom names the path in a sentence.
func (t *trail) whom() string {
	if t.alone {
		return "the path"
	}
	return t.name
}

// trailInks are told apart on every colour of the maps by their white halo, and
// from each other by their lightness as well as by their hue.
var trailInks = []color.NRGBA{
	{15, 15, 15, 255},
	{220, 50, 10, 255},
	{0, 75, 200, 255},
	{245, 150, 0, 255},
	{140, 20, 120, 255},
	{90, 45, 0, 255},
	{235, 90, 170, 255},
	{115, 115, 115, 255},
}

var trailDashes = [][]float64{nil, {5, 1.8}, {1.6, 1.5}, {6, 1.6, 1.4, 1.6}, {3, 1.5}}

var trailMarks = []func(c *path, at point, r float64){
	(*path).square, (*path).triangle, (*path).circle, (*path).diamond,
	(*path).downTriangle, (*path).plus, (*path).pentagon, (*path).star,
}

// loneTrail is the path of a single run.
func loneTrail(points []PathPoint) trail {
	return trail{points: points, ink: pathInk, pale: pathPale, alone: true, mark: (*path).star}
}

// trailAmong is the i-th path of several runs.
func trailAmong(i int, name string, points []PathPoint) trail {
	// From the ninth on colours and shapes come again, in other pairs.
	mark := trailMarks[(i+3*(i/len(trailMarks)))%len(trailMarks)]
	ink := trailInks[i%len(trailInks)]
	return trail{
		name: name, points: points, ink: ink, pale: mix(ink, gray(235), 0.45),
		dash: trailDashes[i%len(trailDashes)], mark: mark,
	}
}

// onPage returns the places of the iterates. One without a finite place is a gap,
// NaN.
func (t *trail) onPage(f panel) []point {
	out := make([]point, len(t.points))
	for i, q := range t.points {
		out[i] = f.at(q.A, q.B)
		if !finite(out[i].X) || !finite(out[i].Y) {
			out[i] = point{math.NaN(), math.NaN()}
		}
	}
	return out
}

// maxResidual returns the largest distance from the plane, 0 if none is known.
func (t *trail) maxResidual() float64 {
	m := 0.0
	for _, q := range t.points {
		if q.Residual > m && !math.IsInf(q.Residual, 1) {
			m = q.Residual
		}
	}
	return m
}

// maxResidual is that of all trails: one scale of shades for all.
func maxResidual(trails []trail) float64 {
	m := 0.0
	for i := range trails {
		m = math.Max(m, trails[i].maxResidual())
	}
	return m
}

func (t *trail) shade(k int) color.NRGBA {
	return mix(t.ink, t.pale, float64(k)/(pathShades-1))
}

// shadeOf returns the shade of the line to iterate i, when the farthest of all is
// off by top.
func (t *trail) shadeOf(i int, top float64) int {
	r := t.points[i].Residual
	if top == 0 || math.IsNaN(r) {
		return 0
	}
	return max(0, min(pathShades-1, int(math.Min(r/top, 1)*pathShades)))
}

// epochStarts returns the indices where a new epoch begins, without the ends of
// the path; of many only every 2nd, 5th, ... epoch.
func (t *trail) epochStarts() []int {
	points := t.points
	if t.whole != nil {
		points = t.whole
	}
	var starts []int
	for i := 1; i < len(points)-1; i++ {
		if points[i].Epoch != points[i-1].Epoch {
			starts = append(starts, i)
		}
	}
	stride := 1
	for _, stride = range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if len(starts) <= 10*stride {
			break
		}
	}
	var out []int
	for _, i := range starts {
		if points[i].Epoch%stride == 0 && i < len(t.points) {
			out = append(out, i)
		}
	}
	return out
}

