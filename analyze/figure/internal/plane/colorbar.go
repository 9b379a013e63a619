package plane

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// ColorBar is the scale next to a landscape or beneath it: the bands in proportion to their
// values, the levels at its side, an arrow where values go beyond.
type ColorBar struct {
	Width   float64       // of all, from the edge of the frame; the height beneath it
	labels  []canvas.Tick // one per level that has room
	text    []string      // lines
	beneath bool
}

// Sizes in parts of the base font.
const (
	barGap   = 1.1
	barWidth = 1.2
	barArrow = 1.0
)

// NewColorBar returns a colour bar on the right of a frame.
func NewColorBar(p *canvas.Page, s *Relief, text string) ColorBar {
	// The bar is about in the middle of the page and may be short.
	b := newColorBar(s, p.LabelLines(text, p.H*0.6))
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

// NewColorBarBeneath returns a colour bar of the given length beneath a frame and the label
// of its axis.
func NewColorBarBeneath(p *canvas.Page, s *Relief, text string, length float64) ColorBar {
	b := newColorBar(s, p.LabelLines(text, length))
	b.beneath = true
	if !math.IsNaN(s.Min) {
		b.Width = p.Font * (barGap*0.6 + barWidth*0.75 + 0.55 + canvas.TickScale + 0.35 + 1.15*float64(len(b.text)))
	}
	return b
}

func newColorBar(s *Relief, text []string) ColorBar {
	b := ColorBar{text: text}
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
	return b
}

// Draw fills the box, whose left side is the right side of the frame; beneath a frame, whose
// top is below the label of the axis.
func (b ColorBar) Draw(p *canvas.Page, s *Relief, colors []color.NRGBA, box canvas.Rect) {
	if math.IsNaN(s.Min) {
		return
	}
	// The bar is laid out upwards, with along from its lower end and across from its edge at the
	// frame.
	gap, width, length := p.Font*barGap, p.Font*barWidth, box.H()
	at := func(along, across float64) canvas.Point { return canvas.Pt(box.X0+gap+across, box.Y0+along) }
	if b.beneath {
		gap, width, length = p.Font*barGap*0.6, p.Font*barWidth*0.75, box.W()
		at = func(along, across float64) canvas.Point { return canvas.Pt(box.X0+along, box.Y1-gap-across) }
	}
	from, to := 0.0, length
	if s.Above > 0 || s.InfCount > 0 {
		to -= p.Font * barArrow
	}
	if s.Below > 0 {
		from = p.Font * barArrow
	}
	along := func(v float64) float64 {
		if s.Hi == s.Lo {
			return (from + to) / 2
		}
		return from + math.Max(0, math.Min(1, s.along(v)))*(to-from)
	}
	start := from
	for k, c := range colors {
		var band canvas.Path
		band.Polygon(at(start, 0), at(start, width), at(to, width), at(to, 0)) // over the ones below: no hairlines
		p.Fill(band, c)
		if k < len(s.Levels) {
			start = along(s.Levels[k])
		}
	}
	// The arrows beyond the ends, and the outline of all.
	outline := []canvas.Point{at(from, 0)}
	if from > 0 {
		var tip canvas.Path
		tip.Polygon(at(from, 0), at(0, width/2), at(from, width))
		p.Fill(tip, colors[0])
		outline = append(outline, at(0, width/2))
	}
	outline = append(outline, at(from, width), at(to, width))
	if to < length {
		var tip canvas.Path
		tip.Polygon(at(to, 0), at(to, width), at(length, width/2))
		p.Fill(tip, colors[len(colors)-1])
		outline = append(outline, at(length, width/2))
	}
	var border canvas.Path
	border.Polygon(append(outline, at(to, 0))...)
	p.Stroke(border, canvas.Pen{Width: 0.6, Color: p.Theme.Ink})
	b.drawLabels(p, s, box, along, func(along float64) (canvas.Point, canvas.Point) {
		return at(along, 0), at(along, width)
	})
}

// drawLabels draws the marks of the levels, their numbers as far as they have room, and the
// text. across returns the ends of the mark at a place along the bar.
func (b ColorBar) drawLabels(p *canvas.Page, s *Relief, box canvas.Rect, along func(v float64) float64,
	across func(along float64) (canvas.Point, canvas.Point),
) {
	var marks canvas.Path
	last := math.Inf(-1)
	size := p.Font * canvas.TickScale
	outward, hAlign, vAlign := canvas.Pt(p.Font, 0), 0.0, 0.5
	if b.beneath {
		outward, hAlign, vAlign = canvas.Pt(0, -p.Font), 0.5, 1
	}
	for _, t := range b.labels {
		at := along(t.Value)
		inner, outer := across(at)
		if len(s.Levels) > 0 {
			marks.Segment(inner, outer.Add(outward.Scale(0.25)))
		}
		word := p.Label(t.Label, canvas.TickScale, p.Theme.Ink)
		room, half := size*1.05, 0.0 // from the last number
		if b.beneath {
			half = word.Width() / 2
			room = half + size*0.6
			if outer.X+half > p.W {
				continue
			}
		}
		if at-last < room {
			continue
		}
		last = at + half
		word.Draw(p, outer.Add(outward.Scale(0.5)), hAlign, vAlign)
	}
	p.Stroke(marks, canvas.Pen{Width: 0.5, Color: p.Theme.Ink})
	for i, line := range b.text {
		text := p.Label(line, 1, p.Theme.Ink)
		after := float64(len(b.text) - 1 - i)
		if b.beneath {
			text.Draw(p, canvas.Pt((box.X0+box.X1)/2, box.Y0+p.Font*1.15*after), 0.5, 0)
			continue
		}
		text.Angle = math.Pi / 2
		text.Draw(p, canvas.Pt(box.X1-p.Font*(canvas.Descent+1.15*after), (box.Y0+box.Y1)/2), 0.5, 0)
	}
}
