package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
)

// series of the segments drawn, on the axis of steps.
type walkSeries struct {
	x, loss            []float64 // the line, NaN between pieces
	iterX, iter        []float64
	floorX, floor      []float64 // level lines, NaN between them
	heightX            []float64 // the middle of each segment
	barrierX, barrierY []float64
	cos, cos2, dist    []float64 // at iterX
}

func (w *Walk) series() walkSeries {
	last := len(w.Steps)
	nan := math.NaN()
	var s walkSeries
	iterate := func(i int, step float64) {
		s.iterX = append(s.iterX, step)
		s.iter = append(s.iter, w.iterateLoss(i))
		s.cos, s.cos2 = append(s.cos, at(w.Cosine, i)), append(s.cos2, at(w.Cosine2, i))
		s.dist = append(s.dist, at(w.Distance, i))
	}
	for i := range last {
		step := float64(w.Steps[i])
		if i > 0 && w.Steps[i] != w.Steps[i-1]+1 {
			// The segment before the gap has an end of its own.
			if k := len(w.Alphas) - 1; k >= 0 && w.Alphas[k] == 1 {
				s.iterX, s.iter = append(s.iterX, float64(w.Steps[i-1]+1)), append(s.iter, w.Losses[i-1][k])
				s.cos, s.cos2, s.dist = append(s.cos, nan), append(s.cos2, nan), append(s.dist, nan)
			}
			s.x, s.loss = append(s.x, nan), append(s.loss, nan)
			s.iterX, s.iter = append(s.iterX, nan), append(s.iter, nan)
			s.cos, s.cos2, s.dist = append(s.cos, nan), append(s.cos2, nan), append(s.dist, nan)
		}
		iterate(i, step)
		top := math.Inf(-1)
		for k, a := range w.Alphas {
			s.x, s.loss = append(s.x, step+a), append(s.loss, w.Losses[i][k])
			if v := w.Losses[i][k]; a > 0 && a < 1 && v > top {
				top = v
			}
		}
		floor := w.floorAt(i)
		s.floorX, s.floor = append(s.floorX, step, step+1, nan), append(s.floor, floor, floor, nan)
		s.heightX = append(s.heightX, step+0.5)
		if i < len(w.Barriers) && w.Barriers[i] {
			s.barrierX, s.barrierY = append(s.barrierX, step+0.5), append(s.barrierY, top)
		}
	}
	iterate(last, float64(w.Steps[last-1]+1))
	return s
}

// panels returns the panels that have data, from the top.
func (w *Walk) panels(p *canvas.Page, s walkSeries) []canvas.Stacked {
	log := w.Scale == Log || w.Scale == Auto && canvas.WantsLog(100, s.loss, s.floor, s.iter)
	lossY := canvas.Spread(log, s.loss, s.floor, s.iter)
	lossY.Label = "full training loss"
	panels := []canvas.Stacked{{Y: lossY, Weight: 1, Draw: func(f canvas.Frame) { w.drawLoss(p, f, s) }}}
	small := func(y canvas.Axis, draw func(f canvas.Frame), legend ...canvas.Entry) {
		panels = append(panels, canvas.Stacked{Y: y, Weight: smallPanel, Draw: draw, Legend: legend})
	}
	if w.isDense(p.W, p.Font) {
		y := canvas.Axis{Hi: 1, Label: "position \u03b1"}
		small(y, func(f canvas.Frame) { w.drawStrip(p, f) }, stripEntry())
	}
	if w.Height != nil {
		all := [][]float64{w.Height, w.NullLow, w.NullHigh}
		y := canvas.Spread(logarithmic(all...), all...)
		y.Label = "height above the floor"
		small(y, func(f canvas.Frame) { w.drawHeight(p, f, s) }, w.nullEntries(p)...)
	}
	if w.Cosine != nil || w.Cosine2 != nil {
		y := canvas.Axis{Lo: -1.08, Hi: 1.08, Label: "cosine"}
		if w.Cosine2 == nil {
			y.Label = cmp.Or(w.CosineLabel, "cos(g_{t\u22121}, g_{t})")
		} else if w.Cosine == nil {
			y.Label = cmp.Or(w.Cosine2Label, "cosine of updates")
		}
		small(y, func(f canvas.Frame) { w.drawCosine(p, f, s) }, w.cosineEntries(p)...)
	}
	if w.Distance != nil {
		y := canvas.Spread(false, s.dist)
		y.Label = "\u2016\u03b8_{t} \u2212 \u03b8_{0}\u2016"
		small(y, func(f canvas.Frame) { w.drawDistance(p, f, s) })
	}
	return panels
}

