package plane

import (
	"image/color"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
)

// labelPlacer finds a place for the value of each contour: on a straight piece of
// the line, inside the frame, off the path, away from other labels.
type labelPlacer struct {
	frame  canvas.Rect
	size   float64
	avoid  []canvas.Point // places that labels keep clear of
	placed []placedLabel
	// samples are places on all contours. A label may cover only samples of the piece
	// of line that it replaces: a stroke next to a number reads as a minus sign.
	samples []contourSample
}

type contourSample struct {
	at   canvas.Point
	line *canvas.Point // the first point of its line
	arc  float64       // along that line
}

type placedLabel struct {
	label canvas.Label
	at    canvas.Point
	width float64
}

func newLabelPlacer(f canvas.Frame, size float64, avoid []canvas.Point, contours [][]Line) *labelPlacer {
	l := &labelPlacer{frame: f.Box.Grow(-2), size: size, avoid: avoid}
	for _, level := range contours {
		for _, c := range level {
			arc := arcLengths(c)
			for s := 0.0; s < arc[len(arc)-1]; s += 1.5 {
				l.samples = append(l.samples, contourSample{along(c, arc, s), &c.Pts[0], s})
			}
		}
	}
	return l
}

// Labels per level: on the longest lines that have room for one.
const labelsPerLevel = 2

// place puts the text on the lines of one level where it fits and returns the
// lines with a gap under each label.
func (l *labelPlacer) place(text string, lines []Line, c color.NRGBA) []Line {
	order := make([]int, len(lines))
	lengths := make([][]float64, len(lines))
	for i := range lines {
		order[i] = i
		lengths[i] = arcLengths(lines[i])
	}
	total := func(i int) float64 { return lengths[i][len(lengths[i])-1] }
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case total(a) > total(b):
			return -1
		case total(a) < total(b):
			return 1
		}
		return 0
	})
	word := canvas.Label{Text: text, Size: l.size, Color: c}
	gap := word.Width() + l.size*0.5
	var out []Line
	labels := 0
	for _, i := range order {
		s, at, angle, ok := 0.0, canvas.Point{}, 0.0, false
		if labels < labelsPerLevel && total(i) > room(lines[i])*gap {
			s, at, angle, ok = l.best(lines[i], lengths[i], gap)
		}
		if !ok {
			out = append(out, lines[i])
			continue
		}
		labels++
		word.Angle = angle
		l.placed = append(l.placed, placedLabel{word, at, gap})
		out = append(out, cut(lines[i], lengths[i], s-gap/2, s+gap/2)...)
	}
	return out
}

// room is how many times its label a line must be long. A ring that is half label
// is no ring.
func room(c Line) float64 {
	if c.closed {
		return 4
	}
	return 2.2
}

// best tries places along the line and returns the arc length, the middle and the
// upright angle of the best one.
func (l *labelPlacer) best(c Line, arc []float64, gap float64) (s float64, at canvas.Point, angle float64, ok bool) {
	total := arc[len(arc)-1]
	from, to := gap/2, total-gap/2
	if c.closed {
		from, to = 0, total
	}
	bestScore := math.Inf(-1)
	for v := from; v <= to; v += 3 {
		a, b := along(c, arc, v-gap/2), along(c, arc, v+gap/2)
		middle := a.Lerp(b, 0.5)
		chord := b.Sub(a)
		straight := chord.Norm() / gap
		sag := along(c, arc, v).Sub(middle).Norm()
		if straight < 0.93 || sag > l.size*0.3 {
			continue
		}
		turn := math.Atan2(chord.Y, chord.X)
		if turn > math.Pi/2 {
			turn -= math.Pi
		} else if turn <= -math.Pi/2 {
			turn += math.Pi
		}
		clear, free := l.clearance(middle, turn, gap)
		if !clear {
			continue
		}
		score := 8*straight - 0.6*math.Abs(turn) + math.Min(free, 4*l.size)/l.size - sag/l.size
		if score > bestScore && !l.crossed(c, total, v, middle, turn, gap) {
			bestScore, s, at, angle, ok = score, v, middle, turn, true
		}
	}
	return s, at, angle, ok
}

