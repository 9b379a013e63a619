package figure

import (
	"cmp"
	"fmt"
	"math"
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
		s.cos, s.cos2, s.dist = append(s.cos, at(w.Cosine, i)), append(s.cos2, at(w.Cosine2, i)), append(s.dist, at(w.Distance, i))
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

// panels returns the panels that there is data for, from the top.
func (w *Walk) panels(p *page, s walkSeries) []walkPanel {
	log := w.Scale == Log || w.Scale == Auto && wantsLog(100, s.loss, s.floor, s.iter)
	lossY := spread(log, s.loss, s.floor, s.iter)
	lossY.label = "full training loss"
	panels := []walkPanel{{lossY, 1, func(f panel) { w.drawLoss(p, f, s) }}}
	if w.Cosine != nil || w.Cosine2 != nil {
		y := axis{lo: -1.08, hi: 1.08, label: "cosine"}
		if w.Cosine2 == nil {
			y.label = cmp.Or(w.CosineLabel, "cos(g_{t\u22121}, g_{t})")
		} else if w.Cosine == nil {
			y.label = cmp.Or(w.Cosine2Label, "cosine of updates")
		}
		panels = append(panels, walkPanel{y, 0.55, func(f panel) { w.drawCosine(p, f, s) }})
	}
	if w.Distance != nil {
		y := spread(false, s.dist)
		y.label = "\u2016\u03b8_{t} \u2212 \u03b8_{0}\u2016"
		panels = append(panels, walkPanel{y, 0.55, func(f panel) { w.drawDistance(p, f, s) }})
	}
	return panels
}

func (w *Walk) draw(p *page) {
	s := w.series()
	x := axis{lo: s.iterX[0], hi: s.iterX[len(s.iterX)-1], whole: true, label: w.xLabel()}
	pad := 0.012 * (x.hi - x.lo)
	x.lo, x.hi = x.lo-pad, x.hi+pad
	panels := w.panels(p, s)
	m := p.font * 0.7
	box := p.footnotes(w.notes(s), rect{m, m, p.w - m, p.h - m})
	p.stack(panels, x, p.heading(w.Title, box), w.entries(p, s), w.cosineEntries(p))
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
		out = append(out, fmt.Sprintf("%d of %d losses are not drawn: %d are NaN, %d are infinite.", missing+infinite, last*len(w.Alphas), missing, infinite))
	}
	return append(out, w.Notes...)
}

func (w *Walk) linePen(p *page) pen { return pen{width: 1, color: p.theme.series[0]} }
func (w *Walk) floorPen(p *page) pen {
	return pen{width: 1, color: p.theme.series[1], dash: []float64{3.2, 1.8}}
}

func (w *Walk) entries(p *page, s walkSeries) []entry {
	line := p.theme.series[0]
	out := []entry{lineEntry("loss between iterates", w.linePen(p)), markEntry("iterate", func(p *page, at point) {
		var c path
		c.circle(at, w.dotRadius(p))
		p.fill(c, line)
	})}
	if w.Floor != nil {
		out = append(out, lineEntry("valley floor", w.floorPen(p)))
	}
	if len(s.barrierX) > 0 {
		out = append(out, markEntry(fmt.Sprintf("barrier (%d)", len(s.barrierX)), func(p *page, at point) {
			barrierMark(p, at.sub(point{0, p.font * 0.55}))
		}))
	}
	return out
}

// cosineEntries names the series of the cosine panel when there are two.
func (w *Walk) cosineEntries(p *page) []entry {
	if w.Cosine == nil || w.Cosine2 == nil {
		return nil
	}
	return []entry{
		lineEntry(cmp.Or(w.CosineLabel, "consecutive gradients"), pen{width: 0.9, color: p.theme.series[0]}),
		lineEntry(cmp.Or(w.Cosine2Label, "consecutive updates"), pen{width: 0.9, color: p.theme.series[3], dash: []float64{2, 1.2}}),
	}
}

func (w *Walk) dotRadius(p *page) float64 { return p.font * 0.17 }

// barrierMark draws a small triangle that points down at the place.
func barrierMark(p *page, at point) {
	r := p.font * 0.3
	var m path
	tip := at.add(point{0, r * 0.9})
	m.polygon(tip, tip.add(point{r, r * 1.6}), tip.add(point{-r, r * 1.6}))
	p.fill(m, p.theme.ink)
}

func (w *Walk) drawLoss(p *page, f panel, s walkSeries) {
	p.curve(f, s.x, s.loss, w.linePen(p))
	if w.Floor != nil {
		p.curve(f, s.floorX, s.floor, w.floorPen(p))
	}
	p.dots(f, s.iterX, s.iter, w.dotRadius(p), p.theme.series[0])
	for i := range s.barrierX {
		q := f.at(s.barrierX[i], s.barrierY[i])
		// Near the top edge the mark moves down rather than out of the frame.
		q.Y = math.Min(q.Y, f.frame.Y1-p.font)
		if f.frame.contains(q) {
			barrierMark(p, q)
		}
	}
}

func (w *Walk) drawCosine(p *page, f panel, s walkSeries) {
	var zero path
	zero.segment(f.at(f.x.lo, 0), f.at(f.x.hi, 0))
	p.stroke(zero, pen{width: 0.7, color: p.theme.muted})
	if w.Cosine2 != nil {
		c, dash := p.theme.series[3], []float64{2, 1.2}
		if w.Cosine == nil {
			dash = nil
		}
		p.curve(f, s.iterX, s.cos2, pen{width: 0.9, color: c, dash: dash})
	}
	if w.Cosine != nil {
		p.curve(f, s.iterX, s.cos, pen{width: 0.9, color: p.theme.series[0]})
		p.dots(f, s.iterX, s.cos, w.dotRadius(p)*0.85, p.theme.series[0])
	}
}

func (w *Walk) drawDistance(p *page, f panel, s walkSeries) {
	p.curve(f, s.iterX, s.dist, pen{width: 1, color: p.theme.series[0]})
	p.dots(f, s.iterX, s.dist, w.dotRadius(p)*0.85, p.theme.series[0])
}