func (w *Walk) Draw(p *canvas.Page) {
	s := w.series()
	x := canvas.Axis{Lo: s.iterX[0], Hi: s.iterX[len(s.iterX)-1], Whole: true, Label: cmp.Or(w.XLabel, "step")}
	pad := 0.012 * (x.Hi - x.Lo)
	x.Lo, x.Hi = x.Lo-pad, x.Hi+pad
	marks := w.Timeline.over(p, x, s.iterX)
	panels := w.panels(p, s)
	for i := range panels {
		draw := panels[i].Draw
		panels[i].Draw = func(f canvas.Frame) {
			marks.draw(p, f)
			draw(f)
			if i == 1 && w.isDense(p.W, p.Font) { // the strip covers them
				marks.draw(p, f)
			}
		}
		if i < len(w.YLabels) && w.YLabels[i] != "" {
			panels[i].Y.Label = w.YLabels[i]
		}
	}
	m := p.Font * 0.7
	box := p.Footnotes(w.notes(p, s), canvas.Box(m, m, p.W-m, p.H-m))
	p.Stack(panels, x, p.Heading(w.Title, w.Subtitle, box), append(w.entries(p, s), marks.entries(p)...))
}

func (w *Walk) notes(p *canvas.Page, s walkSeries) []string {
	var out []string
	last := len(w.Steps)
	missing, infinite := 0, 0
	for i := range last {
		for _, v := range w.Losses[i] {
			if math.IsNaN(v) {
				missing++
			} else if math.IsInf(v, 0) {
				infinite++
			}
		}
	}
	if missing+infinite > 0 {
		out = append(out, fmt.Sprintf("%d of %d losses are not drawn: %d are NaN, %d are infinite.", missing+infinite,
			last*len(w.Alphas), missing, infinite))
	}
	flat := 0
	for _, h := range w.Height {
		if h == 0 {
			flat++
		}
	}
	if flat > 0 && logarithmic(w.Height, w.NullLow, w.NullHigh) {
		out = append(out, fmt.Sprintf("%d heights of 0 have no place on the logarithmic axis.", flat))
	}
	if _, every := thinned(Series{X: s.iterX, Y: s.iterX}, p.W-6*p.Font); every > 1 && (w.Cosine != nil || w.Cosine2 != nil) {
		out = append(out, thinnedNote("Cosines", every))
	}
	return append(out, w.Notes...)
}

func (w *Walk) linePen(p *canvas.Page) canvas.Pen {
	return canvas.Pen{Width: 1, Color: p.Theme.Series[0]}
}

func (w *Walk) floorPen(p *canvas.Page) canvas.Pen {
	return canvas.Pen{Width: 1, Color: p.Theme.Series[1]}
}

func (w *Walk) entries(p *canvas.Page, s walkSeries) []canvas.Entry {
	line := p.Theme.Series[0]
	out := []canvas.Entry{
		canvas.LineEntry("loss between iterates", w.linePen(p)),
	}
	if !w.isDense(p.W, p.Font) {
		out = append(out, canvas.MarkEntry("iterate", func(p *canvas.Page, at canvas.Point) {
			var c canvas.Path
			c.Circle(at, w.dotRadius(p))
			p.Fill(c, line)
		}))
	}
	if w.Floor != nil {
		out = append(out, canvas.LineEntry("valley floor", w.floorPen(p)))
	}
	if len(s.barrierX) > 0 {
		out = append(out, canvas.MarkEntry(fmt.Sprintf("barrier (%d)", len(s.barrierX)),
			func(p *canvas.Page, at canvas.Point) {
				barrierMark(p, at.Sub(canvas.Pt(0, p.Font*0.55)))
			}))
	}
	return out
}

