package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/record"
)

// Composite puts several figures on one page, in rows of equal width, with a letter at each:
// a figure of a paper. All panels have one font size and one theme, and the frames of a
// column and of a row are aligned.
type Composite struct {
	Panels   []Figure // from the left, row by row
	Columns  int      // 1 to 6; 0 means 2 from DoubleColumn on, and otherwise 1
	Title    string   // over all panels; may be empty
	Subtitle string   // beneath the title in smaller letters
	Plain    bool     // without letters
	Style    Style
}

var _ Figure = (*Composite)(nil)

// mostPanels is the number of panels that have a letter.
const mostPanels = 26

// columns returns the number of columns at the width.
func (c *Composite) columns(width float64) int {
	n := c.Columns
	if n == 0 {
		n = 1
		if width >= DoubleColumn {
			n = 2
		}
	}
	return max(1, min(n, len(c.Panels)))
}

// Widths in inches: of the gap between panels, and of the margin around all.
const (
	panelGap    = 0.12
	panelMargin = 0.03
)

// Defaults implements Figure: a row is as high as its highest panel would be alone.
func (c *Composite) Defaults() (Style, float64) {
	s := c.Style.WithDefaults(1)
	heights, _ := c.rowHeights(s.Width)
	total := 2*panelMargin + panelGap*float64(len(heights)-1)
	for _, h := range heights {
		total += h
	}
	for _, text := range []string{c.Title, c.Subtitle} {
		if text != "" {
			total += 1.7 * s.FontSize / 72
		}
	}
	return c.Style, total / s.Width
}

// rowHeights returns the heights of the rows and the width of every panel, in inches.
func (c *Composite) rowHeights(width float64) (heights []float64, panel float64) {
	n := c.columns(width)
	panel = (width - 2*panelMargin - panelGap*float64(n-1)) / float64(n)
	for i, f := range c.Panels {
		own, _ := f.Defaults()
		own.Width, own.Height = panel, 0
		_, ratio := f.WithStyle(own).Defaults()
		if i%n == 0 {
			heights = append(heights, 0)
		}
		heights[i/n] = max(heights[i/n], panel*ratio)
	}
	return heights, panel
}

// Heading implements Figure.
func (c *Composite) Heading() string {
	if c.Title != "" {
		return c.Title
	}
	var parts []string
	for i, f := range c.Panels {
		parts = append(parts, c.letter(i)+f.Heading())
	}
	return strings.Join(parts, "; ")
}

// letter returns the name of panel i in a sentence.
func (c *Composite) letter(i int) string {
	if c.Plain {
		return ""
	}
	return string(rune('a'+i)) + ": "
}

// Validate implements Figure.
func (c *Composite) Validate() error {
	if n := len(c.Panels); n == 0 || n > mostPanels {
		return fmt.Errorf("%w: Composite.Panels has %d figures; it must have 1 to %d", ErrInput, n, mostPanels)
	}
	if c.Columns < 0 || c.Columns > 6 {
		return fmt.Errorf("%w: Composite.Columns is %d; it must be 0 to 6", ErrInput, c.Columns)
	}
	s := c.Style.WithDefaults(1)
	if _, width := c.rowHeights(s.Width); width < leastPanel {
		return fmt.Errorf("%w: %d columns at %.3g inches leave %.2f inches for a panel; a panel needs %g", ErrInput,
			c.columns(s.Width), s.Width, width, leastPanel)
	}
	for i, f := range c.Panels {
		if err := f.Validate(); err != nil {
			return fmt.Errorf("panel %d: %w", i+1, err)
		}
	}
	return nil
}

// leastPanel is the width of a panel in inches below which its labels have no room.
const leastPanel = 1.1

// Table implements Figure: the rows of all panels, with the letter of the panel and the
// columns of every panel.
func (c *Composite) Table() record.Table {
	letters := record.Column{Name: "letter", Strings: []string{}}
	var columns []record.Column
	total := 0
	for i, f := range c.Panels {
		t := f.Table()
		n := t.Len()
		for range n {
			letters.Strings = append(letters.Strings, string(rune('a'+i)))
		}
		for k := range t.Columns {
			at := matching(&columns, &t.Columns[k], total)
			appendValues(&columns[at], &t.Columns[k])
		}
		total += n
		for k := range columns {
			pad(&columns[k], total)
		}
	}
	return record.Table{Columns: append([]record.Column{letters}, columns...)}
}

