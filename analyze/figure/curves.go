package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Curves is a plot of one or more series over one axis, each with a band if it has
// one: loss per step, step length, a line through the landscape with the spread
// over its repeats.
type Curves struct {
	Series   []Series
	Title    string
	Subtitle string // beneath the title in smaller letters: the run
	XLabel   string
	YLabel   string
	XWhole   bool     // ticks on x are whole numbers: steps, epochs
	XSteps   bool     // x is the step of one run, so that [Marked] marks its epochs
	Timeline Timeline // the marks of [Marked]
	XScale   Scale    // "" is Linear
	YScale   Scale    // Auto takes a logarithm when all is positive and spans LogRatio
	// LogRatio is the ratio of the largest to the smallest value from which Auto is logarithmic;
	// 0 means 100.
	LogRatio float64
	// YFrom and YTo are the ends of the y axis, for a quantity with known limits such as a
	// cosine; both 0 choose them from the values.
	YFrom, YTo float64
	References []float64 // values of horizontal lines to compare with, for example zero for a cosine
	// Guides are thin lines to compare with, such as a power law. The axes do not grow for them.
	Guides []Series
	Notes  []string
	Style  Style
}

// Series is one line of a [Curves]. X must not decrease; NaN in Y is a gap.
type Series struct {
	Name     string // in the legend; a single series needs none
	X, Y     []float64
	Low, Top []float64 // the band, both of the length of X, or nil
	Points   bool      // mark every value
	Apart    bool      // marks only: too few values for a line between them to mean anything
	Stems    bool      // a solid vertical line from the axis to every value, instead of a line between them

	// Seeds are further lines of the same name at the same X, one a seed, of which Y is the mean:
	// thin, or with Points small marks without lines. NaN is a gap.
	Seeds []Seed
}

// Seed is one of the repetitions of a [Series].
type Seed struct {
	Name string
	Y    []float64 // of the length of X
}

var _ Figure = (*Curves)(nil)

func (c *Curves) Defaults() (Style, float64) {
	if c.Style.Width != 0 && c.Style.Width < 5 {
		return c.Style, 0.72
	}
	return c.Style, 0.45
}

func (c *Curves) Heading() string { return cmp.Or(c.Title, "Curves") }

// Validate implements Figure.
func (c *Curves) Validate() error {
	if len(c.Series) == 0 {
		return fmt.Errorf("%w: Curves.Series is empty; it must have at least one", ErrInput)
	}
	for i := range c.Series {
		if err := c.Series[i].validate(fmt.Sprintf("Curves.Series[%d]", i), c.XScale); err != nil {
			return err
		}
	}
	for i := range c.Guides {
		if err := c.Guides[i].validate(fmt.Sprintf("Curves.Guides[%d]", i), c.XScale); err != nil {
			return err
		}
	}
	if err := validateY("Curves", c.YFrom, c.YTo, c.References, c.YScale); err != nil {
		return err
	}
	if err := c.XScale.validate("Curves.XScale"); err != nil {
		return err
	}
	return c.YScale.validate("Curves.YScale")
}

func (s *Series) validate(name string, xScale Scale) error {
	for _, v := range []struct {
		name string
		v    []float64
		must bool
	}{{"Y", s.Y, true}, {"Low", s.Low, s.Top != nil}, {"Top", s.Top, s.Low != nil}} {
		if len(v.v) != len(s.X) && (v.must || v.v != nil) {
			return fmt.Errorf("%w: %s.%s has %d values; X has %d", ErrInput, name, v.name, len(v.v), len(s.X))
		}
	}
	for k, q := range s.Seeds {
		if len(q.Y) != len(s.X) {
			return fmt.Errorf("%w: %s.Seeds[%d].Y has %d values; X has %d", ErrInput, name, k, len(q.Y), len(s.X))
		}
	}
	for k, x := range s.X {
		if math.IsNaN(x) || math.IsInf(x, 0) || k > 0 && x < s.X[k-1] {
			return fmt.Errorf("%w: %s.X[%d] is %v; X must be finite and not decrease", ErrInput, name, k, x)
		}
		if xScale == Log && x <= 0 {
			return fmt.Errorf("%w: %s.X[%d] is %v; it must be positive on a logarithmic axis", ErrInput, name, k, x)
		}
	}
	return nil
}