// cosineEntries names the series of the cosine panel when there are two.
func (w *Walk) cosineEntries(p *canvas.Page) []canvas.Entry {
	if w.Cosine == nil || w.Cosine2 == nil {
		return nil
	}
	return []canvas.Entry{
		canvas.LineEntry(cmp.Or(w.CosineLabel, "consecutive gradients"),
			canvas.Pen{Width: 0.9, Color: p.Theme.Series[0]}),
		canvas.LineEntry(cmp.Or(w.Cosine2Label, "consecutive updates"),
			canvas.Pen{Width: 0.9, Color: p.Theme.Series[3], Dash: []float64{2, 1.2}}),
	}
}

func (w *Walk) dotRadius(p *canvas.Page) float64 { return p.Font * 0.17 }

// barrierMark draws a small triangle that points down at the place.
func barrierMark(p *canvas.Page, at canvas.Point) {
	r := p.Font * 0.3
	var m canvas.Path
	tip := at.Add(canvas.Pt(0, r*0.9))
	m.Polygon(tip, tip.Add(canvas.Pt(r, r*1.6)), tip.Add(canvas.Pt(-r, r*1.6)))
	p.Fill(m, p.Theme.Ink)
}

func (w *Walk) drawLoss(p *canvas.Page, f canvas.Frame, s walkSeries) {
	if w.Floor != nil {
		p.Curve(f, s.floorX, s.floor, w.floorPen(p))
	}
	p.Curve(f, s.x, s.loss, w.linePen(p))
	if !w.isDense(p.W, p.Font) {
		p.Dots(f, s.iterX, s.iter, w.dotRadius(p), p.Theme.Series[0])
	}
	for i := range s.barrierX {
		q := f.At(s.barrierX[i], s.barrierY[i])
		// Near the top edge the mark moves down rather than out of the frame.
		q.Y = math.Min(q.Y, f.Box.Y1-p.Font)
		if f.Box.Contains(q) {
			barrierMark(p, q)
		}
	}
}

// Columns of the strip are at least this wide, in points, and have one of this many shades.
const (
	stripColumn = 1.5
	stripShades = 24
)

// stripColor is the colour of a loss on a segment, from 0 at its floor to 1 at its highest.
func stripColor(p *canvas.Page, share float64) color.NRGBA {
	return canvas.Mix(p.Theme.Ink, canvas.Mix(p.Theme.Background, p.Theme.Ink, 0.06), math.Sqrt(share))
}

func stripEntry() canvas.Entry {
	return canvas.BoxEntry("loss on the step, from its lowest to its highest", func(p *canvas.Page, r canvas.Rect) {
		const parts = 8
		for i := range parts {
			x := func(i int) float64 { return r.X0 + r.W()*float64(i)/parts }
			var box canvas.Path
			box.Box(canvas.Box(x(i), r.Y0+p.Font*0.1, x(i+1), r.Y1-p.Font*0.1))
			p.Tile(box, stripColor(p, float64(i)/(parts-1)))
		}
	})
}

// drawStrip draws a column of colours for every segment, from its first iterate at the bottom
// to the next one at the top. Segments that are too narrow share a column, which has the mean
// of their shares.
func (w *Walk) drawStrip(p *canvas.Page, f canvas.Frame) {
	n := len(w.Alphas)
	edges := make([]float64, n+1) // of the rows
	for k := 1; k < n; k++ {
		edges[k] = (w.Alphas[k-1] + w.Alphas[k]) / 2
	}
	edges[n] = 1
	tiles := make([]canvas.Path, stripShades)
	for i := 0; i < len(w.Steps); {
		from := i
		sums, counted := make([]float64, n), 0.0
		for x0 := f.At(float64(w.Steps[from]), 0).X; ; {
			if share := relative(w.Losses[i]); share != nil {
				for k, v := range share {
					sums[k] += v
				}
				counted++
			}
			i++
			if i == len(w.Steps) || w.Steps[i] != w.Steps[i-1]+1 || f.At(float64(w.Steps[i]), 0).X >= x0+stripColumn {
				break
			}
		}
		if counted == 0 {
			continue
		}
		left, right := f.At(float64(w.Steps[from]), 0).X, f.At(float64(w.Steps[i-1]+1), 0).X
		for k, v := range sums {
			shade := min(int(v/counted*stripShades), stripShades-1)
			tiles[shade].Box(canvas.Box(left, f.At(0, edges[k]).Y, right, f.At(0, edges[k+1]).Y))
		}
	}
	for i, t := range tiles {
		p.Tile(t, stripColor(p, float64(i)/(stripShades-1)))
	}
}

