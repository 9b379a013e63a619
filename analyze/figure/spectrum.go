package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"

	"sgdwalk/record"
)

// Spectrum is the share of each principal direction as bars, beside what a null
// model (a random walk of as many steps) would give, as points: a bar means
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

func (s *Spectrum) style() (Style, float64) {
	if s.Style.Width != 0 && s.Style.Width < 5 {
		return s.Style, 0.72
	}
	return s.Style, 0.45
}

func (s *Spectrum) title() string { return cmp.Or(s.Title, "Explained variance") }

// Validate implements Figure.
func (s *Spectrum) Validate() error {
	if len(s.Ratios) == 0 {
		return fmt.Errorf("%w: Spectrum.Ratios is empty; it must have at least one value", ErrInput)
	}
	return s.Scale.validate("Spectrum.Scale")
}

// shown is how many directions are drawn.
func (s *Spectrum) shown() int { return min(mostDirections, max(len(s.Ratios), len(s.Null))) }

// Table implements Figure: one row per direction, those not drawn too.
func (s *Spectrum) Table() record.Table {
	n := max(len(s.Ratios), len(s.Null))
	index := make([]int64, n)
	columns := []record.Column{{Name: "direction", Ints: index}}
	for _, c := range []struct {
		name string
		v    []float64
	}{{"explained_variance_ratio", s.Ratios}, {"null", s.Null}} {
		v, valid := make([]float64, n), make([]bool, n)
		for i := range n {
			index[i] = int64(i + 1)
			v[i], valid[i] = at(c.v, i), i < len(c.v)
		}
		columns = append(columns, record.Column{Name: c.name, Floats: v, Valid: valid})
	}
	return record.Table{Columns: columns}
}

// Alt implements Figure.
func (s *Spectrum) Alt() string {
	text := fmt.Sprintf("explained variance ratio of the first %d directions, from %s to %s",
		min(s.shown(), len(s.Ratios)), short(s.Ratios[0]), short(s.Ratios[min(s.shown(), len(s.Ratios))-1]))
	if len(s.Null) > 0 {
		text += fmt.Sprintf("; the random walk has %s for the first", short(s.Null[0]))
	}
	return text + "."
}

func (s *Spectrum) draw(p *page) {
	n := s.shown()
	cut := func(v []float64) []float64 { return v[:min(n, len(v))] }
	ratios, null := cut(s.Ratios), cut(s.Null)
	log := s.Scale == Log || s.Scale == Auto && wantsLog(100, ratios, null)
	f := panel{x: axis{lo: 0.4, hi: float64(n) + 0.6, whole: true}, y: spread(log, ratios, null)}
	if !log {
		f.y.lo = math.Min(0, f.y.lo)
		if low := spread(false, ratios, null); low.lo >= -0.06*low.hi {
			f.y.lo = 0 // bars stand on zero
		}
	}
	f.x.label, f.y.label = "principal direction", "explained variance ratio"
	m := p.font * 0.7
	box := p.footnotes(s.notes(), rect{m, m, p.w - m, p.h - m})
	box = p.heading(s.Title, box)
	barColor := mix(p.theme.series[0], p.theme.background, 0.25)
	entries := []entry{boxEntry("run", func(p *page, r rect) {
		var b path
		b.box(rect{r.X0, r.Y0 + p.font*0.1, r.X1, r.Y1 - p.font*0.1})
		p.fill(b, barColor)
	})}
	if len(null) > 0 {
		entries = append(entries, markEntry("random walk", func(p *page, at point) { nullMark(p, at) }))
	}
	labelX := p.singleFrame(&f, box, entries)
	p.gridlines(f)
	s.bars(p, f, ratios, barColor)
	for i, v := range null {
		if q := f.at(float64(i+1), v); f.frame.contains(q) {
			nullMark(p, q)
		}
	}
	p.axes(f, labelX, true)
}

func (s *Spectrum) bars(p *page, f panel, ratios []float64, c color.NRGBA) {
	var bars path
	base := f.at(1, 0).Y
	if f.y.log {
		base = f.frame.Y0
	}
	width := math.Min(0.35*f.frame.w()/(f.x.hi-f.x.lo), p.font*2)
	for i, v := range ratios {
		q := f.at(float64(i+1), v)
		if math.IsNaN(q.Y) || math.IsInf(q.Y, 0) {
			continue
		}
		y0, y1 := math.Min(base, q.Y), math.Max(base, q.Y)
		bars.box(rect{q.X - width, math.Max(y0, f.frame.Y0), q.X + width, math.Min(y1, f.frame.Y1)})
	}
	p.fill(bars, c)
}

// nullMark is a diamond with a border, so that it can be seen on a bar.
func nullMark(p *page, at point) {
	r := p.font * 0.34
	var m path
	m.polygon(at.add(point{0, r}), at.add(point{r, 0}), at.add(point{0, -r}), at.add(point{-r, 0}))
	p.stroke(m, pen{width: 1.4, color: p.theme.background})
	p.fill(m, p.theme.accent)
}

func (s *Spectrum) notes() []string {
	var out []string
	if n := max(len(s.Ratios), len(s.Null)); n > s.shown() {
		out = append(out, fmt.Sprintf("The first %d of %d directions are shown.", s.shown(), n))
	}
	return append(out, s.Notes...)
}
