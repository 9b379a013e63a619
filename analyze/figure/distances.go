package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Distances is a symmetric matrix of distances between the checkpoints of a series, as a
// square of coloured tiles. Both axes have the checkpoints in order, at equal distances
// whatever their steps are. Tiles of distance zero are black: on the diagonal, and where two
// checkpoints are equal. Tiles without a distance are grey and hatched.
type Distances struct {
	Steps  []int64     // of the checkpoints, increasing, at least 1
	Values [][]float64 // Values[i][j] between checkpoints i and j; not negative, symmetric, NaN where not known
	Marks  []Mark      // steps that are marked at the top and at the right side

	Title      string
	Subtitle   string // beneath the title in smaller letters: the run
	XLabel     string // "" is "checkpoint (step)"
	YLabel     string // "" is "checkpoint (step)"
	ValueLabel string // of the colours; "" is "distance"
	Scale      Scale  // of the colours; Auto is Log for positive distances over a factor of 20
	Notes      []string
	Style      Style
}

var _ Figure = (*Distances)(nil)

// Mark is a step that the reader should look at. A step that is not one of the checkpoints
// has its mark between them.
type Mark struct {
	Step int64
	Kind MarkKind
	Text string // in a wide figure, after the step; may be empty
}

// MarkKind is the meaning of a [Mark]. It decides about colour and shape.
type MarkKind string

// The kinds of marks, the most important first.
const (
	MarkError   MarkKind = "error"
	MarkWarning MarkKind = "warning"
	MarkEvent   MarkKind = "event"
)

var markKinds = []MarkKind{MarkError, MarkWarning, MarkEvent}

// mostMarkLabels is the largest number of marks with a text.
const mostMarkLabels = 6

func (d *Distances) Defaults() (Style, float64) { return d.Style, min(0.85, d.wideRatio()) }

func (d *Distances) Heading() string { return cmp.Or(d.Title, "Distances between checkpoints") }

// Validate implements Figure.
func (d *Distances) Validate() error {
	n := len(d.Steps)
	if n == 0 {
		return fmt.Errorf("%w: Distances.Steps is empty; it must have at least one step", ErrInput)
	}
	for i, step := range d.Steps {
		if step < 0 || i > 0 && step <= d.Steps[i-1] {
			return fmt.Errorf("%w: Distances.Steps[%d] is %d; steps must increase and not be negative", ErrInput, i, step)
		}
	}
	if len(d.Values) != n {
		return fmt.Errorf("%w: Distances.Values has %d rows; Steps has %d", ErrInput, len(d.Values), n)
	}
	for i, row := range d.Values {
		if len(row) != n {
			return fmt.Errorf("%w: Distances.Values[%d] has %d values; Steps has %d", ErrInput, i, len(row), n)
		}
		for j, v := range row {
			if v < 0 || math.IsInf(v, 1) {
				return fmt.Errorf("%w: Distances.Values[%d][%d] is %v; a distance is finite, not negative, or NaN", ErrInput,
					i, j, v)
			}
			if j < i && v != d.Values[j][i] && !(math.IsNaN(v) && math.IsNaN(d.Values[j][i])) {
				return fmt.Errorf("%w: Distances.Values[%d][%d] is %v and Values[%d][%d] is %v; they must be equal",
					ErrInput, i, j, v, j, i, d.Values[j][i])
			}
		}
	}
	for i, m := range d.Marks {
		if !slices.Contains(markKinds, m.Kind) {
			return fmt.Errorf("%w: Distances.Marks[%d].Kind is %q; it must be %q, %q or %q", ErrInput, i, m.Kind, MarkError,
				MarkWarning, MarkEvent)
		}
	}
	return d.Scale.validate("Distances.Scale")
}

