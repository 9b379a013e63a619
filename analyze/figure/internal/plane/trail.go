package plane

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// PathPoint is an iterate on the plane.
type PathPoint struct {
	A, B     float64 // coordinates on the plane, in the units of X and Y
	Residual float64 // distance from the plane; 0 or NaN draws the path at full width
	Step     int
	Epoch    int // the first point of an epoch is marked
	// Loss is the loss at the iterate itself, not at its projection onto the plane
	// (the quantity of Z, if Z is not a loss). 0 and NaN mean that it is not known.
	Loss float64
	// PlaneLoss is the same at its projection. 0 and NaN mean that it is not known.
	PlaneLoss float64
}

func (q PathPoint) HasLoss() bool { return q.Loss != 0 && !math.IsNaN(q.Loss) }

// Trail is a path with its pen and marks. Several trails differ in colour, dashes and
// the shape of their marks; for up to eight, colour or shape alone is enough.
type Trail struct {
	Name   string
	Points []PathPoint
	Ink    color.NRGBA
	Dash   []float64
	mark   func(c *canvas.Path, at canvas.Point, r float64)
	Alone  bool
	// whole is all of the path when points is its beginning, in an animation.
	// What would jump from frame to frame follows from the whole, or is left out.
	Whole []PathPoint
}

// Whom names the path in a sentence.
func (t *Trail) Whom() string {
	if t.Alone {
		return "the path"
	}
	return t.Name
}

// LoneTrail is the path of a single run.
func LoneTrail(points []PathPoint) Trail {
	return Trail{Points: points, Ink: PathInk, Alone: true, mark: (*canvas.Path).Star}
}

// TrailAmong is the i-th path of several runs.
func TrailAmong(i int, name string, points []PathPoint) Trail {
	d := canvas.ThemeOf(false).Identity(i) // maps have a pale halo under the paths in either theme
	return Trail{
		Name: name, Points: points, Ink: d.Color, Dash: d.Dash, mark: d.Mark,
	}
}

// onPage returns the places of the iterates. One without a finite place is a gap,
// NaN.
func (t *Trail) onPage(f canvas.Frame) []canvas.Point {
	out := make([]canvas.Point, len(t.Points))
	for i, q := range t.Points {
		out[i] = f.At(q.A, q.B)
		if !canvas.Finite(out[i].X) || !canvas.Finite(out[i].Y) {
			out[i] = canvas.Pt(math.NaN(), math.NaN())
		}
	}
	return out
}

// maxResidual returns the largest distance from the plane, 0 if none is known.
func (t *Trail) maxResidual() float64 {
	m := 0.0
	for _, q := range t.Points {
		if q.Residual > m && !math.IsInf(q.Residual, 1) {
			m = q.Residual
		}
	}
	return m
}

// whole returns all of the path, also where Points is only its beginning.
func (t *Trail) whole() Trail {
	w := *t
	if t.Whole != nil {
		w.Points = t.Whole
	}
	return w
}

// EpochEnds returns the indices of the iterates at which an epoch ended, without the ends of
// the path; of many only every 2nd, 5th, ... epoch. EndedEpoch has the number of the epoch.
func (t *Trail) EpochEnds() []int {
	points := t.whole().Points
	var ends []int
	for i := 1; i < len(points)-1; i++ {
		if points[i].Epoch != points[i-1].Epoch {
			ends = append(ends, i)
		}
	}
	stride := 1
	for _, stride = range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if len(ends) <= 10*stride {
			break
		}
	}
	var out []int
	for _, i := range ends {
		if endedEpoch(points[i])%stride == 0 && i < len(t.Points) {
			out = append(out, i)
		}
	}
	return out
}

// endedEpoch is the number of the epoch that ended at an iterate, the first one of the next
// epoch.
func endedEpoch(q PathPoint) int { return q.Epoch - 1 }
