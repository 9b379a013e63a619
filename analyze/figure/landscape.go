package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/record"
)

// Landscape is a loss over a plane as filled contours, with the path of a run, or
// of several, projected onto it. With Map it shows another quantity: an accuracy, an
// eigenvalue of either sign.
//
// Contours are marching squares. Between grid points the loss is interpolated by
// parabolas that are exact for a quadratic and do not overshoot at a cliff. It has
// its own value at every grid point; nothing is smoothed. Grid points that are not Valid, NaN
// or -Inf leave grey hatched cells; +Inf leaves cells in the colour of the top,
// hatched. Both are counted under the figure.
type Landscape struct {
	X, Y  []float64   // coordinates of the grid, strictly increasing, at least 2
	Z     [][]float64 // Z[j][i] is the loss at (X[i], Y[j]): len(Y) rows of len(X)
	Valid [][]bool    // false where Z was not evaluated; nil if all were

	Path  []PathPoint    // in order of steps; may be empty or leave the grid
	Paths []LabelledPath // several runs instead of Path, drawn in this order

	Title    string
	Subtitle string // beneath the title in smaller letters: the run
	XLabel   string // with what the caller knows of the direction: "PC 1 (62 % of variance; random walk 61 %)"
	YLabel   string
	ZLabel   string // "" is "full training loss"
	ZName    string // of the column in the table; "" is "full_loss"

	Map        Map       // what the colours mean; "" is Sequential
	Scale      Scale     // of the levels; Auto is Log for a positive loss over a factor of 20 with a Sequential Map
	Levels     []float64 // strictly increasing; nil chooses them with [Levels]
	LevelCount int       // about how many are chosen, 2 to 100; 0 is 11
	// FreeAxes fills the width with each axis on its own scale. Without it one unit is as long on
	// both axes, so that angles are right; a map that would be too flat or too narrow to read is
	// stretched, and the figure says how much.
	FreeAxes bool
	// Units are the lengths of one unit of X and of Y, for directions that are not unit vectors;
	// 0 is 1.
	Units    [2]float64
	PathLoss bool     // mark iterates of Path or Paths with the colour of their Loss; at least one must have one
	Mosaic   bool     // every grid point is a tile of its colour, without contours: a grid with many points missing
	Notes    []string // printed under the figure
	Style    Style
}

var _ Figure = (*Landscape)(nil)

func (l *Landscape) Defaults() (Style, float64) {
	free, high := 0.74, 0.95
	if l.Style.Width != 0 && l.Style.Width < 5 {
		free, high = 1.1, 1.25
	}
	if l.FreeAxes {
		return l.Style, free
	}
	switch a := l.aspect(); {
	case a < flat:
		high = 2 // as high as its words need
	case a < 1.1:
		high = free
	}
	return l.Style, min(high, l.wideRatio())
}

// wideRatio is the height over the width of a figure whose frame, at equal units on
// both axes, is as wide as it can be: a wide plane would stand over empty paper
// otherwise. It is laid out once on a high sheet to see what stays empty.
func (l *Landscape) wideRatio() float64 {
	const high = 2
	s := l.Style.WithDefaults(high)
	if _, err := canvas.Fonts(); err != nil || s.Validate() != nil || l.Validate() != nil {
		return high // drawing reports the error
	}
	w, h := s.Width*72, s.Width*72*high
	p := &canvas.Page{
		Device: canvas.NewSVG(w, h, canvas.ThemeOf(s.Theme == Dark).Background, "", ""), W: w, H: h,
		Font: s.FontSize, Theme: canvas.ThemeOf(s.Theme == Dark),
	}
	z := l.Relief()
	at := l.lay(p, &z, plane.NewPens(l.Trails()), false, 0)
	return (h - at.spare) / w
}

func (l *Landscape) Heading() string { return cmp.Or(l.Title, "Loss landscape") }