// matching returns the index of the column with the name and the type of c, which it adds
// when there is none. Columns of one name and different types get different names.
func matching(columns *[]record.Column, c *record.Column, rows int) int {
	name := c.Name
	for n := 2; ; n++ {
		i := slices.IndexFunc(*columns, func(o record.Column) bool { return o.Name == name })
		if i < 0 {
			empty := record.Column{Name: name, Valid: []bool{}}
			switch {
			case c.Ints != nil:
				empty.Ints = []int64{}
			case c.Strings != nil:
				empty.Strings = []string{}
			case c.Bools != nil:
				empty.Bools = []bool{}
			default:
				empty.Floats = []float64{}
			}
			pad(&empty, rows)
			*columns = append(*columns, empty)
			return len(*columns) - 1
		}
		o := &(*columns)[i]
		if (o.Ints != nil) == (c.Ints != nil) && (o.Strings != nil) == (c.Strings != nil) && (o.Bools != nil) == (c.Bools != nil) {
			return i
		}
		name = fmt.Sprintf("%s_%d", c.Name, n)
	}
}

// appendValues appends the values of c, which has the type of to.
func appendValues(to, c *record.Column) {
	to.Ints, to.Strings, to.Bools = append(to.Ints, c.Ints...), append(to.Strings, c.Strings...), append(to.Bools, c.Bools...)
	to.Floats = append(to.Floats, c.Floats...)
	for _, v := range c.Singles {
		to.Floats = append(to.Floats, float64(v))
	}
	for i := range c.Len() {
		to.Valid = append(to.Valid, c.Valid == nil || c.Valid[i])
	}
}

// pad lengthens a column to n rows with absent values.
func pad(c *record.Column, n int) {
	for c.Len() < n {
		switch {
		case c.Ints != nil:
			c.Ints = append(c.Ints, 0)
		case c.Strings != nil:
			c.Strings = append(c.Strings, "")
		case c.Bools != nil:
			c.Bools = append(c.Bools, false)
		default:
			c.Floats = append(c.Floats, 0)
		}
		c.Valid = append(c.Valid, false)
	}
}

// Alt implements Figure.
func (c *Composite) Alt() string {
	var parts []string
	for i, f := range c.Panels {
		parts = append(parts, c.letter(i)+f.Alt())
	}
	return strings.Join(parts, " ")
}

// WithStyle implements Figure.
func (c *Composite) WithStyle(s Style) Figure { d := *c; d.Style = s; return &d }

// WithScale implements Figure.
func (c *Composite) WithScale(s Scale) Figure {
	d := *c
	d.Panels = nil
	for _, f := range c.Panels {
		d.Panels = append(d.Panels, f.WithScale(s))
	}
	return &d
}

// WithLabels implements Figure. A title and a subtitle stand over all panels, and empty ones
// are left out of the panels too; the labels of the y axes are those of the panels in their
// order.
func (c *Composite) WithLabels(l Labels) Figure {
	d := *c
	x := "" // every panel has its own
	l.replace(&d.Title, &d.Subtitle, &x)
	d.Panels = nil
	for i, f := range c.Panels {
		own := Labels{XLabel: l.XLabel}
		if l.Title != nil && *l.Title == "" {
			own.Title = l.Title
		}
		if l.Subtitle != nil && *l.Subtitle == "" {
			own.Subtitle = l.Subtitle
		}
		if i < len(l.YLabels) {
			own.YLabels = l.YLabels[i : i+1]
		}
		d.Panels = append(d.Panels, f.WithLabels(own))
	}
	return &d
}

// inset is how much smaller than its cell the page of a panel is, in points.
type inset struct{ left, right, bottom, top float64 }

// Draw implements Figure.
func (c *Composite) Draw(p *canvas.Page) {
	m := panelMargin * 72
	box := canvas.Box(m, m, p.W-m, p.H-m)
	box = p.Heading(c.Title, c.Subtitle, box)
	cells := c.cells(p, box)
	insets := c.align(p, cells)
	for i, f := range c.Panels {
		f.Draw(c.page(p, p.Device, i, cells[i], insets[i]))
	}
}

// cells returns where the panels go.
func (c *Composite) cells(p *canvas.Page, box canvas.Rect) []canvas.Rect {
	heights, _ := c.rowHeights(p.W / 72)
	n, gap := c.columns(p.W/72), panelGap*72
	total := 0.0
	for _, h := range heights {
		total += h
	}
	room := box.H() - gap*float64(len(heights)-1)
	width := (box.W() - gap*float64(n-1)) / float64(n)
	var cells []canvas.Rect
	y := box.Y1
	for row, h := range heights {
		h *= room / total
		for k := range min(n, len(c.Panels)-row*n) {
			x := box.X0 + float64(k)*(width+gap)
			cells = append(cells, canvas.Box(x, y-h, x+width, y))
		}
		y -= h + gap
	}
	return cells
}

// page returns the page of panel i, on a device.
func (c *Composite) page(p *canvas.Page, d canvas.Device, i int, cell canvas.Rect, in inset) *canvas.Page {
	sub := &canvas.Page{
		Device: canvas.Moved(d, canvas.Pt(cell.X0+in.left, cell.Y0+in.bottom)),
		W:      cell.W() - in.left - in.right, H: cell.H() - in.bottom - in.top, Font: p.Font, Theme: p.Theme,
	}
	if !c.Plain {
		sub.Letter, sub.Corner = string(rune('a'+i)), canvas.Pt(-in.left, in.top)
	}
	return sub
}

