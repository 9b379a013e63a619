package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/record"
)

// Runs is a landscape with the paths of several runs in groups: one optimizer, or one
// setting, with several seeds. Every group has one colour and one mark, the ones that it has
// in [Panels] and [Dots] with the same order of groups. The first run of a group is drawn
// strong and the others are thin. Ends are named where they are. Where several ends are
// too close to tell apart, a second map shows that part larger.
type Runs struct {
	// Map has the loss, the title, the labels, the notes and the style; its Path and Paths
	// are empty. One unit is as long on both axes, unless the map would be too flat or too
	// high to read.
	Map    Landscape
	Groups []RunGroup // at least one
	// Apart draws a small map for every group instead of one map for all, so that paths are
	// seen that coincide with others.
	Apart bool
}

// RunGroup is the runs of one optimizer or of one setting.
type RunGroup struct {
	Name string // unique and not empty
	// Runs have names that are unique among all groups. The first one represents the group.
	Runs []LabelledPath
}

var _ Figure = (*Runs)(nil)

// Validate implements Figure.
func (r *Runs) Validate() error {
	if len(r.Map.Path)+len(r.Map.Paths) > 0 {
		return fmt.Errorf("%w: Runs.Map has a path; the paths of Runs are in its Groups", ErrInput)
	}
	if len(r.Groups) == 0 {
		return fmt.Errorf("%w: Runs.Groups is empty; it must have at least one", ErrInput)
	}
	groups, runs := make(map[string]bool), make(map[string]bool)
	for i, g := range r.Groups {
		if g.Name == "" || groups[g.Name] {
			return fmt.Errorf("%w: Runs.Groups[%d].Name is %q; names must be unique and not empty", ErrInput, i, g.Name)
		}
		groups[g.Name] = true
		if len(g.Runs) == 0 {
			return fmt.Errorf("%w: Runs.Groups[%d].Runs is empty; it must have at least one", ErrInput, i)
		}
		for k, q := range g.Runs {
			if q.Name == "" || runs[q.Name] {
				return fmt.Errorf("%w: Runs.Groups[%d].Runs[%d].Name is %q; names must be unique and not empty", ErrInput,
					i, k, q.Name)
			}
			runs[q.Name] = true
		}
	}
	return r.Map.Validate()
}

// Table implements Figure: the table of the landscape with the paths of all runs, and the
// group of every row of a path.
func (r *Runs) Table() record.Table {
	l := r.landscape()
	t := l.Table()
	run := t.Column("run")
	group := record.Column{Name: "group", Strings: make([]string, t.Len()), Valid: run.Valid}
	for i, name := range run.Strings {
		for _, g := range r.Groups {
			if slices.ContainsFunc(g.Runs, func(q LabelledPath) bool { return q.Name == name }) {
				group.Strings[i] = g.Name
			}
		}
	}
	t.Columns = slices.Insert(t.Columns, 2, group)
	return t
}

// landscape is the map with all paths.
func (r *Runs) landscape() *Landscape {
	l := r.Map
	for _, g := range r.Groups {
		l.Paths = append(l.Paths, g.Runs...)
	}
	return &l
}

// Alt implements Figure.
func (r *Runs) Alt() string {
	text := r.Map.Alt()
	text = text[:len(text)-1]
	for _, g := range r.Groups {
		points := g.Runs[0].Points
		if n := len(points); n > 0 {
			text += fmt.Sprintf("; %s ends at (%s, %s)", g.Name, canvas.Short(points[n-1].A), canvas.Short(points[n-1].B))
		}
		if d := g.offPlane(); d != "" {
			text += ", " + d
		}
	}
	return text + "."
}

// off returns how far the first run of a group is off the plane: in the median over the
// iterates after the start, and at the end. The start is left out because runs of one
// initialization have it in common. ok is false when no distance is known.
func (g *RunGroup) off() (middle, end float64, ok bool) {
	var all []float64
	for i, v := range g.Runs[0].Points {
		if i > 0 && canvas.Finite(v.Residual) {
			all = append(all, v.Residual)
		}
	}
	if len(all) == 0 || slices.Max(all) == 0 {
		return 0, 0, false
	}
	end = all[len(all)-1]
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2, end, true
}