// Table implements Figure: one row for each pair of checkpoints.
func (d *Distances) Table() record.Table {
	type row struct {
		Step     int64           `col:"step"`
		Other    int64           `col:"other_step"`
		Distance record.Optional `col:"distance"`
	}
	var t column.Builder[row]
	for i := range d.Steps {
		for j := range i {
			v := d.Values[i][j]
			t.Add(row{d.Steps[j], d.Steps[i], record.Optional{Value: v, Valid: !math.IsNaN(v)}})
		}
	}
	return t.Table()
}

// Alt implements Figure.
func (d *Distances) Alt() string {
	n := len(d.Steps)
	text := fmt.Sprintf("Distances between %d checkpoints, steps %d to %d", n, d.Steps[0], d.Steps[n-1])
	if s := d.relief(); !math.IsNaN(s.Min) {
		text += fmt.Sprintf(", from %s to %s", canvas.Short(s.Min), canvas.Short(s.Max))
	}
	for _, k := range markKinds {
		if c := d.count(k); c > 0 {
			text += fmt.Sprintf("; marks of the kind %s at %d steps", k, c)
		}
	}
	return text + "."
}

// count returns the number of marks of a kind.
func (d *Distances) count(k MarkKind) int {
	c := 0
	for _, m := range d.Marks {
		if m.Kind == k {
			c++
		}
	}
	return c
}

// place returns the place of a step on an axis on which checkpoint i is at i.
func (d *Distances) place(step int64) float64 {
	i, isIn := slices.BinarySearch(d.Steps, step)
	if isIn {
		return float64(i)
	}
	return float64(i) - 0.5
}

// bands is the number of colours; so many look continuous.
const bands = 40

// relief returns the distances with their colours. Zeros take no part in the range, because
// they have their own colour.
func (d *Distances) relief() plane.Relief {
	n := len(d.Steps)
	s := plane.Relief{Field: plane.Field{
		X: make([]float64, n), Y: make([]float64, n), Z: make([]float64, n*n), OK: make([]bool, n*n),
	}, Min: math.NaN(), Max: math.NaN()}
	var positive []float64
	for j, row := range d.Values {
		s.X[j], s.Y[j] = float64(j), float64(j)
		for i, v := range row {
			s.Z[j*n+i], s.OK[j*n+i] = v, !math.IsNaN(v)
			if !s.OK[j*n+i] {
				s.Missing++
			}
			if i < j && v > 0 {
				positive = append(positive, v)
			}
		}
	}
	if len(positive) == 0 {
		return s
	}
	slices.Sort(positive)
	s.Min, s.Max = positive[0], positive[len(positive)-1]
	s.Log = d.Scale == Log || d.Scale == Auto && s.Max >= 20*s.Min
	if s.Lo, s.Hi = plane.DisplayRange(positive, s.Log); s.Log {
		// The first steps of a series may be so short that the others would share a few colours.
		s.Lo = max(s.Lo, positive[len(positive)/200])
	}
	for _, v := range positive {
		if v < s.Lo {
			s.Below++
		}
		if v > s.Hi {
			s.Above++
		}
	}
	if s.Lo < s.Hi {
		for k := 1; k < bands; k++ {
			share := float64(k) / bands
			level := s.Lo*(1-share) + s.Hi*share
			if s.Log {
				level = math.Exp(math.Log(s.Lo)*(1-share) + math.Log(s.Hi)*share)
			}
			if last := len(s.Levels) - 1; level > s.Lo && level < s.Hi && (last < 0 || level > s.Levels[last]) {
				s.Levels = append(s.Levels, level)
			}
		}
		s.Marked = canvas.Levels(s.Lo, s.Hi, s.Log, 7)
	}
	return s
}

func (d *Distances) WithStyle(s Style) Figure { c := *d; c.Style = s; return &c }

// WithLabels implements Figure.
func (d *Distances) WithLabels(l Labels) Figure {
	c := *d
	l.replace(&c.Title, &c.Subtitle, &c.XLabel, &c.YLabel)
	return &c
}

func (d *Distances) WithScale(s Scale) Figure { c := *d; c.Scale = s; return &c }
