package figure

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/record"
)

// Spectrum draws the share of each principal direction as a dot, next to its share in null
// models: a random walk with the same number of steps, and intervals of walks that are made
// from the run. A dot means something only where it differs from its nulls.
type Spectrum struct {
	Ratios    []float64      // explained variance ratio of direction 1, 2, ...; NaN leaves a dot out
	Null      []float64      // of the random walk, of any length; nil if there is none
	Intervals []NullInterval // of further nulls

	Title    string
	Subtitle string // beneath the title in smaller letters: the run
	XLabel   string // "" is "principal direction"
	YLabel   string // "" is "explained variance ratio"
	Scale    Scale  // Auto takes a logarithm when all is positive and spans two decades
	Style    Style
	Notes    []string
}

// NullInterval is the interval of the shares in a null model, one for each direction.
type NullInterval struct {
	Name            string // in the legend
	Mean, Low, High []float64
}

// mostDirections is the number of directions drawn at most: the shares of later ones are too
// small to matter.
const mostDirections = 20

var _ Figure = (*Spectrum)(nil)

func (s *Spectrum) Defaults() (Style, float64) {
	if s.Style.Width != 0 && s.Style.Width < 5 {
		return s.Style, 0.72
	}
	return s.Style, 0.45
}

func (s *Spectrum) Heading() string { return cmp.Or(s.Title, "Explained variance") }

// Validate implements Figure.
func (s *Spectrum) Validate() error {
	if len(s.Ratios) == 0 {
		return fmt.Errorf("%w: Spectrum.Ratios is empty; it must have at least one value", ErrInput)
	}
	for i, n := range s.Intervals {
		if len(n.Low) != len(n.Mean) || len(n.High) != len(n.Mean) || len(n.Mean) > len(s.Ratios) {
			return fmt.Errorf("%w: Spectrum.Intervals[%d] has %d means, %d lower and %d upper ends; it must have the same number "+
				"of each, at most the %d of Ratios", ErrInput, i, len(n.Mean), len(n.Low), len(n.High), len(s.Ratios))
		}
	}
	return s.Scale.validate("Spectrum.Scale")
}

// shown is how many directions are drawn.
func (s *Spectrum) shown() int { return min(mostDirections, max(len(s.Ratios), len(s.Null))) }

// Table implements Figure: one row per direction, including the directions that are not
// drawn.
func (s *Spectrum) Table() record.Table {
	n := max(len(s.Ratios), len(s.Null))
	column := func(name string, v []float64) record.Column {
		c := record.Column{Name: name, Floats: make([]float64, n), Valid: make([]bool, n)}
		for i := range min(n, len(v)) {
			c.Floats[i], c.Valid[i] = v[i], true
		}
		return c
	}
	direction := record.Column{Name: "direction", Ints: make([]int64, n)}
	for i := range n {
		direction.Ints[i] = int64(i + 1)
	}
	t := record.Table{Columns: []record.Column{
		direction, column("explained_variance_ratio", s.Ratios), column("null", s.Null),
	}}
	for _, q := range s.Intervals {
		name := strings.ReplaceAll(q.Name, " ", "_")
		t.Columns = append(t.Columns, column(name+"_mean", q.Mean), column(name+"_low", q.Low), column(name+"_high", q.High))
	}
	return t
}

// Alt implements Figure.
func (s *Spectrum) Alt() string {
	text := fmt.Sprintf("explained variance ratio of the first %d directions, from %s to %s",
		min(s.shown(), len(s.Ratios)), canvas.Short(s.Ratios[0]),
		canvas.Short(s.Ratios[min(s.shown(), len(s.Ratios))-1]))
	if len(s.Null) > 0 {
		text += fmt.Sprintf("; the random walk has %s for the first", canvas.Short(s.Null[0]))
	}
	return text + "."
}

