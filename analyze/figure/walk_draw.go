package figure

import (
	"cmp"
	"fmt"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// series of the segments drawn, on the axis of steps.
type walkSeries struct {
	x, loss            []float64 // the line, NaN between pieces
	iterX, iter        []float64
	floorX, floor      []float64
	barrierX, barrierY []float64
	cos, cos2, dist    []float64 // at iterX
}

func (w *Walk) series() walkSeries {
	last := w.shown()
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
			s.floorX, s.floor = append(s.floorX, nan), append(s.floor, nan)
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
		fx, fl := w.floorAt(i)
		s.floorX, s.floor = append(s.floorX, fx), append(s.floor, fl)
		if i < len(w.Barriers) && w.Barriers[i] {
			s.barrierX, s.barrierY = append(s.barrierX, step+0.5), append(s.barrierY, top)
		}
	}
	iterate(last, float64(w.Steps[last-1]+1))
	return s
}

func (w *Walk) xLabel() string {
	if n := w.shown(); n < len(w.Steps) {
		return fmt.Sprintf("step (first %d of %d segments)", n, len(w.Steps))
	}
	return "step"
}

// panels returns the panels that have data, from the top.
func (w *Walk) panels(p *canvas.Page, s walkSeries) []canvas.Stacked {
	log := w.Scale == Log || w.Scale == Auto && canvas.WantsLog(100, s.loss, s.floor, s.iter)
	lossY := canvas.Spread(log, s.loss, s.floor, s.iter)
	lossY.Label = "full training loss"
	panels := []canvas.Stacked{{Y: lossY, Weight: 1, Draw: func(f canvas.Frame) { w.drawLoss(p, f, s) }}}
	if w.Cosine != nil || w.Cosine2 != nil {
		y := canvas.Axis{Lo: -1.08, Hi: 1.08, Label: "cosine"}
		if w.Cosine2 == nil {
			y.Label = cmp.Or(w.CosineLabel, "cos(g_{t\u22121}, g_{t})")
		} else if w.Cosine == nil {
			y.Label = cmp.Or(w.Cosine2Label, "cosine of updates")
		}
		panels = append(panels, canvas.Stacked{
			Y: y, Weight: 0.55,
			Draw: func(f canvas.Frame) { w.drawCosine(p, f, s) },
		})
	}
	if w.Distance != nil {
		y := canvas.Spread(false, s.dist)
		y.Label = "\u2016\u03b8_{t} \u2212 \u03b8_{0}\u2016"
		panels = append(panels, canvas.Stacked{
			Y: y, Weight: 0.55,
			Draw: func(f canvas.Frame) { w.drawDistance(p, f, s) },
		})
	}
	return panels
}

func (w *Walk) Draw(p *canvas.Page) {
	s := w.series()
	x := canvas.Axis{Lo: s.iterX[0], Hi: s.iterX[len(s.iterX)-1], Whole: true, Label: w.xLabel()}
	pad := 0.012 * (x.Hi - x.Lo)
	x.Lo, x.Hi = x.Lo-pad, x.Hi+pad
	panels := w.panels(p, s)
	m := p.Font * 0.7
	box := p.Footnotes(w.notes(s), canvas.Box(m, m, p.W-m, p.H-m))
	p.Stack(panels, x, p.Heading(w.Title, box), w.entries(p, s), w.cosineEntries(p))
}

func (w *Walk) notes(s walkSeries) []string {
	var out []string
	last := w.shown()
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
	return append(out, w.Notes...)
}

func (w *Walk) linePen(p *canvas.Page) canvas.Pen {
	return canvas.Pen{Width: 1, Color: p.Theme.Series[0]}
}

func (w *Walk) floorPen(p *canvas.Page) canvas.Pen {
	return canvas.Pen{Width: 1, Color: p.Theme.Series[1], Dash: []float64{3.2, 1.8}}
}

func (w *Walk) entries(p *canvas.Page, s walkSeries) []canvas.Entry {
	line := p.Theme.Series[0]
	out := []canvas.Entry{
		canvas.LineEntry("loss between iterates", w.linePen(p)),
		canvas.MarkEntry("iterate", func(p *canvas.Page, at canvas.Point) {
			var c canvas.Path
			c.Circle(at, w.dotRadius(p))
			p.Fill(c, line)
		}),
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
	p.Curve(f, s.x, s.loss, w.linePen(p))
	if w.Floor != nil {
		p.Curve(f, s.floorX, s.floor, w.floorPen(p))
	}
	p.Dots(f, s.iterX, s.iter, w.dotRadius(p), p.Theme.Series[0])
	for i := range s.barrierX {
		q := f.At(s.barrierX[i], s.barrierY[i])
		// Near the top edge the mark moves down rather than out of the frame.
		q.Y = math.Min(q.Y, f.Box.Y1-p.Font)
		if f.Box.Contains(q) {
			barrierMark(p, q)
		}
	}
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
		p.Curve(f, s.iterX, s.cos2, canvas.Pen{Width: 0.9, Color: c, Dash: dash})
	}
	if w.Cosine != nil {
		p.Curve(f, s.iterX, s.cos, canvas.Pen{Width: 0.9, Color: p.Theme.Series[0]})
		p.Dots(f, s.iterX, s.cos, w.dotRadius(p)*0.85, p.Theme.Series[0])
	}
}

func (w *Walk) drawDistance(p *canvas.Page, f canvas.Frame, s walkSeries) {
	p.Curve(f, s.iterX, s.dist, canvas.Pen{Width: 1, Color: p.Theme.Series[0]})
	p.Dots(f, s.iterX, s.dist, w.dotRadius(p)*0.85, p.Theme.Series[0])
}
