package plane

import (
	"fmt"
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// Widths of the path in points.
const (
	PathWidth = 1.15
	HaloWidth = 3.0
)

// shades of the path, by distance from the plane.
const pathShades = 5

var (
	PathInk  = canvas.Gray(15)
	pathPale = canvas.Gray(150)
	PathHalo = canvas.Gray(255)
	EndRed   = color.NRGBA{225, 60, 20, 255}
)

func endsOf(pts []canvas.Point) []canvas.Point {
	if len(pts) == 0 {
		return nil
	}
	return []canvas.Point{pts[0], pts[len(pts)-1]}
}

// drawTrail draws the halo, the line in shades of the distance from the plane, the
// arrows and the epochs.
func drawTrail(p *canvas.Page, f canvas.Frame, t *Trail, top float64) {
	pts := t.onPage(f)
	if len(pts) > denseTrail {
		drawDense(p, f, t, pts, top)
		return
	}
	var halo canvas.Path
	for _, piece := range canvas.ClipPolyline(canvas.Decimate(pts, 0.3), f.Box) {
		halo.Polyline(piece)
	}
	thin := Thinning(halo, f.Box)
	if t.Whole != nil {
		all := Trail{Points: t.Whole}
		var whole canvas.Path
		for _, piece := range canvas.ClipPolyline(canvas.Decimate(all.onPage(f), 0.3), f.Box) {
			whole.Polyline(piece)
		}
		thin = Thinning(whole, f.Box)
	}
	p.Stroke(halo, HaloPen(thin))
	drawShaded(p, f, t, pts, PathWidth*thin, top)
	var arrows []canvas.Point
	if t.Whole == nil {
		arrows = drawArrows(p, f, t, pts)
	}
	drawEpochs(p, f, t, pts, arrows)
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

func Together(pts []canvas.Point) bool {
	for _, q := range pts {
		if q.Sub(pts[0]).Norm() > 2 {
			return false
		}
	}
	return true
}

// Thinning is the factor by which a path that fills much of the frame is drawn
// thinner, so that it stays a line.
func Thinning(drawn canvas.Path, frame canvas.Rect) float64 {
	length := 0.0
	for i := 1; i < len(drawn); i++ {
		if drawn[i].Kind == canvas.OpLine {
			length += drawn[i].P.Sub(drawn[i-1].P).Norm()
		}
	}
	room := 0.03 * frame.W() * frame.H()
	return math.Max(0.5, math.Min(1, math.Sqrt(room/math.Max(length, 1))))
}

// drawShaded strokes runs of segments of one shade.
func drawShaded(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point, width, top float64) {
	for from := 0; from < len(pts)-1; {
		k := t.ShadeOf(from+1, top)
		to := from + 1
		for to < len(pts)-1 && t.ShadeOf(to+1, top) == k {
			to++
		}
		var run canvas.Path
		for _, piece := range canvas.ClipPolyline(canvas.Decimate(pts[from:to+1], 0.3), f.Box) {
			run.Polyline(piece)
		}
		p.Stroke(run, canvas.Pen{Width: width, Color: t.Shade(k), Dash: t.Dash})
		from = to
	}
}

// drawArrows puts a few small heads along the path, where it has a direction, and
// returns their places.
func drawArrows(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point) []canvas.Point {
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
	var placed []canvas.Point
	ends := endsOf(pts)
	for k := range n {
		for _, shift := range []float64{0, 0.12, -0.12, 0.25, -0.25} {
			s := total * (float64(k) + 0.5 + shift) / float64(n)
			at := along(c, arc, s)
			a, b := along(c, arc, s-5), along(c, arc, s+3)
			ok := f.Box.Grow(-3).Contains(at) && b.Sub(a).Norm() > 6
			for _, q := range placed {
				ok = ok && q.Sub(at).Norm() > 22
			}
			for _, q := range ends {
				ok = ok && q.Sub(at).Norm() > 11
			}
			if ok {
				arrowHead(p, at, b.Sub(a), t.Ink)
				placed = append(placed, at)
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

// drawEpochs marks the first iterate of each epoch, or of every 2nd, 5th, ... when
// there are many. A path without others has the number of each marked epoch that has
// room for it.
func drawEpochs(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point, arrows []canvas.Point) {
	taken := append([]canvas.Point(nil), arrows...)
	taken = append(taken, endsOf(pts)...)
	var marked []int
	for _, i := range t.EpochStarts() {
		if f.Box.Contains(pts[i]) {
			EpochMark(p, pts[i], t)
			taken = append(taken, pts[i])
			marked = append(marked, i)
		}
	}
	if !t.Alone || t.Whole != nil {
		return
	}
	for _, i := range marked {
		taken = numberEpoch(p, f, t, pts, i, taken)
	}
}

// numberEpoch writes the number of the epoch that begins at iterate i next to its mark,
// on the first of four sides where it covers none of the taken places, and returns
// these with its own.
func numberEpoch(p *canvas.Page, f canvas.Frame, t *Trail, pts []canvas.Point, i int,
	taken []canvas.Point,
) []canvas.Point {
	word := canvas.Label{
		Text: fmt.Sprint(t.Points[i].Epoch), Size: p.Font * 0.78, Color: PathInk, Halo: 1.1,
		HaloColor: PathHalo,
	}
	a, b := pts[max(0, i-3)], pts[min(len(pts)-1, i+3)]
	side := canvas.Pt(-(b.Y - a.Y), b.X-a.X)
	if n := side.Norm(); n > 0 {
		side = side.Scale(1 / n)
	} else {
		side = canvas.Pt(0, 1)
	}
	for _, turn := range []float64{0, math.Pi, math.Pi / 2, -math.Pi / 2} {
		at := pts[i].Add(side.Rotate(turn).Scale(2.5 + word.Size*0.7))
		free := f.Box.Grow(-word.Size * 0.6).Contains(at)
		for _, q := range taken {
			free = free && (q == pts[i] || q.Sub(at).Norm() > word.Width()/2+word.Size*0.5+1.5)
		}
		if free {
			word.Draw(p, at, 0.5, 0.5)
			return append(taken, at)
		}
	}
	return taken
}

// DrawPaths draws every path, and over all of them their ends. top is the largest
// residual of the whole paths, which sets the shades.
func DrawPaths(p *canvas.Page, f canvas.Frame, trails []Trail, top float64) {
	for i := range trails {
		if len(trails[i].Points) > 0 {
			drawTrail(p, f, &trails[i], top)
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
// the lines between them: what labels keep clear of.
func PathsOnPage(f canvas.Frame, trails []Trail) []canvas.Point {
	var out []canvas.Point
	for _, t := range trails {
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
		// The marks at the ends are larger than the line.
		for _, e := range endsOf(pts) {
			for k := range 8 {
				out = append(out, e.Add(canvas.Pt(5, 0).Rotate(float64(k)*math.Pi/4)))
			}
		}
	}
	return out
}

// HaloPen strokes the pale border under a path that is thinned by a factor.
func HaloPen(thin float64) canvas.Pen {
	return canvas.Pen{
		Width: PathWidth*thin + (HaloWidth-PathWidth)*thin*thin,
		Color: canvas.WithAlpha(PathHalo, 0.9*thin),
	}
}