// Validate implements Figure.
func (l *Landscape) Validate() error {
	for _, a := range []struct {
		name string
		v    []float64
	}{{"X", l.X}, {"Y", l.Y}} {
		if len(a.v) < 2 {
			return fmt.Errorf("%w: Landscape.%s has %d values; a grid has at least 2", ErrInput, a.name, len(a.v))
		}
		for i, v := range a.v {
			if math.IsNaN(v) || math.IsInf(v, 0) || i > 0 && v <= a.v[i-1] {
				return fmt.Errorf("%w: Landscape.%s[%d] is %v; coordinates must be finite and increase",
					ErrInput, a.name, i, v)
			}
		}
	}
	if len(l.Z) != len(l.Y) {
		return fmt.Errorf("%w: Landscape.Z has %d rows; Y has %d values", ErrInput, len(l.Z), len(l.Y))
	}
	if l.Valid != nil && len(l.Valid) != len(l.Y) {
		return fmt.Errorf("%w: Landscape.Valid has %d rows; Y has %d values", ErrInput, len(l.Valid), len(l.Y))
	}
	for j := range l.Z {
		if len(l.Z[j]) != len(l.X) {
			return fmt.Errorf("%w: Landscape.Z[%d] has %d values; X has %d", ErrInput, j, len(l.Z[j]), len(l.X))
		}
		if l.Valid != nil && len(l.Valid[j]) != len(l.X) {
			return fmt.Errorf("%w: Landscape.Valid[%d] has %d values; X has %d", ErrInput, j, len(l.Valid[j]), len(l.X))
		}
	}
	for i, v := range l.Units {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%w: Landscape.Units[%d] is %v; it must be a length, or 0 for 1", ErrInput, i, v)
		}
	}
	for i, v := range l.Levels {
		if math.IsNaN(v) || math.IsInf(v, 0) || i > 0 && v <= l.Levels[i-1] {
			return fmt.Errorf("%w: Landscape.Levels[%d] is %v; levels must be finite and increase", ErrInput, i, v)
		}
		if l.Scale == Log && v <= 0 {
			return fmt.Errorf("%w: Landscape.Levels[%d] is %v; levels of a logarithmic scale must be positive",
				ErrInput, i, v)
		}
	}
	if l.LevelCount != 0 && (l.LevelCount < 2 || l.LevelCount > 100) {
		return fmt.Errorf("%w: Landscape.LevelCount is %d; it must be between 2 and 100", ErrInput, l.LevelCount)
	}
	if err := l.Map.validate("Landscape.Map"); err != nil {
		return err
	}
	if l.Map == Diverging && l.Scale == Log {
		return fmt.Errorf("%w: Landscape.Scale is %q with Map %q; values of both signs have no logarithm",
			ErrInput, Log,
			Diverging)
	}
	if err := l.validatePaths(); err != nil {
		return err
	}
	return l.Scale.validate("Landscape.Scale")
}

// Table implements Figure: the grid, row by row, and then the paths, one after
// the other. The columns of the other kind are absent; a path has a value only
// where its Loss is known.
func (l *Landscape) Table() record.Table {
	trails := l.Trails()
	n := len(l.X) * len(l.Y)
	for _, t := range trails {
		n += len(t.Points)
	}
	kind, run := make([]string, n), make([]string, n)
	a, b, loss, residual := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	step, epoch := make([]int64, n), make([]int64, n)
	evaluated, onPath := make([]bool, n), make([]bool, n)
	r := 0
	for j, y := range l.Y {
		for i, x := range l.X {
			kind[r], a[r], b[r], loss[r] = "grid", x, y, l.Z[j][i]
			evaluated[r] = l.Valid == nil || l.Valid[j][i]
			r++
		}
	}
	for _, t := range trails {
		for _, q := range t.Points {
			kind[r], run[r], a[r], b[r], residual[r] = "path", t.Name, q.A, q.B, q.Residual
			step[r], epoch[r], onPath[r] = int64(q.Step), int64(q.Epoch), true
			loss[r], evaluated[r] = q.Loss, q.HasLoss()
			r++
		}
	}
	return record.Table{Columns: []record.Column{
		{Name: "kind", Strings: kind},
		{Name: "run", Strings: run, Valid: onPath},
		{Name: "a", Floats: a},
		{Name: "b", Floats: b},
		{Name: cmp.Or(l.ZName, "full_loss"), Floats: loss, Valid: evaluated},
		{Name: "step", Ints: step, Valid: onPath},
		{Name: "epoch", Ints: epoch, Valid: onPath},
		{Name: "residual", Floats: residual, Valid: onPath},
	}}
}

// Alt implements Figure.
func (l *Landscape) Alt() string {
	s := l.Relief()
	text := fmt.Sprintf("Contours of the %s on a grid of %d by %d points over %s and %s, from %s to %s",
		cmp.Or(l.ZLabel, "full training loss"), len(l.X), len(l.Y),
		cmp.Or(l.XLabel, "the first direction"), cmp.Or(l.YLabel, "the second"), canvas.Short(s.Min),
		canvas.Short(s.Max))
	return text + pathsAlt(l.Trails()) + "."
}

// pathsAlt describes where each path begins and ends.
func pathsAlt(trails []plane.Trail) string {
	text := ""
	for _, t := range trails {
		if n := len(t.Points); n > 1 {
			first, last := t.Points[0], t.Points[n-1]
			text += fmt.Sprintf("; %s runs from (%s, %s) at step %d to (%s, %s) at step %d", t.Whom(),
				canvas.Short(first.A), canvas.Short(first.B), first.Step, canvas.Short(last.A), canvas.Short(last.B),
				last.Step)
		}
	}
	return text
}

