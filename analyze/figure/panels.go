package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Panels is several line plots under each other over one axis, with one legend:
// the per-step quantities of several runs. A name has the same pen in all panels; a
// panel may leave some names out.
type Panels struct {
	Panels   []Panel // from the top
	Title    string
	Subtitle string // beneath the title in smaller letters: the run
	XLabel   string
	XWhole   bool     // ticks on x are whole numbers: steps, epochs
	XSteps   bool     // x is the step of one run, so that [Marked] marks its epochs
	Timeline Timeline // the marks of [Marked], in every panel
	XScale   Scale    // "" is Linear
	XZero    bool     // a logarithmic x axis has a place for zero at its left end
	// Groups are the names in the order of their colours and marks, when lines are groups of
	// runs: lines then have marks, and are named at their ends. nil is the order in which names
	// first appear, and no marks.
	Groups []string
	Notes  []string
	Style  Style
}

// Panel is one of several plots over one axis.
type Panel struct {
	Series []Series // may be empty: the panel then shows "no values"
	YLabel string
	YScale Scale // Auto takes a logarithm when all is positive and spans LogRatio
	// LogRatio is as in [Curves].
	LogRatio float64
	// YFrom and YTo are the ends of the y axis, as in [Curves]; both 0 choose them.
	YFrom, YTo float64
	// References are the values of horizontal lines to compare the series with, for
	// example zero for a cosine. The axis contains them.
	References []float64
}

var _ Figure = (*Panels)(nil)

func (c *Panels) Defaults() (Style, float64) {
	each := 0.21
	if c.Style.Width != 0 && c.Style.Width < 5 {
		each = 0.36
	}
	// A figure longer than a page is of no use; many panels get flat.
	return c.Style, math.Min(0.16+each*float64(len(c.Panels)), 2.2)
}

func (c *Panels) Heading() string { return cmp.Or(c.Title, "Curves") }

// Validate implements Figure.
func (c *Panels) Validate() error {
	if len(c.Panels) == 0 {
		return fmt.Errorf("%w: Panels.Panels is empty; it must have at least one", ErrInput)
	}
	if err := c.XScale.validate("Panels.XScale"); err != nil {
		return err
	}
	for i := range c.Panels {
		q := &c.Panels[i]
		name := fmt.Sprintf("Panels.Panels[%d]", i)
		seen := make(map[string]bool)
		for k := range q.Series {
			if err := q.Series[k].validate(fmt.Sprintf("%s.Series[%d]", name, k), c.xScale()); err != nil {
				return err
			}
			if n := q.Series[k].Name; seen[n] {
				return fmt.Errorf("%w: %s.Series[%d].Name is %q again; names in a panel must differ",
					ErrInput, name, k, n)
			}
			seen[q.Series[k].Name] = true
		}
		if err := q.validate(name); err != nil {
			return err
		}
	}
	return nil
}

// xScale is what the values of x must have a place on.
func (c *Panels) xScale() Scale {
	if c.XZero {
		return Linear
	}
	return c.XScale
}

func (q *Panel) validate(name string) error {
	if err := q.YScale.validate(name + ".YScale"); err != nil {
		return err
	}
	return validateY(name, q.YFrom, q.YTo, q.References, q.YScale)
}

