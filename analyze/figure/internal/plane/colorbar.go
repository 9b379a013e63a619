package plane

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// ColorBar is the scale next to a landscape: the bands in proportion to their
// values, the levels at its side, an arrow where values go beyond.
type ColorBar struct {
	Width  float64       // of all, from the edge of the frame
	labels []canvas.Tick // one per level that has room
	text   []string      // lines
}

// Sizes in parts of the base font.
const (
	barGap   = 1.1
	barWidth = 1.2
	barArrow = 1.0
)

func NewColorBar(p *canvas.Page, s *Relief, text string) ColorBar {
	// The bar is about in the middle of the page and may be short.
	b := ColorBar{text: p.LabelLines(text, p.H*0.6)}
	marked := s.Marked
	if marked == nil {
		marked = s.Levels
	}
	for i, t := range canvas.LevelLabels(marked, s.Log) {
		b.labels = append(b.labels, canvas.Tick{Value: marked[i], Label: t})
	}
	if len(s.Levels) == 0 && !math.IsNaN(s.Min) {
		b.labels = []canvas.Tick{{Value: s.Min, Label: canvas.Short(s.Min)}}
	}
	w := 0.0
	for _, t := range b.labels {
		w = math.Max(w, p.Label(t.Label, canvas.TickScale, p.Theme.Ink).Width())
	}
	if math.IsNaN(s.Min) {
		b.Width = p.Font * 0.8 // nothing to show
		return b
	}
	b.Width = p.Font*(barGap+barWidth+0.55+0.5+1.1) + w
	b.Width += p.Font * 1.15 * float64(len(b.text)-1)
	if text == "" {
		b.Width -= p.Font * 0.25
	}
	return b
}

// Draw fills the box, whose left side is the right side of the frame.
func (b ColorBar) Draw(p *canvas.Page, s *Relief, colors []color.NRGBA, box canvas.Rect) {
	if math.IsNaN(s.Min) {
		return
	}
	bar := canvas.Box(box.X0+p.Font*barGap, box.Y0, box.X0+p.Font*(barGap+barWidth), box.Y1)
	full := bar
	if s.Above > 0 || s.InfCount > 0 {
		bar.Y1 -= p.Font * barArrow
	}
	if s.Below > 0 {
		bar.Y0 += p.Font * barArrow
	}
	y := func(v float64) float64 {
		if s.Hi == s.Lo {
			return (bar.Y0 + bar.Y1) / 2
		}
		return bar.Y0 + math.Max(0, math.Min(1, s.along(v)))*bar.H()
	}
	from := bar.Y0
	for k, c := range colors {
		to := bar.Y1
		if k < len(s.Levels) {
			to = y(s.Levels[k])
		}
		var band canvas.Path
		band.Box(canvas.Box(bar.X0, from, bar.X1, bar.Y1)) // over the ones below: no hairlines
		p.Fill(band, c)
		from = to
	}
	outline := b.arrows(p, colors, bar, full)
	p.Stroke(outline, canvas.Pen{Width: 0.6, Color: p.Theme.Ink})
	var marks canvas.Path
	last := math.Inf(-1)
	size := p.Font * canvas.TickScale
	for _, t := range b.labels {
		at := y(t.Value)
		if len(s.Levels) > 0 {
			marks.Segment(canvas.Pt(bar.X0, at), canvas.Pt(bar.X1+p.Font*0.25, at))
		}
		if at-last < size*1.05 {
			continue
		}
		last = at
		p.Label(t.Label, canvas.TickScale, p.Theme.Ink).Draw(p, canvas.Pt(bar.X1+p.Font*0.5, at), 0, 0.5)
	}
	p.Stroke(marks, canvas.Pen{Width: 0.5, Color: p.Theme.Ink})
	for i, line := range b.text {
		text := p.Label(line, 1, p.Theme.Ink)
		text.Angle = math.Pi / 2
		x := box.X1 - p.Font*(canvas.Descent+1.15*float64(len(b.text)-1-i))
		text.Draw(p, canvas.Pt(x, (box.Y0+box.Y1)/2), 0.5, 0)
	}
}

// arrows fills the points above and below the bar and returns the outline of all.
func (b ColorBar) arrows(p *canvas.Page, colors []color.NRGBA, bar, full canvas.Rect) canvas.Path {
	middle := (bar.X0 + bar.X1) / 2
	pts := []canvas.Point{canvas.Pt(bar.X0, bar.Y0)}
	if full.Y0 < bar.Y0 {
		tip := canvas.Pt(middle, full.Y0)
		var a canvas.Path
		a.Polygon(canvas.Pt(bar.X0, bar.Y0), tip, canvas.Pt(bar.X1, bar.Y0))
		p.Fill(a, colors[0])
		pts = append(pts, tip)
	}
	pts = append(pts, canvas.Pt(bar.X1, bar.Y0), canvas.Pt(bar.X1, bar.Y1))
	if full.Y1 > bar.Y1 {
		tip := canvas.Pt(middle, full.Y1)
		var a canvas.Path
		a.Polygon(canvas.Pt(bar.X0, bar.Y1), canvas.Pt(bar.X1, bar.Y1), tip)
		p.Fill(a, colors[len(colors)-1])
		pts = append(pts, tip)
	}
	pts = append(pts, canvas.Pt(bar.X0, bar.Y1))
	var outline canvas.Path
	outline.Polygon(pts...)
	return outline
}