// crossed reports whether a label at arc length s would cover another contour, or
// another part of its own.
func (l *labelPlacer) crossed(c Line, total, s float64, at canvas.Point, angle, width float64) bool {
	sin, cos := math.Sincos(-angle)
	for _, q := range l.samples {
		d := q.at.Sub(at)
		if math.Abs(d.X) > width || math.Abs(d.Y) > width {
			continue
		}
		x, y := d.X*cos-d.Y*sin, d.X*sin+d.Y*cos
		if math.Abs(x) > width/2+1 || math.Abs(y) > l.size*0.45 {
			continue
		}
		apart := math.Abs(q.arc - s)
		if c.closed {
			apart = math.Min(apart, total-apart)
		}
		if q.line != &c.Pts[0] || apart > width*0.8 {
			return true
		}
	}
	return false
}

// clearance reports whether a label fits at a place, and returns its distance from the
// nearest obstacle.
func (l *labelPlacer) clearance(at canvas.Point, angle, width float64) (bool, float64) {
	half := canvas.Pt(width/2, l.size*0.5)
	for _, c := range [4]canvas.Point{
		canvas.Pt(half.X, half.Y), canvas.Pt(-half.X, half.Y), canvas.Pt(half.X, -half.Y),
		canvas.Pt(-half.X, -half.Y),
	} {
		if !l.frame.Contains(at.Add(c.Rotate(angle))) {
			return false, 0
		}
	}
	room := math.Inf(1)
	for _, q := range l.avoid {
		d := q.Sub(at).Rotate(-angle)
		gap := math.Hypot(math.Max(0, math.Abs(d.X)-half.X), math.Max(0, math.Abs(d.Y)-half.Y))
		room = math.Min(room, gap)
	}
	if room < 3 {
		return false, 0
	}
	for _, o := range l.placed {
		d := o.at.Sub(at).Norm()
		if d < (width+o.width)/2+2 {
			return false, 0
		}
		room = math.Min(room, d-(width+o.width)/2+l.size)
	}
	return true, room
}

// arcLengths returns the length of the line up to each point, and for a closed
// line back to the first.
func arcLengths(c Line) []float64 {
	out := make([]float64, 1, len(c.Pts)+1)
	for i := 1; i < len(c.Pts); i++ {
		out = append(out, out[i-1]+c.Pts[i].Sub(c.Pts[i-1]).Norm())
	}
	if c.closed {
		out = append(out, out[len(out)-1]+c.Pts[0].Sub(c.Pts[len(c.Pts)-1]).Norm())
	}
	return out
}

// along returns the place at arc length s; on a closed line s is taken modulo its
// length.
func along(c Line, arc []float64, s float64) canvas.Point {
	total := arc[len(arc)-1]
	if c.closed {
		s = math.Mod(s, total)
		if s < 0 {
			s += total
		}
	}
	s = math.Max(0, math.Min(total, s))
	i, _ := slices.BinarySearch(arc, s)
	i = max(1, min(i, len(arc)-1))
	a, b := c.Pts[i-1], c.Pts[i%len(c.Pts)]
	if arc[i] == arc[i-1] {
		return a
	}
	return a.Lerp(b, (s-arc[i-1])/(arc[i]-arc[i-1]))
}

// cut returns the line without the piece between arc lengths s0 and s1.
func cut(c Line, arc []float64, s0, s1 float64) []Line {
	total := arc[len(arc)-1]
	piece := func(from, to float64) Line {
		pts := []canvas.Point{along(c, arc, from)}
		// A closed line is walked up to twice, for the piece may run over its start.
		for turn := 0.0; turn < 2; turn++ {
			for i, a := range arc {
				if v := a + turn*total; v > from && v < to && (i < len(c.Pts) || c.closed) {
					pts = append(pts, c.Pts[i%len(c.Pts)])
				}
			}
			if !c.closed {
				break
			}
		}
		return Line{Pts: append(pts, along(c, arc, to))}
	}
	if c.closed {
		if s1 < 0 {
			s0, s1 = s0+total, s1+total
		}
		for s1 >= total {
			s0, s1 = s0-total, s1-total
		}
		return []Line{piece(s1, s0+total)}
	}
	return []Line{piece(0, s0), piece(s1, total)}
}