// offPlane says how far the first run of a group is off the plane.
func (g *RunGroup) offPlane() string {
	middle, end, ok := g.off()
	if !ok {
		return ""
	}
	return fmt.Sprintf("off %s, end %s", twoDigits(middle), twoDigits(end))
}

// seedsOff returns how far the ends of the other runs of a group are off the plane, in order.
func (g *RunGroup) seedsOff() []float64 {
	var ends []float64
	for _, q := range g.Runs[1:] {
		if n := len(q.Points); n > 0 && canvas.Finite(q.Points[n-1].Residual) {
			ends = append(ends, q.Points[n-1].Residual)
		}
	}
	slices.Sort(ends)
	return ends
}

// seedsFar is by what factor the end of another seed is farther off the plane than that of the
// first run for a note: its thin line then shows little of it.
const seedsFar = 1.5

// seedsNote names the groups with seeds whose lines show little of them.
func (r *Runs) seedsNote() []string {
	var far []string
	for _, g := range r.Groups {
		if ends := g.seedsOff(); len(ends) > 0 {
			if _, end, ok := g.off(); ok && ends[len(ends)-1] > seedsFar*end {
				far = append(far, fmt.Sprintf("%s up to %s", g.Name, twoDigits(ends[len(ends)-1])))
			}
		}
	}
	if far == nil {
		return nil
	}
	return []string{"Other seeds end farther off the plane: " + strings.Join(far, ", ") + "."}
}

// twoDigits is enough for a distance that a reader compares with an axis.
func twoDigits(v float64) string {
	if v == 0 || !canvas.Finite(v) {
		return canvas.Short(v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-1)
	return canvas.Short(math.Round(v/unit) * unit)
}

// Heading implements Figure.
func (r *Runs) Heading() string { return cmp.Or(r.Map.Title, "Runs on one loss landscape") }

// Defaults implements Figure. The height is what the frames need: the figure is laid out once
// on a high sheet.
func (r *Runs) Defaults() (Style, float64) {
	const high = 3
	s := r.Map.Style.WithDefaults(high)
	if _, err := canvas.Fonts(); err != nil || s.Validate() != nil || r.Validate() != nil {
		return r.Map.Style, 1 // drawing reports the error
	}
	p := &canvas.Page{W: s.Width * 72, H: s.Width * 72 * high, Font: s.FontSize, Theme: canvas.ThemeOf(false)}
	p.Device = canvas.NewSVG(p.W, p.H, p.Theme.Background, "", "")
	relief := r.Map.Relief()
	bottom := 0.0
	if r.Apart {
		_, grid := r.layApart(p, &relief)
		bottom = grid.Bottom
	} else {
		bottom = r.lay(p, &relief).bottom
	}
	return r.Map.Style, (p.H - bottom + p.Font*0.7 + p.FootnoteRoom(r.notes(&relief), p.W-1.4*p.Font)) / p.W
}

func (r *Runs) notes(s *plane.Relief) []string {
	out := r.landscape().GridNotes(s)
	if r.Groups[0].offPlane() != "" {
		out = append(out, "off: distance from the plane in the units of the axes, median over the iterates after the start; "+
			"end: at the last iterate.")
		out = append(out, r.seedsNote()...)
	}
	if r.ratio() != r.trueRatio() {
		out = append(out, "The axes have different scales: at equal ones the map could not be read.")
	}
	return append(out, r.Map.Notes...)
}

// WithStyle implements Figure.
func (r *Runs) WithStyle(s Style) Figure { c := *r; c.Map.Style = s; return &c }

// WithLabels implements Figure.
func (r *Runs) WithLabels(t Labels) Figure {
	c := *r
	t.replace(&c.Map.Title, &c.Map.Subtitle, &c.Map.XLabel, &c.Map.YLabel)
	return &c
}

// WithScale implements Figure.
func (r *Runs) WithScale(s Scale) Figure {
	c := *r
	if l, ok := r.Map.WithScale(s).(*Landscape); ok {
		c.Map = *l
	}
	return &c
}

// trueRatio is the height over the width of the plane.
func (r *Runs) trueRatio() float64 {
	x, y := r.Map.X, r.Map.Y
	return (y[len(y)-1] - y[0]) / (x[len(x)-1] - x[0])
}

// ratio is the height over the width of a frame.
func (r *Runs) ratio() float64 { return min(max(r.trueRatio(), 0.3), 1.8) }