// names returns the names of all series in the order in which they first appear:
// the index of a name is the index of its pen.
func (c *Panels) names() []string {
	out := slices.Clone(c.Groups)
	for _, q := range c.Panels {
		for _, s := range q.Series {
			if !slices.Contains(out, s.Name) {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// first returns the first series of a name.
func (c *Panels) first(name string) *Series {
	for _, q := range c.Panels {
		for i := range q.Series {
			if q.Series[i].Name == name {
				return &q.Series[i]
			}
		}
	}
	return new(Series)
}

// Table implements Figure: one row per value, panel after panel.
func (c *Panels) Table() record.Table {
	type panelRow struct {
		Panel string `col:"panel"`
		seriesRow
	}
	var t column.Builder[panelRow]
	for i, q := range c.Panels {
		for _, s := range q.Series {
			s.addTo(func(r seriesRow) { t.Add(panelRow{q.name(i), r}) })
		}
	}
	return t.Table()
}

// name of panel i, from 0, in tables and sentences.
func (q *Panel) name(i int) string { return cmp.Or(q.YLabel, fmt.Sprintf("panel %d", i+1)) }

// Alt implements Figure.
func (c *Panels) Alt() string {
	text := fmt.Sprintf("%d panels over %s", len(c.Panels), cmp.Or(c.XLabel, "x"))
	for i, q := range c.Panels {
		text += "; " + q.name(i)
		for k, s := range q.Series {
			sep := ","
			if k == 0 {
				sep = ":"
			}
			if from, to, ok := s.ends(); ok {
				text += fmt.Sprintf("%s %s from %s to %s",
					sep, cmp.Or(s.Name, "the series"), canvas.Short(from), canvas.Short(to))
			}
		}
	}
	return text + "."
}

// yAxis returns the axis of a panel.
func (q *Panel) yAxis() canvas.Axis {
	ys := append(values(q.Series), q.References)
	out := canvas.Spread(q.YScale == Log || q.YScale == Auto && canvas.WantsLog(cmp.Or(q.LogRatio, 100), ys...), ys...)
	if q.YFrom < q.YTo {
		out.Lo, out.Hi = q.YFrom, q.YTo
	}
	out.Label = q.YLabel
	return out
}

func (c *Panels) Draw(p *canvas.Page) {
	var xs [][]float64
	for _, q := range c.Panels {
		for _, s := range q.Series {
			xs = append(xs, s.X)
		}
	}
	x := canvas.SpreadBy(0.015, c.XScale == Log, xs...)
	x.Whole, x.Label, x.Zero = c.XWhole, c.XLabel, c.XZero
	names := c.names()
	margin := 0.0 // on the right, for names of lines that end there
	if c.endAtRight(x) {
		margin = p.CalloutRoom(names)
	}
	panels := make([]canvas.Stacked, len(c.Panels))
	marks := c.Timeline.over(p, x, xs...)
	var notes []string
	for i := range c.Panels {
		q := c.Panels[i] // a copy, whose series may be thinned
		y := q.yAxis()
		for _, n := range undrawn(q.Series, y.Log) {
			notes = append(notes, fmt.Sprintf("%s: %s", q.name(i), n))
		}
		if c.XSteps {
			var note string
			if q.Series, note = thinnedAll(q.Series, p.W-6*p.Font); note != "" && !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
		panels[i] = canvas.Stacked{Y: y, Weight: 1, Draw: func(f canvas.Frame) {
			marks.draw(p, f)
			q.draw(p, f, names, c.Groups != nil, margin)
		}}
	}
	var entries []canvas.Entry
	if len(names) > 1 || len(names) == 1 && names[0] != "" {
		for i, n := range names {
			entry := c.first(n).entry(p, cmp.Or(n, "unnamed"), i)
			if c.Groups != nil {
				entry = canvas.IdentityEntry(n, p.Theme.Identity(i))
			}
			entries = append(entries, entry)
		}
	}
	entries = append(entries, marks.entries(p)...)
	m := p.Font * 0.7
	box := p.Footnotes(append(notes, c.Notes...), canvas.Box(m, m, p.W-m, p.H-m))
	box = p.Heading(c.Title, c.Subtitle, box)
	box.X1 -= margin
	p.Stack(panels, x, box, entries)
}

func (q *Panel) draw(p *canvas.Page, f canvas.Frame, names []string, groups bool, margin float64) {
	values := 0
	for _, s := range q.Series {
		band(p, f, s, canvas.WithAlpha(p.Theme.Series[slices.Index(names, s.Name)%len(p.Theme.Series)], bandAlpha))
		values += len(s.X)
	}
	references(p, f, q.References)
	for _, s := range q.Series {
		s.drawSeedLines(p, f, p.Theme.Identity(slices.Index(names, s.Name)))
	}
	for _, s := range q.Series {
		s.draw(p, f, slices.Index(names, s.Name))
	}
	if groups {
		nameEnds(p, f, q.Series, names, margin)
	}
	if values == 0 {
		p.Label("no values", 1, p.Theme.Muted).Draw(p, canvas.Pt((f.Box.X0+f.Box.X1)/2, (f.Box.Y0+f.Box.Y1)/2), 0.5,
			0.5)
	}
}

// nearRight is the part of a frame beyond which a line ends at its right side.
const nearRight = 0.9

// endAtRight reports whether lines of several groups end at the right side of the frame, where
// their names have no room within it.
func (c *Panels) endAtRight(x canvas.Axis) bool {
	if len(c.Groups) < 2 {
		return false
	}
	lines, ends := 0, 0
	for _, q := range c.Panels {
		for _, s := range q.Series {
			if n := len(s.X); n > 0 {
				lines++
				if x.Pos(s.X[n-1]) > nearRight {
					ends++
				}
			}
		}
	}
	return 3*ends > lines
}

// nameEnds draws the marks of groups and names their lines at the ends, in the frame or in a
// margin on its right.
func nameEnds(p *canvas.Page, f canvas.Frame, series []Series, names []string, margin float64) {
	var inside, outside []canvas.Callout
	var lines []canvas.Point
	for _, s := range series {
		i := slices.Index(names, s.Name)
		s.drawMarks(p, f, i, len(names))
		s.drawSeedMarks(p, f, p.Theme.Identity(i))
		lines = append(lines, s.onFrame(f)...)
		if at, ok := s.end(f); ok && len(names) > 1 {
			d := p.Theme.Identity(i)
			q := canvas.Callout{At: at, Text: s.Name, Identity: &d}
			if margin > 0 && at.X > f.Box.X0+nearRight*f.Box.W() {
				outside = append(outside, q)
			} else {
				inside = append(inside, q)
			}
		}
	}
	p.Callouts(inside, f.Box, lines)
	p.MarginCallouts(outside, f.Box)
}

// onFrame returns points along the line of a series, about two points of the page apart.
func (s *Series) onFrame(f canvas.Frame) []canvas.Point {
	pts := make([]canvas.Point, len(s.X))
	for k, x := range s.X {
		pts[k] = f.At(x, s.Y[k])
	}
	return canvas.Along(canvas.ClipPolyline(canvas.Decimate(pts, 1), f.Box), 2)
}

func (c *Panels) WithStyle(s Style) Figure { d := *c; d.Style = s; return &d }

// WithLabels implements Figure.
func (c *Panels) WithLabels(l Labels) Figure {
	d := *c
	d.Panels = slices.Clone(c.Panels)
	labels := make([]*string, len(d.Panels))
	for i := range d.Panels {
		labels[i] = &d.Panels[i].YLabel
	}
	l.replace(&d.Title, &d.Subtitle, &d.XLabel, labels...)
	return &d
}

func (c *Panels) WithScale(s Scale) Figure {
	d := *c
	d.Panels = append([]Panel(nil), c.Panels...)
	for i := range d.Panels {
		q := &d.Panels[i]
		if q.YScale == Auto && (s != Log || q.YFrom >= q.YTo && logarithmic(append(values(q.Series), q.References)...)) {
			q.YScale = s
		}
	}
	return &d
}