func (s *Spectrum) Draw(p *canvas.Page) {
	n := s.shown()
	cut := func(v []float64) []float64 { return v[:min(n, len(v))] }
	ratios, null := cut(s.Ratios), cut(s.Null)
	all := [][]float64{ratios, null}
	for _, q := range s.Intervals {
		all = append(all, cut(q.Mean), cut(q.Low), cut(q.High))
	}
	log := s.Scale == Log || s.Scale == Auto && canvas.WantsLog(100, all...)
	f := canvas.Frame{X: canvas.Axis{Lo: 0.4, Hi: float64(n) + 0.6, Whole: true}, Y: canvas.Spread(log, all...)}
	f.X.Label, f.Y.Label = cmp.Or(s.XLabel, "principal direction"), cmp.Or(s.YLabel, "explained variance ratio")
	m := p.Font * 0.7
	box := p.Footnotes(s.notes(), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(s.Title, s.Subtitle, box)
	entries := []canvas.Entry{canvas.MarkEntry("run", runMark)}
	if len(null) > 0 {
		entries = append(entries, canvas.MarkEntry("random walk", nullMark))
	}
	for i, q := range s.Intervals {
		entries = append(entries, canvas.MarkEntry(q.Name+", 5 to 95 %", func(p *canvas.Page, at canvas.Point) {
			r := canvas.Pt(0, p.Font*0.55)
			intervalMark(p, i, at.Sub(r), at, at.Add(r))
		}))
	}
	labelX := p.SingleFrame(&f, box, entries)
	p.Gridlines(f)
	// The nulls of a direction stand side by side, to the right of the run and the random walk.
	apart := math.Min(f.Box.W()/(f.X.Hi-f.X.Lo)/float64(len(s.Intervals)+3), p.Font*1.1)
	place := func(i, side int, v float64) canvas.Point {
		return f.At(float64(i+1), v).Add(canvas.Pt(apart*(float64(side)-float64(len(s.Intervals))/2), 0))
	}
	for k, q := range s.Intervals {
		for i := range cut(q.Mean) {
			low, high := place(i, k+1, q.Low[i]), place(i, k+1, q.High[i])
			if math.IsNaN(low.Y) || low.Y < f.Box.Y0 { // 0 on a logarithmic axis
				low.Y = f.Box.Y0
			}
			if f.Box.Contains(high) {
				intervalMark(p, k, low, place(i, k+1, q.Mean[i]), high)
			}
		}
	}
	for i, v := range null {
		if q := place(i, 0, v); f.Box.Contains(q) {
			nullMark(p, q)
		}
	}
	for i, v := range ratios {
		if q := place(i, 0, v); f.Box.Contains(q) {
			runMark(p, q)
		}
	}
	p.Axes(f, labelX, true)
}

// runMark is the dot of the run.
func runMark(p *canvas.Page, at canvas.Point) {
	var m canvas.Path
	m.Circle(at, p.Font*0.3)
	p.Fill(m, p.Theme.Series[0])
}

// intervalMark is an interval with its ends and a small mark at its mean.
func intervalMark(p *canvas.Page, k int, low, mean, high canvas.Point) {
	pen := canvas.Pen{Width: 1, Color: p.Theme.Series[(k+2)%len(p.Theme.Series)]}
	cap := canvas.Pt(p.Font*0.2, 0)
	var lines, dot canvas.Path
	lines.Segment(low, high)
	lines.Segment(low.Sub(cap), low.Add(cap))
	lines.Segment(high.Sub(cap), high.Add(cap))
	p.Stroke(lines, pen)
	if k%2 == 0 {
		dot.Square(mean, p.Font*0.16)
	} else {
		dot.Triangle(mean, p.Font*0.2)
	}
	p.Fill(dot, pen.Color)
}

// nullMark is an open diamond, so that the dot of the run shows in it.
func nullMark(p *canvas.Page, at canvas.Point) {
	var m canvas.Path
	m.Diamond(at, p.Font*0.42)
	p.Stroke(m, canvas.Pen{Width: 1.1, Color: p.Theme.Accent})
}

func (s *Spectrum) notes() []string {
	var out []string
	if n := max(len(s.Ratios), len(s.Null)); n > s.shown() {
		out = append(out, fmt.Sprintf("The first %d of %d directions are shown.", s.shown(), n))
	}
	return append(out, s.Notes...)
}

func (s *Spectrum) WithStyle(t Style) Figure { c := *s; c.Style = t; return &c }

// WithLabels implements Figure.
func (s *Spectrum) WithLabels(l Labels) Figure {
	c := *s
	l.replace(&c.Title, &c.Subtitle, &c.XLabel, &c.YLabel)
	return &c
}

func (s *Spectrum) WithScale(t Scale) Figure {
	c := *s
	if t != Log || logarithmic(s.Ratios, s.Null) {
		c.Scale = t
	}
	return &c
}