func (l *Landscape) Relief() plane.Relief {
	n := len(l.X) * len(l.Y)
	s := plane.Relief{
		Field:    plane.Field{X: l.X, Y: l.Y, Z: make([]float64, n), OK: make([]bool, n)},
		Infinite: make([]bool, n),
	}
	s.Diverging, s.Reversed = l.Map == Diverging, l.Map == Reversed
	s.Min, s.Max = math.NaN(), math.NaN()
	var finite []float64
	for j := range l.Y {
		for i, v := range l.Z[j] {
			k := j*len(l.X) + i
			s.Z[k] = v
			switch {
			case l.Valid != nil && !l.Valid[j][i] || math.IsNaN(v) || math.IsInf(v, -1):
				s.Missing++
			case math.IsInf(v, 1):
				s.Infinite[k] = true
				s.InfCount++
			default:
				s.OK[k] = true
				finite = append(finite, v)
			}
		}
	}
	if len(finite) == 0 {
		return s
	}
	slices.Sort(finite)
	s.Min, s.Max = finite[0], finite[len(finite)-1]
	s.Log = l.isLog(s.Min, s.Max)
	s.Lo, s.Hi = plane.DisplayRange(finite, s.Log)
	if s.Levels = l.Levels; s.Levels == nil {
		s.Levels = canvas.Levels(s.Lo, s.Hi, s.Log, l.LevelCount)
	} else {
		s.Lo, s.Hi = math.Min(s.Lo, s.Levels[0]), math.Max(s.Hi, s.Levels[len(s.Levels)-1])
	}
	for _, v := range finite {
		if v < s.Lo {
			s.Below++
		}
		if v > s.Hi {
			s.Above++
		}
	}
	return s
}

func (l *Landscape) validatePaths() error {
	if len(l.Path) > 0 && len(l.Paths) > 0 {
		return fmt.Errorf("%w: Landscape.Path and Paths have %d and %d; one of them must be empty",
			ErrInput, len(l.Path),
			len(l.Paths))
	}
	seen := make(map[string]int)
	for i, q := range l.Paths {
		if q.Name == "" {
			return fmt.Errorf("%w: Landscape.Paths[%d].Name is empty; the legend needs one", ErrInput, i)
		}
		if k, ok := seen[q.Name]; ok {
			return fmt.Errorf("%w: Landscape.Paths[%d].Name is %q as of Paths[%d]; names must differ",
				ErrInput, i, q.Name, k)
		}
		seen[q.Name] = i
	}
	if !l.PathLoss {
		return nil
	}
	for _, t := range l.Trails() {
		if slices.ContainsFunc(t.Points, PathPoint.HasLoss) {
			return nil
		}
	}
	return fmt.Errorf("%w: Landscape.PathLoss is set, but no iterate of a path has a Loss", ErrInput)
}

// LabelledPath is the path of one of several runs on one plane.
type LabelledPath struct {
	Name   string // in the legend; unique and not empty
	Points []PathPoint
}

// Trails returns the paths to draw: the one path or the several.
func (l *Landscape) Trails() []plane.Trail {
	if len(l.Path) > 0 {
		return []plane.Trail{plane.LoneTrail(l.Path)}
	}
	var out []plane.Trail
	for i, q := range l.Paths {
		out = append(out, plane.TrailAmong(i, q.Name, q.Points))
	}
	return out
}

func (l *Landscape) WithStyle(s Style) Figure { c := *l; c.Style = s; return &c }

// WithLabels implements Figure.
func (l *Landscape) WithLabels(t Labels) Figure {
	c := *l
	t.replace(&c.Title, &c.Subtitle, &c.XLabel, &c.YLabel)
	return &c
}

func (l *Landscape) WithScale(s Scale) Figure {
	c := *l
	if s != Log || l.Map != Diverging {
		c.Scale = s
	}
	return &c
}

// PathPoint is an iterate on the plane: its coordinates A and B in the units of X and
// Y, its distance from the plane (Residual), its Step and Epoch, its own Loss, and the loss
// of its projection onto the plane (PlaneLoss).
type PathPoint = plane.PathPoint

// isLog reports whether values from lo to hi have levels on a logarithmic scale.
func (l *Landscape) isLog(lo, hi float64) bool {
	isLoss := l.Map == "" || l.Map == Sequential
	return lo > 0 && (l.Scale == Log || l.Scale == Auto && isLoss && hi/lo >= 20)
}

// LevelsBetween returns the contour levels of the landscape if its values run from lo to
// hi, before they are known: a grid is refined around them.
func (l *Landscape) LevelsBetween(lo, hi float64) []float64 {
	if l.Levels != nil {
		return l.Levels
	}
	return canvas.Levels(lo, hi, l.isLog(lo, hi), l.LevelCount)
}