// align returns the insets that put the frames of a column under each other, and the frames of
// a row side by side. What a panel has around its frame depends on the size of its page, so
// the panels are laid out a few times.
func (c *Composite) align(p *canvas.Page, cells []canvas.Rect) []inset {
	insets := make([]inset, len(cells))
	n := c.columns(p.W / 72)
	for range 4 {
		around := make([]inset, len(cells)) // of every frame to its cell
		framed := make([]bool, len(cells))
		for i, f := range c.Panels {
			sub := c.page(p, canvas.Nothing{}, i, cells[i], insets[i])
			f.Draw(sub)
			if frames, ok := sub.Frames(); ok {
				framed[i] = true
				around[i] = inset{frames.X0, sub.W - frames.X1, frames.Y0, sub.H - frames.Y1}
			}
		}
		for i := range cells {
			if !framed[i] {
				continue
			}
			var column, row []inset
			for k := range cells {
				if framed[k] && k%n == i%n {
					column = append(column, around[k])
				}
				if framed[k] && k/n == i/n {
					row = append(row, around[k])
				}
			}
			most := 0.3 * cells[i].W()
			insets[i] = inset{
				left:   missing(around[i], column, most, func(x inset) float64 { return x.left }),
				right:  missing(around[i], column, most, func(x inset) float64 { return x.right }),
				bottom: missing(around[i], row, most, func(x inset) float64 { return x.bottom }),
				top:    missing(around[i], row, most, func(x inset) float64 { return x.top }),
			}
		}
	}
	return insets
}

// missing returns how much one side of a frame has less around it than the side of the others
// that has most. A side that has far more, such as that of a map at equal units, is not
// aligned: the others would lose too much of their room.
func missing(own inset, others []inset, most float64, side func(inset) float64) float64 {
	room := 0.0
	for _, o := range others {
		if more := side(o) - side(own); more <= most {
			room = max(room, more)
		}
	}
	return room
}

// Part is one of the panels of a figure, as a figure of its own.
type Part struct {
	Name   string
	Figure Figure
}

// Parts returns the panels of a figure that has several; nil for every other figure.
func Parts(f Figure) []Part {
	if parted, ok := f.(interface{ parts() []Part }); ok {
		return parted.parts()
	}
	return nil
}

// partName makes a name for a command line of a label.
func partName(label string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(label) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return cmp.Or(strings.Trim(b.String(), "_"), "panel")
}

func (c *Panels) parts() []Part {
	var out []Part
	for i := range c.Panels {
		one := *c
		one.Panels = c.Panels[i : i+1]
		out = append(out, Part{partName(c.Panels[i].YLabel), &one})
	}
	return out
}

func (w *Walk) parts() []Part {
	loss := *w
	loss.Height, loss.Cosine, loss.Cosine2, loss.Distance = nil, nil, nil, nil
	s := w.series()
	out := []Part{{"loss", &loss}}
	curves := func(name, label string, scale Scale, series ...Series) {
		out = append(out, Part{name, &Curves{
			Title: w.Title, Subtitle: w.Subtitle, XLabel: cmp.Or(w.XLabel, "step"), XWhole: true, XSteps: true, YLabel: label,
			YScale: scale, Series: series, Timeline: w.Timeline, Style: w.Style,
		}})
	}
	if w.Height != nil {
		var heights []Series
		if null := w.null(); len(null.X) > 0 {
			null.Name, null.Y = cmp.Or(w.NullName, "null"), make([]float64, len(null.X))
			for i := range null.Y {
				null.Y[i] = math.NaN()
			}
			heights = append(heights, null)
		}
		heights = append(heights, Series{Name: "steps of the run", X: s.heightX, Y: w.Height, Apart: true})
		curves("height", "height above the floor", Auto, heights...)
	}
	var cosines []Series
	for _, c := range []struct {
		name   string
		values []float64
		is     bool
	}{
		{cmp.Or(w.CosineLabel, "consecutive gradients"), s.cos, w.Cosine != nil},
		{cmp.Or(w.Cosine2Label, "consecutive updates"), s.cos2, w.Cosine2 != nil},
	} {
		if c.is {
			cosines = append(cosines, gapless(c.name, s.iterX, c.values))
		}
	}
	if cosines != nil {
		curves("cosine", "cosine", Linear, cosines...)
	}
	if w.Distance != nil {
		curves("distance", "distance from \u03b8_{0}", Linear, gapless("", s.iterX, s.dist))
	}
	return out
}

// gapless returns a series without the places that have no x.
func gapless(name string, x, y []float64) Series {
	s := Series{Name: name}
	for i := range x {
		if x[i] == x[i] {
			s.X, s.Y = append(s.X, x[i]), append(s.Y, y[i])
		}
	}
	return s
}
