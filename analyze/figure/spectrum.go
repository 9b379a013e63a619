package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Spectrum draws the share of each principal direction as a bar, with the share in a
// null model (a random walk with the same number of steps) as a point: a bar means
// something only where it differs from its point.
type Spectrum struct {
	Ratios []float64 // explained variance ratio of direction 1, 2, ...; NaN leaves a bar out
	Null   []float64 // of the null model, of any length; nil if there is none

	Title string
	Scale Scale // Auto takes a logarithm when all is positive and spans two decades
	Style Style
	Notes []string
}

// mostDirections is the number of directions drawn at most: later bars are too low to read.
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
	return s.Scale.validate("Spectrum.Scale")
}

// shown is how many directions are drawn.
func (s *Spectrum) shown() int { return min(mostDirections, max(len(s.Ratios), len(s.Null))) }

// Table implements Figure: one row per direction, including the directions that are not
// drawn.
func (s *Spectrum) Table() record.Table {
	type row struct {
		Direction int64           `col:"direction"`
		Ratio     record.Optional `col:"explained_variance_ratio"`
		Null      record.Optional `col:"null"`
		NullLow   record.Optional `col:"null_low"` // always absent: the columns of the file stay the same
		NullTop   record.Optional `col:"null_top"`
	}
	var t column.Builder[row]
	for i := range max(len(s.Ratios), len(s.Null)) {
		t.Add(row{Direction: int64(i + 1), Ratio: optional(s.Ratios, i), Null: optional(s.Null, i)})
	}
	return t.Table()
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
	log := s.Scale == Log || s.Scale == Auto && canvas.WantsLog(100, ratios, null)
	f := canvas.Frame{X: canvas.Axis{Lo: 0.4, Hi: float64(n) + 0.6, Whole: true}, Y: canvas.Spread(log, ratios, null)}
	if !log {
		f.Y.Lo = math.Min(0, f.Y.Lo)
		if low := canvas.Spread(false, ratios, null); low.Lo >= -0.06*low.Hi {
			f.Y.Lo = 0 // bars begin at zero
		}
	}
	f.X.Label, f.Y.Label = "principal direction", "explained variance ratio"
	m := p.Font * 0.7
	box := p.Footnotes(s.notes(), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(s.Title, box)
	barColor := canvas.Mix(p.Theme.Series[0], p.Theme.Background, 0.25)
	entries := []canvas.Entry{canvas.BoxEntry("run", func(p *canvas.Page, r canvas.Rect) {
		var b canvas.Path
		b.Box(canvas.Box(r.X0, r.Y0+p.Font*0.1, r.X1, r.Y1-p.Font*0.1))
		p.Fill(b, barColor)
	})}
	if len(null) > 0 {
		entries = append(entries, canvas.MarkEntry("random walk",
			func(p *canvas.Page, at canvas.Point) { nullMark(p, at) }))
	}
	labelX := p.SingleFrame(&f, box, entries)
	p.Gridlines(f)
	s.bars(p, f, ratios, barColor)
	for i, v := range null {
		if q := f.At(float64(i+1), v); f.Box.Contains(q) {
			nullMark(p, q)
		}
	}
	p.Axes(f, labelX, true)
}

func (s *Spectrum) bars(p *canvas.Page, f canvas.Frame, ratios []float64, c color.NRGBA) {
	var bars canvas.Path
	base := f.At(1, 0).Y
	if f.Y.Log {
		base = f.Box.Y0
	}
	width := math.Min(0.35*f.Box.W()/(f.X.Hi-f.X.Lo), p.Font*2)
	for i, v := range ratios {
		q := f.At(float64(i+1), v)
		if math.IsNaN(q.Y) || math.IsInf(q.Y, 0) {
			continue
		}
		y0, y1 := math.Min(base, q.Y), math.Max(base, q.Y)
		bars.Box(canvas.Box(q.X-width, math.Max(y0, f.Box.Y0), q.X+width, math.Min(y1, f.Box.Y1)))
	}
	p.Fill(bars, c)
}

// nullMark is a diamond with a border, so that it can be seen on a bar.
func nullMark(p *canvas.Page, at canvas.Point) {
	r := p.Font * 0.34
	var m canvas.Path
	m.Polygon(at.Add(canvas.Pt(0, r)), at.Add(canvas.Pt(r, 0)), at.Add(canvas.Pt(0, -r)), at.Add(canvas.Pt(-r, 0)))
	p.Stroke(m, canvas.Pen{Width: 1.4, Color: p.Theme.Background})
	p.Fill(m, p.Theme.Accent)
}

func (s *Spectrum) notes() []string {
	var out []string
	if n := max(len(s.Ratios), len(s.Null)); n > s.shown() {
		out = append(out, fmt.Sprintf("The first %d of %d directions are shown.", s.shown(), n))
	}
	return append(out, s.Notes...)
}

func (s *Spectrum) WithStyle(t Style) Figure { c := *s; c.Style = t; return &c }

func (s *Spectrum) WithScale(t Scale) Figure {
	c := *s
	if t != Log || logarithmic(s.Ratios) {
		c.Scale = t
	}
	return &c
}