// addTo adds the values of a series, and those of its seeds, to a table.
func (s *Series) addTo(add func(seriesRow)) {
	for i := range s.X {
		add(s.row(i))
	}
	for _, q := range s.Seeds {
		for i := range s.X {
			if !math.IsNaN(q.Y[i]) {
				add(seriesRow{Series: s.Name + ", " + q.Name, X: s.X[i], Y: q.Y[i]})
			}
		}
	}
}

// seriesRow is a value of a series in a table.
type seriesRow struct {
	Series string          `col:"series"`
	X      float64         `col:"x"`
	Y      float64         `col:"y"`
	Low    record.Optional `col:"low"`
	Top    record.Optional `col:"top"`
}

func (s *Series) row(i int) seriesRow {
	r := seriesRow{Series: s.Name, X: s.X[i], Y: s.Y[i]}
	if s.Low != nil {
		r.Low, r.Top = record.Some(s.Low[i]), record.Some(s.Top[i])
	}
	return r
}

// Table implements Figure: one row per value, series after series, and then the guides.
func (c *Curves) Table() record.Table {
	var t column.Builder[seriesRow]
	for _, s := range slices.Concat(c.Series, c.Guides) {
		s.addTo(t.Add)
	}
	return t.Table()
}

// Alt implements Figure.
func (c *Curves) Alt() string {
	text := fmt.Sprintf("%s over %s", cmp.Or(c.YLabel, "Values"), cmp.Or(c.XLabel, "x"))
	for i, s := range c.Series {
		if from, to, ok := s.ends(); ok && s.Stems {
			text += fmt.Sprintf("; %s at %s to %s", cmp.Or(s.Name, fmt.Sprintf("series %d", i+1)), canvas.Short(s.X[0]),
				canvas.Short(s.X[len(s.X)-1]))
		} else if ok {
			text += fmt.Sprintf("; %s from %s to %s", cmp.Or(s.Name, fmt.Sprintf("series %d", i+1)), canvas.Short(from),
				canvas.Short(to))
		}
	}
	return text + "."
}

// ends returns the first and the last value that is known.
func (s *Series) ends() (from, to float64, ok bool) {
	for _, v := range s.Y {
		if math.IsNaN(v) {
			continue
		}
		if !ok {
			from, ok = v, true
		}
		to = v
	}
	return from, to, ok
}

func seriesPen(p *canvas.Page, i int) canvas.Pen { return p.Theme.Identity(i).Pen(1.05) }

// guidePen is thin and gray, with another pattern for every guide.
func guidePen(p *canvas.Page, i int) canvas.Pen {
	return canvas.Pen{Width: 0.8, Color: p.Theme.Muted, Dash: p.Theme.Identity(i + 1).Dash}
}

// references draws horizontal lines through a frame, beneath the data.
func references(p *canvas.Page, f canvas.Frame, values []float64) {
	var lines canvas.Path
	for _, v := range values {
		if at := f.At(f.X.Lo, v); f.Box.Contains(at) {
			lines.Segment(at, canvas.Pt(f.Box.X1, at.Y))
		}
	}
	p.Stroke(lines, canvas.Pen{Width: 0.7, Color: p.Theme.Muted})
}

// validateY checks the limits and the references of a y axis.
func validateY(name string, from, to float64, references []float64, scale Scale) error {
	if from > to || math.IsNaN(from-to) || math.IsInf(from-to, 0) || from < to && from <= 0 && scale == Log {
		return fmt.Errorf("%w: %s.YFrom and YTo are %v and %v; they must be finite and increase, and be positive on a "+
			"logarithmic axis", ErrInput, name, from, to)
	}
	for k, v := range references {
		if math.IsNaN(v) || math.IsInf(v, 0) || scale == Log && v <= 0 {
			return fmt.Errorf("%w: %s.References[%d] is %v; it must be finite, and positive on a logarithmic axis",
				ErrInput, name, k, v)
		}
	}
	return nil
}

// frame returns the axes that hold all series.
func (c *Curves) frame() canvas.Frame {
	var xs [][]float64
	for _, s := range c.Series {
		xs = append(xs, s.X)
	}
	ys := append(values(c.Series), c.References)
	f := canvas.Frame{
		X: canvas.SpreadBy(0.015, c.XScale == Log, xs...),
		Y: canvas.Spread(c.YScale == Log || c.YScale == Auto && canvas.WantsLog(cmp.Or(c.LogRatio, 100), ys...), ys...),
	}
	if c.YFrom < c.YTo {
		f.Y.Lo, f.Y.Hi = c.YFrom, c.YTo
	}
	f.X.Label, f.Y.Label = c.XLabel, c.YLabel
	return f
}

