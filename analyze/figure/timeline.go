package figure

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze/figure/internal/canvas"
)

// Timeline is what changes at known steps of a run. Every panel over the steps of the run
// marks it, see [Marked]. The zero value has no marks.
type Timeline struct {
	Epochs []EpochStart // in order of steps
	Rates  []RateChange // in order of steps; the first is the learning rate at the start
}

// EpochStart is the first step of an epoch.
type EpochStart struct{ Step, Epoch int64 }

// RateChange is the first step that uses a learning rate.
type RateChange struct {
	Step int64
	Rate float64
}

// Marked returns a copy of fig with the epochs and learning rates of its run marked in
// every panel. A figure without an axis over the steps of one run is returned as it is.
func Marked(fig Figure, t Timeline) Figure {
	switch f := fig.(type) {
	case *Curves:
		if f.XSteps {
			c := *f
			c.Timeline = t
			return &c
		}
	case *Panels:
		if f.XSteps {
			c := *f
			c.Timeline = t
			return &c
		}
	case *Walk:
		c := *f
		c.Timeline = t
		return &c
	}
	return fig
}

// Distances between marks, in parts of the base font.
const (
	epochGap = 1.5 // epochs that are closer have no marks of their own: only every 2nd, 5th, ... has
	rateGap  = 0.9 // changes of the learning rate that are closer, or at consecutive steps, are one bar
)

// mostRates is the number of learning rates that the legend names.
const mostRates = 4

// stepMarks are the marks of a timeline on one axis of steps.
type stepMarks struct {
	epochs []float64
	every  int64        // every how many epochs have a mark
	thin   bool         // on a logarithmic axis, where the later epochs are too close
	rates  [][2]float64 // first and last step of each mark; a bar where they differ
	values []float64    // the learning rates in the range, without repetitions
}

// over chooses the marks for an axis of steps with the given data. What is at the first or
// the last step of the data has no mark.
func (t *Timeline) over(p *canvas.Page, x canvas.Axis, data ...[]float64) stepMarks {
	m := stepMarks{every: 1}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range data {
		if len(v) > 0 {
			lo, hi = math.Min(lo, v[0]), math.Max(hi, v[len(v)-1])
		}
	}
	width := p.W - 6*p.Font // about that of the frame
	place := func(step int64) float64 { return x.Pos(float64(step)) * width }
	inside := func(step int64) bool { return float64(step) > lo && float64(step) < hi }

	var shown []EpochStart
	for _, e := range t.Epochs {
		if inside(e.Step) && e.Epoch > 1 {
			shown = append(shown, e)
		}
	}
	for i := 0; !x.Log && float64(len(shown))*epochGap*p.Font > width*float64(m.every); i++ {
		m.every = int64(math.Pow10(i/3)) * []int64{2, 5, 10}[i%3]
	}
	last := math.Inf(-1)
	for _, e := range shown {
		if at := place(e.Step); (e.Epoch-1)%m.every == 0 {
			if x.Log && at < last+epochGap*p.Font {
				m.thin = true
				continue
			}
			m.epochs, last = append(m.epochs, float64(e.Step)), at
		}
	}
	for i, r := range t.Rates {
		if i == 0 || !inside(r.Step) {
			if float64(r.Step) <= lo {
				m.values = []float64{r.Rate} // the one at the start of the axis
			}
			continue
		}
		if !slices.Contains(m.values, r.Rate) {
			m.values = append(m.values, r.Rate)
		}
		if n := len(m.rates); n > 0 {
			before := m.rates[n-1][1]
			if float64(r.Step) == before+1 || place(r.Step) < x.Pos(before)*width+rateGap*p.Font {
				m.rates[n-1][1] = float64(r.Step)
				continue
			}
		}
		m.rates = append(m.rates, [2]float64{float64(r.Step), float64(r.Step)})
	}
	return m
}

func epochPen(p *canvas.Page) canvas.Pen {
	return canvas.Pen{Width: 0.6, Color: canvas.Mix(p.Theme.Muted, p.Theme.Background, 0.3), Dash: []float64{0.6, 1.8}}
}

func ratePen(p *canvas.Page) canvas.Pen {
	return canvas.Pen{Width: 0.8, Color: canvas.Mix(p.Theme.Muted, p.Theme.Background, 0.2)}
}

// rateBar appends the bar at the top of a frame for steps at which the learning rate keeps
// changing.
func rateBar(bars *canvas.Path, p *canvas.Page, x0, x1, top float64) {
	bars.Box(canvas.Box(x0, top-p.Font*0.3, x1, top))
}

// draw draws the marks into a panel, beneath its data.
func (m *stepMarks) draw(p *canvas.Page, f canvas.Frame) {
	var epochs, rates, bars canvas.Path
	upright := func(line *canvas.Path, step float64) {
		at := f.X.Pos(step)*f.Box.W() + f.Box.X0
		line.Segment(canvas.Pt(at, f.Box.Y0), canvas.Pt(at, f.Box.Y1))
	}
	for _, step := range m.epochs {
		upright(&epochs, step)
	}
	for _, r := range m.rates {
		if r[0] == r[1] {
			upright(&rates, r[0])
			continue
		}
		rateBar(&bars, p, f.X.Pos(r[0])*f.Box.W()+f.Box.X0, f.X.Pos(r[1])*f.Box.W()+f.Box.X0, f.Box.Y1)
	}
	p.Stroke(epochs, epochPen(p))
	p.Fill(bars, ratePen(p).Color)
	p.Stroke(rates, ratePen(p))
}

// entries name the marks in the legend.
func (m *stepMarks) entries(p *canvas.Page) []canvas.Entry {
	upright := func(text string, pen canvas.Pen) canvas.Entry {
		return canvas.MarkEntry(text, func(p *canvas.Page, at canvas.Point) {
			var line canvas.Path
			line.Segment(at.Sub(canvas.Pt(0, p.Font*0.6)), at.Add(canvas.Pt(0, p.Font*0.6)))
			p.Stroke(line, pen)
		})
	}
	var out []canvas.Entry
	if len(m.epochs) > 0 {
		text := "epoch"
		switch {
		case m.thin:
			text = "epoch, where there is room"
		case m.every > 1:
			text = fmt.Sprintf("every %d epochs", m.every)
		}
		out = append(out, upright(text, epochPen(p)))
	}
	switch isBar := func(r [2]float64) bool { return r[0] < r[1] }; {
	case len(m.rates) == 0:
	case slices.ContainsFunc(m.rates, isBar):
		out = append(out, canvas.BoxEntry(m.rateText(), func(p *canvas.Page, r canvas.Rect) {
			var bar canvas.Path
			rateBar(&bar, p, r.X0, r.X1, (r.Y0+r.Y1)/2+p.Font*0.15)
			p.Fill(bar, ratePen(p).Color)
		}))
	default:
		out = append(out, upright(m.rateText(), ratePen(p)))
	}
	return out
}

// rateText names the learning rates, or their range when they are many.
func (m *stepMarks) rateText() string {
	if len(m.values) > mostRates {
		return fmt.Sprintf("learning rate changes (%s to %s)", canvas.Short(slices.Min(m.values)),
			canvas.Short(slices.Max(m.values)))
	}
	var names []string
	for _, v := range m.values {
		names = append(names, canvas.Short(v))
	}
	return "learning rate " + strings.Join(names, " \u2192 ")
}