// relative maps losses to [0, 1], the lowest to 0; nil when they are equal or not finite.
func relative(losses []float64) []float64 {
	low, high := slices.Min(losses), slices.Max(losses)
	if !(high > low) || math.IsInf(high-low, 0) {
		return nil
	}
	out := make([]float64, len(losses))
	for k, v := range losses {
		out[k] = (v - low) / (high - low)
	}
	return out
}

// nullColor fills the band of the null.
func nullColor(p *canvas.Page) color.NRGBA { return canvas.WithAlpha(p.Theme.Series[1], 0.28) }

func (w *Walk) nullEntries(p *canvas.Page) []canvas.Entry {
	if w.NullLow == nil {
		return nil
	}
	return []canvas.Entry{canvas.BoxEntry(cmp.Or(w.NullName, "null"), func(p *canvas.Page, r canvas.Rect) {
		var b canvas.Path
		b.Box(r)
		p.Fill(b, nullColor(p))
	})}
}

// null returns the band of the null, at both ends of each segment; empty when there is none.
func (w *Walk) null() (s Series) {
	for i := range w.NullLow {
		s.X = append(s.X, float64(w.Steps[i]), float64(w.Steps[i]+1))
		s.Low = append(s.Low, w.NullLow[i], w.NullLow[i])
		s.Top = append(s.Top, w.NullHigh[i], w.NullHigh[i])
	}
	return s
}

func (w *Walk) drawHeight(p *canvas.Page, f canvas.Frame, s walkSeries) {
	band(p, f, w.null(), nullColor(p))
	dots := p.Theme.Series[0]
	if w.isDense(p.W, p.Font) {
		dots = canvas.WithAlpha(dots, 0.6)
	}
	p.Dots(f, s.heightX, w.Height, w.dotRadius(p)*0.85, dots)
}

func (w *Walk) drawCosine(p *canvas.Page, f canvas.Frame, s walkSeries) {
	var zero canvas.Path
	zero.Segment(f.At(f.X.Lo, 0), f.At(f.X.Hi, 0))
	p.Stroke(zero, canvas.Pen{Width: 0.7, Color: p.Theme.Muted})
	if w.Cosine2 != nil {
		c, dash := p.Theme.Series[3], []float64{2, 1.2}
		if w.Cosine == nil {
			dash = nil
		}
		w.drawSeries(p, f, s.iterX, s.cos2, canvas.Pen{Width: 0.9, Color: c, Dash: dash}, false)
	}
	if w.Cosine != nil {
		w.drawSeries(p, f, s.iterX, s.cos, canvas.Pen{Width: 0.9, Color: p.Theme.Series[0]}, true)
	}
}

func (w *Walk) drawDistance(p *canvas.Page, f canvas.Frame, s walkSeries) {
	w.drawSeries(p, f, s.iterX, s.dist, canvas.Pen{Width: 1, Color: p.Theme.Series[0]}, true)
}

// drawSeries draws a quantity of the iterates: with a mark at each, or where they are dense as
// a mean with its band.
func (w *Walk) drawSeries(p *canvas.Page, f canvas.Frame, x, y []float64, pen canvas.Pen, marked bool) {
	s, every := thinned(Series{X: x, Y: y}, f.Box.W())
	band(p, f, s, canvas.WithAlpha(pen.Color, bandAlpha))
	p.Curve(f, s.X, s.Y, pen)
	if marked && every == 1 && !w.isDense(p.W, p.Font) {
		p.Dots(f, x, y, w.dotRadius(p)*0.85, pen.Color)
	}
}
