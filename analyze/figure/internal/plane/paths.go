package plane

import (
	"fmt"
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

var (
	PathInk  = canvas.Gray(15)
	PathHalo = canvas.Gray(255)
	EndRed   = color.NRGBA{225, 60, 20, 255}
)

func endsOf(pts []canvas.Point) []canvas.Point {
	if len(pts) == 0 {
		return nil
	}
	return []canvas.Point{pts[0], pts[len(pts)-1]}
}

// drawTrail draws the line with its halo, the arrows, the losses and the epochs.
func drawTrail(p *canvas.Page, f canvas.Frame, t *Trail, pens *Pens) {
	pts := t.onPage(f)
	if len(pts) > denseTrail {
		drawDense(p, f, t, pts, pens)
	} else {
		drawLine(p, f, t, pts, pens)
	}
	m := t.marks(p, f, pens)
	for _, a := range m.arrows {
		arrowHead(p, a.at, a.direction, t.Ink)
	}
	for _, i := range m.losses {
		if i < len(pts) {
			pens.LossMark(p, pts[i], t.Points[i].Loss)
		}
	}
	for _, i := range t.EpochEnds() {
		if f.Box.Contains(pts[i]) {
			EpochMark(p, pts[i], t)
		}
	}
	for _, w := range m.numbers {
		if w.iterate < len(pts) {
			w.Draw(p, w.at, 0.5, 0.5)
		}
	}
}

// drawStarts marks the first iterates: once where all begin at one place, as runs
// of one initialization do.
func drawStarts(p *canvas.Page, f canvas.Frame, trails []Trail) {
	var starts []canvas.Point
	var inks []color.NRGBA
	for i := range trails {
		if pts := trails[i].onPage(f); (len(pts) > 1 || trails[i].Whole != nil && len(pts) > 0) &&
			f.Box.Contains(pts[0]) {
			starts, inks = append(starts, pts[0]), append(inks, trails[i].Ink)
		}
	}
	if Together(starts) && len(starts) > 0 {
		StartMark(p, starts[0], PathInk)
		return
	}
	for i, q := range starts {
		StartMark(p, q, inks[i])
	}
}

// Together reports whether points are at one place.
func Together(pts []canvas.Point) bool {
	for _, q := range pts {
		if q.Sub(pts[0]).Norm() > 2 {
			return false
		}
	}
	return true
}

// drawLine strokes runs of segments of one width, over the halo of all of them.
func drawLine(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point, pens *Pens) {
	type run struct {
		line  canvas.Path
		class int
	}
	var runs []run
	for from := 0; from < len(pts)-1; {
		k := pens.Class(t.Points[from+1])
		to := from + 1
		for to < len(pts)-1 && pens.Class(t.Points[to+1]) == k {
			to++
		}
		r := run{class: k}
		for _, piece := range canvas.ClipPolyline(canvas.Decimate(pts[from:to+1], 0.3), f.Box) {
			r.line.Polyline(piece)
		}
		runs = append(runs, r)
		from = to
	}
	for _, r := range runs {
		p.Stroke(r.line, pens.Halo(r.class))
	}
	for _, r := range runs {
		p.Stroke(r.line, canvas.Pen{Width: pens.Width(r.class), Color: t.Ink, Dash: t.Dash})
	}
}

// pathMarks are the marks along a path. They follow from the whole path, so that those of
// an animation do not jump.
type pathMarks struct {
	arrows  []arrow
	losses  []int // iterates with a mark in the colour of their loss
	numbers []epochNumber
}

type arrow struct{ at, direction canvas.Point }

// epochNumber is a word next to the mark of an iterate, set around its middle.
type epochNumber struct {
	canvas.Label
	at      canvas.Point
	iterate int
}

// marks places the marks, none on another one.
func (t *Trail) marks(p *canvas.Page, f canvas.Frame, pens *Pens) (m pathMarks) {
	w := t.whole()
	w.Whole = nil
	pts := w.onPage(f)
	var ends []int
	for _, i := range w.EpochEnds() {
		if f.Box.Contains(pts[i]) {
			ends = append(ends, i)
		}
	}
	taken := endsOf(pts)
	for _, i := range ends {
		taken = append(taken, pts[i])
	}
	if pens.Loss != nil {
		for i := range w.Points {
			if w.Points[i].HasLoss() && f.Box.Contains(pts[i]) && clear(pts[i], 6, taken) {
				m.losses = append(m.losses, i)
				taken = append(taken, pts[i])
			}
		}
	}
	if t.Whole == nil && len(pts) <= denseTrail {
		m.arrows = placeArrows(f, pts, taken)
		for _, a := range m.arrows {
			taken = append(taken, a.at)
		}
	}
	if !t.Alone {
		return m
	}
	for _, i := range ends {
		if n, ok := numberEpoch(p, f, &w, pts, i, taken); ok {
			m.numbers = append(m.numbers, n)
			taken = append(taken, n.at)
		}
	}
	return m
}

// clear reports whether a place is at least some points away from the taken ones.
func clear(at canvas.Point, room float64, taken []canvas.Point) bool {
	for _, q := range taken {
		if q.Sub(at).Norm() < room {
			return false
		}
	}
	return true
}

// placeArrows returns the places of a few small heads along the path, where it has a
// direction.
func placeArrows(f canvas.Frame, pts, taken []canvas.Point) (placed []arrow) {
	c := Line{Pts: canvas.Decimate(pts, 0.3)}
	if len(c.Pts) < 2 {
		return nil
	}
	arc := arcLengths(c)
	total := arc[len(arc)-1]
	if !(total > 30) || math.IsInf(total, 0) {
		return nil
	}
	n := int(math.Max(1, math.Min(6, total/75)))
	ends := endsOf(pts)
	for k := range n {
		for _, shift := range []float64{0, 0.12, -0.12, 0.25, -0.25} {
			s := total * (float64(k) + 0.5 + shift) / float64(n)
			at := along(c, arc, s)
			a, b := along(c, arc, s-5), along(c, arc, s+3)
			ok := f.Box.Grow(-3).Contains(at) && b.Sub(a).Norm() > 6 && clear(at, 11, ends) && clear(at, 6, taken)
			for _, q := range placed {
				ok = ok && q.at.Sub(at).Norm() > 22
			}
			if ok {
				placed = append(placed, arrow{at, b.Sub(a)})
				break
			}
		}
	}
	return placed
}

func arrowHead(p *canvas.Page, at, direction canvas.Point, ink color.NRGBA) {
	u := direction.Scale(1 / direction.Norm())
	v := canvas.Pt(-u.Y, u.X)
	var head canvas.Path
	head.Polygon(at.Add(u.Scale(3.6)), at.Add(v.Scale(2.3)).Sub(u.Scale(2.4)), at.Sub(u.Scale(1.3)),
		at.Sub(v.Scale(2.3)).Sub(u.Scale(2.4)))
	p.Stroke(head, canvas.Pen{Width: 1.3, Color: PathHalo})
	p.Fill(head, ink)
}

// numberEpoch places the number of the epoch that ended at iterate i next to its mark, on
// the first of four sides where it covers no taken place and no other part of the path.
func numberEpoch(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point, i int, taken []canvas.Point) (epochNumber, bool) {
	word := canvas.Label{
		Text: fmt.Sprint(endedEpoch(t.Points[i])), Size: p.Font * 0.78, Color: PathInk, Halo: 1.1,
		HaloColor: PathHalo,
	}
	a, b := pts[max(0, i-3)], pts[min(len(pts)-1, i+3)]
	side := canvas.Pt(-(b.Y - a.Y), b.X-a.X)
	if n := side.Norm(); n > 0 {
		side = side.Scale(1 / n)
	} else {
		side = canvas.Pt(0, 1)
	}
	room := word.Width()/2 + word.Size*0.5 + 1.5
	for _, turn := range []float64{0, math.Pi, math.Pi / 2, -math.Pi / 2} {
		at := pts[i].Add(side.Rotate(turn).Scale(2.5 + word.Size*0.7))
		free := f.Box.Grow(-word.Size * 0.6).Contains(at)
		for _, q := range taken {
			free = free && (q == pts[i] || q.Sub(at).Norm() > room)
		}
		if free {
			return epochNumber{word, at, i}, true
		}
	}
	return epochNumber{}, false
}

// DrawPaths draws every path, and over all of them their ends. The pens are fitted to the
// frame.
func DrawPaths(p *canvas.Page, f canvas.Frame, trails []Trail, pens *Pens) {
	for i := range trails {
		if len(trails[i].Points) > 0 {
			drawTrail(p, f, &trails[i], pens)
		}
	}
	drawStarts(p, f, trails)
	for i := range trails {
		pts := trails[i].onPage(f)
		if n := len(pts); n > 0 && f.Box.Contains(pts[n-1]) {
			EndMark(p, pts[n-1], &trails[i])
		}
	}
}

// PathsOnPage returns the iterates in the frame, at most two points apart along
// the lines between them, and the marks: what labels keep clear of.
func PathsOnPage(p *canvas.Page, f canvas.Frame, trails []Trail, pens *Pens) []canvas.Point {
	var out []canvas.Point
	ring := func(at canvas.Point, rx, ry float64) {
		for k := range 8 {
			d := canvas.Pt(1, 0).Rotate(float64(k) * math.Pi / 4)
			out = append(out, at.Add(canvas.Pt(rx*d.X, ry*d.Y)))
		}
	}
	for i := range trails {
		t := trails[i].whole()
		pts := t.onPage(f)
		pieces := canvas.ClipPolyline(canvas.Decimate(pts, 1), f.Box)
		if len(pts) > denseTrail {
			pieces = nil
			for _, o := range visible(pts, f.Box, 2, 1, func(int) int { return 0 })[0] {
				if o.Kind == canvas.OpMove {
					pieces = append(pieces, nil)
				}
				pieces[len(pieces)-1] = append(pieces[len(pieces)-1], o.P)
			}
		}
		for _, piece := range pieces {
			for i, q := range piece {
				if i > 0 {
					n := int(q.Sub(piece[i-1]).Norm() / 2)
					for k := 1; k < n; k++ {
						out = append(out, piece[i-1].Lerp(q, float64(k)/float64(n)))
					}
				}
				out = append(out, q)
			}
		}
		// The marks are larger than the line.
		for _, e := range endsOf(pts) {
			ring(e, 5, 5)
		}
		m := trails[i].marks(p, f, pens)
		for _, k := range m.losses {
			ring(pts[k], 2, 2)
		}
		for _, w := range m.numbers {
			ring(w.at, w.Width()/2, w.Size/2)
		}
	}
	return out
}