func (c *Curves) Draw(p *canvas.Page) {
	f := c.frame()
	f.X.Whole = c.XWhole
	series, notes := c.Series, c.notes(f.Y.Log)
	var xs [][]float64
	for _, s := range series {
		xs = append(xs, s.X)
	}
	if c.XSteps {
		var note string
		if series, note = thinnedAll(series, p.W-6*p.Font); note != "" {
			notes = append(notes, note)
		}
	}
	m := p.Font * 0.7
	box := p.Footnotes(notes, canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(c.Title, c.Subtitle, box)
	var entries []canvas.Entry
	if len(c.Series) > 1 || len(c.Guides) > 0 || c.Series[0].Name != "" {
		for i, s := range c.Series {
			entries = append(entries, s.entry(p, cmp.Or(s.Name, fmt.Sprintf("series %d", i+1)), i))
		}
	}
	for i, s := range c.Guides {
		entries = append(entries, canvas.LineEntry(s.Name, guidePen(p, i)))
	}
	marks := c.Timeline.over(p, f.X, xs...)
	labelX := p.SingleFrame(&f, box, append(entries, marks.entries(p)...))
	p.Gridlines(f)
	marks.draw(p, f)
	references(p, f, c.References)
	for i, s := range c.Guides {
		p.Curve(f, s.X, s.Y, guidePen(p, i))
	}
	for i, s := range series {
		band(p, f, s, canvas.WithAlpha(p.Theme.Series[i%len(p.Theme.Series)], bandAlpha))
	}
	for i, s := range series {
		s.drawSeedLines(p, f, p.Theme.Identity(i))
		s.draw(p, f, i)
		s.drawSeedMarks(p, f, p.Theme.Identity(i))
	}
	p.Axes(f, labelX, true)
}

// shapes tell series of marks apart without colour.
var shapes = []func(c *canvas.Path, at canvas.Point, r float64){
	(*canvas.Path).Circle, (*canvas.Path).Square, (*canvas.Path).Triangle, (*canvas.Path).Diamond, (*canvas.Path).DownTriangle,
}

// drawSeedLines draws a thin line for each seed of a series without Points.
func (s *Series) drawSeedLines(p *canvas.Page, f canvas.Frame, d canvas.Identity) {
	for _, q := range s.Seeds {
		if !s.Points {
			p.Curve(f, s.X, q.Y, canvas.Pen{Width: 0.5, Color: canvas.WithAlpha(d.Color, 0.6)})
		}
	}
}

// drawSeedMarks draws a small open circle for each value of each seed of a series with Points,
// over the marks of the means.
func (s *Series) drawSeedMarks(p *canvas.Page, f canvas.Frame, d canvas.Identity) {
	for _, q := range s.Seeds {
		for i, y := range q.Y {
			if at := f.At(s.X[i], y); s.Points && f.Box.Contains(at) {
				openMark(p, at, d)
			}
		}
	}
}

// openMark draws the mark of a single seed.
func openMark(p *canvas.Page, at canvas.Point, d canvas.Identity) {
	var c canvas.Path
	c.Circle(at, p.Font*0.17)
	p.Fill(c, p.Theme.Background)
	p.Stroke(c, canvas.Pen{Width: 0.6, Color: d.Color})
}

// marksAcross is how many marks a line across the whole frame has.
const marksAcross = 5

// drawMarks draws the mark of the i-th of n series at every value of a series with Points, and
// otherwise at a few places, which differ between series, so that lines that cover each other
// show marks of both.
func (s *Series) drawMarks(p *canvas.Page, f canvas.Frame, i, n int) {
	d := p.Theme.Identity(i)
	spacing := f.Box.W() / marksAcross
	next := f.Box.X0 + spacing*(float64(i)+0.5)/float64(n)
	for k, x := range s.X {
		at := f.At(x, s.Y[k])
		switch {
		case s.Points:
		case at.X < next || k == 0: // runs of one initialization begin at one place
			continue
		default:
			for next <= at.X {
				next += spacing
			}
		}
		if f.Box.Contains(at) {
			p.MarkAt(d, at, p.Font*0.28)
		}
	}
}

// end returns the last place of a series in a frame.
func (s *Series) end(f canvas.Frame) (canvas.Point, bool) {
	for k := len(s.X) - 1; k >= 0; k-- {
		if at := f.At(s.X[k], s.Y[k]); f.Box.Contains(at) {
			return at, true
		}
	}
	return canvas.Point{}, false
}

// draw draws the line of series i and its marks.
func (s *Series) draw(p *canvas.Page, f canvas.Frame, i int) {
	style := seriesPen(p, i)
	switch {
	case s.Stems:
		style.Dash = nil // gaps would cut short stems
		for k, y := range s.Y {
			p.Curve(f, []float64{s.X[k], s.X[k]}, []float64{f.Y.Lo, y}, style)
		}
	case s.Apart:
		p.Marks(f, s.X, s.Y, p.Font*apartRadius, style.Color, shapes[i%len(shapes)])
	case s.Points:
		p.Curve(f, s.X, s.Y, style)
		p.Dots(f, s.X, s.Y, p.Font*0.17, style.Color)
	default:
		p.Curve(f, s.X, s.Y, style)
	}
}

// apartRadius is the radius of marks without a line, in parts of the base font.
const apartRadius = 0.28

// entry names series i in the legend.
func (s *Series) entry(p *canvas.Page, text string, i int) canvas.Entry {
	style := seriesPen(p, i)
	if s.Stems {
		style.Dash = nil
	}
	if !s.Apart {
		return canvas.LineEntry(text, style)
	}
	return canvas.MarkEntry(text, func(p *canvas.Page, at canvas.Point) {
		var c canvas.Path
		shapes[i%len(shapes)](&c, at, p.Font*apartRadius)
		p.Fill(c, style.Color)
	})
}

func (c *Curves) notes(log bool) []string {
	return append(undrawn(c.Series, log), c.Notes...)
}

// undrawn returns a note for the values that have no place on the axis.
func undrawn(series []Series, log bool) []string {
	infinite, negative := 0, 0
	for _, s := range series {
		for _, v := range s.Y {
			if math.IsInf(v, 0) {
				infinite++
			} else if log && v <= 0 {
				negative++
			}
		}
	}
	var out []string
	if infinite > 0 {
		out = append(out, fmt.Sprintf("%d infinite values are not drawn.", infinite))
	}
	if negative > 0 {
		out = append(out, fmt.Sprintf("%d values that are not positive are not drawn on the logarithmic axis.",
			negative))
	}
	return out
}

// band fills the area between the two limits of a series, piece by piece where
// both are known; beyond the frame it is cut.
func band(p *canvas.Page, f canvas.Frame, s Series, c color.NRGBA) {
	var area canvas.Path
	var low, top []canvas.Point
	flush := func() {
		if len(low) > 1 {
			low, top = canvas.Columns(low, canvas.ColumnWidth), canvas.Columns(top, canvas.ColumnWidth)
			for i := len(low) - 1; i >= 0; i-- {
				top = append(top, low[i])
			}
			area.Polygon(top...)
		}
		low, top = nil, nil
	}
	cut := func(q canvas.Point) canvas.Point {
		q.Y = math.Max(f.Box.Y0, math.Min(f.Box.Y1, q.Y))
		return q
	}
	for i := range s.Low {
		a, b := s.Low[i], s.Top[i]
		if f.Y.Log && a <= 0 {
			a = f.Y.Lo // the band runs out of the bottom
		}
		if math.IsNaN(a) || math.IsNaN(b) || f.Y.Log && b <= 0 {
			flush()
			continue
		}
		low, top = append(low, cut(f.At(s.X[i], a))), append(top, cut(f.At(s.X[i], b)))
	}
	flush()
	p.Fill(area, c)
}

func (c *Curves) WithStyle(s Style) Figure { d := *c; d.Style = s; return &d }

// WithLabels implements Figure.
func (c *Curves) WithLabels(l Labels) Figure {
	d := *c
	l.replace(&d.Title, &d.Subtitle, &d.XLabel, &d.YLabel)
	return &d
}

func (c *Curves) WithScale(s Scale) Figure {
	d := *c
	if c.YScale == Auto && (s != Log || c.YFrom >= c.YTo && logarithmic(append(values(c.Series), c.References)...)) {
		d.YScale = s
	}
	return &d
}
