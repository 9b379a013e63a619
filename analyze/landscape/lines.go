package landscape

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// LinesMethod describes the method of ComputeLines in one sentence, for the provenance of a
// result.
const LinesMethod = "Loss at evenly spaced points of several lines through one point, with the mean and the extremes " +
	"over the lines."

// widthRise is the rise of the loss that bounds a width: 1, which divides the probability of the
// right class by e in the geometric mean over the examples.
const widthRise = 1

// LineOptions are the options of ComputeLines.
type LineOptions struct {
	X        analyze.Range `json:"x"`        // coordinates in multiples of the directions (default: -1:1:51)
	Accuracy bool          `json:"accuracy"` // as in Options
	Plain    bool          `json:"plain"`    // as in Options
	Test     analyze.Loss  `json:"-"`        // as in Options
	Measures []Measure     `json:"-"`        // as in Options

	Progress analyze.Progress `json:"-"` // receives every point; nil disables progress reporting
	Store    analyze.Store    `json:"-"` // keeps finished points; nil keeps nothing
}

// Lines is the loss along several lines.
type Lines struct {
	X     []float64     // coordinates, of length n
	Loss  [][]float64   // n values for each line
	Names []string      // of the further measures
	Also  [][][]float64 // n values for each further measure and line

	// Table has one row per point: line (from 1), k, a, loss, further measures.
	Table record.Table
	// Band has one row per coordinate: k, a, and for each measure NAME_mean, NAME_sd, NAME_min
	// and NAME_max over the lines.
	Band     record.Table
	Summary  LinesSummary
	Warnings []analyze.Warning
}

// LinesSummary is the result in numbers.
type LinesSummary struct {
	Parameters   int                  `json:"parameters"`
	Lines        int                  `json:"lines"`
	X            analyze.Range        `json:"x"`
	Norms        analyze.Distribution `json:"norms"`          // lengths of the directions
	Loss         analyze.Distribution `json:"loss"`           // over all points
	LossAtOrigin record.Optional      `json:"loss_at_origin"` // where 0 is among the coordinates
	// SpreadRatio is the standard deviation over the lines divided by |mean - loss at the
	// origin|, as the median over the coordinates except 0. It is the relative difference
	// between one random line and another.
	SpreadRatio record.Optional `json:"spread_ratio"`
	// Width describes, over the lines, the length of the interval around the origin in which
	// the loss is at most widthRise above the loss at the origin, in multiples of the direction.
	// The loss is linear between points. A line that does not rise so far on both sides has no
	// width.
	Width      analyze.Distribution `json:"width"`
	Ruggedness *Humps               `json:"ruggedness,omitempty"` // as in Summary; nil for results of older versions
	Also       []MeasureSummary     `json:"also,omitempty"`
	Plane      PlaneRecipe          `json:"plane"` // how the lines were chosen; the caller of ComputeLines sets it
}

// RandomLines returns n lines through theta along random directions. The lines share theta.
func RandomLines(theta []float32, layout record.Layout, n int, opts DirectionOptions) ([]analyze.Line, error) {
	directions, err := RandomDirections(theta, layout, n, opts)
	if err != nil {
		return nil, err
	}
	lines := make([]analyze.Line, n)
	for i, d := range directions {
		if lines[i], err = analyze.NewLine(theta, d); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// LinesJob is the loss along several lines, divided into their points.
type LinesJob struct {
	lines      []analyze.Line
	opts       LineOptions
	o          Options
	x          []float64
	order      []int        // of the points of a line
	evaluators []*evaluator // one for each line
}

var _ job.Job[*Lines] = (*LinesJob)(nil)

// NewLinesJob returns the job that ComputeLines runs, with the same arguments. Store and
// Progress of the options are not used, because the driver has its own.
func NewLinesJob(lines []analyze.Line, loss analyze.Loss, opts LineOptions) (*LinesJob, error) {
	if opts.X.IsZero() {
		opts.X = analyze.Range{Min: -1, Max: 1, N: DefaultPoints}
	}
	if err := opts.X.Validate(); err != nil {
		return nil, fmt.Errorf("landscape: x: %s", strings.TrimPrefix(err.Error(), "analyze: "))
	}
	if len(lines) == 0 || len(lines[0].Origin) == 0 {
		return nil, errors.New("landscape: there are no lines with parameters; at least one is needed")
	}
	o := Options{Accuracy: opts.Accuracy, Plain: opts.Plain, Test: opts.Test, Measures: opts.Measures}
	if err := o.validateMeasures(); err != nil {
		return nil, err
	}
	j := &LinesJob{lines: lines, opts: opts, o: o.Effective(), x: opts.X.Values()}
	for _, c := range coarseToFine(len(j.x), 1) {
		j.order = append(j.order, c[0])
	}
	zero := make([]float32, len(lines[0].U)) // the second direction
	theta := make([]float32, len(zero))
	for i, l := range lines {
		if len(l.Origin) != len(zero) {
			return nil, fmt.Errorf("landscape: line %d has %d parameters and the first line has %d; they must be equal",
				i+1,
				len(l.Origin), len(zero))
		}
		w := &evaluator{plane: &analyze.Plane{Origin: l.Origin, U: l.U, V: zero}, loss: loss, o: &j.o, theta: theta}
		if err := w.prepare(); err != nil {
			return nil, err
		}
		j.evaluators = append(j.evaluators, w)
	}
	return j, nil
}

// ComputeLines evaluates the loss along at least one line, one line after the other, each
// from coarse to fine. All lines have the same number of parameters. It returns an error when
// the options are wrong, when the loss or the store fails, and after a cancellation. With a
// Store it does not evaluate finished points again.
func ComputeLines(ctx context.Context, lines []analyze.Line, loss analyze.Loss, opts LineOptions) (*Lines, error) {
	j, err := NewLinesJob(lines, loss, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// Units returns the points. Point k of line l has the index l*n + k.
func (j *LinesJob) Units() []job.Unit {
	var units []job.Unit
	for l := range j.lines {
		for _, k := range j.order {
			units = append(units, job.Unit{Name: fmt.Sprintf("line %d cell %d 0", l+1, k), Index: l*len(j.x) + k})
		}
	}
	return units
}

// at returns the coordinates of a point in the plane of its evaluator.
func (j *LinesJob) at(i int) (a, b float64) { return j.x[i%len(j.x)], 0 }

// Fits reports whether values were measured at the point of the unit.
func (j *LinesJob) Fits(u job.Unit, values []float64) bool {
	a, b := j.at(u.Index)
	return len(values) == 3+len(j.evaluators[0].names) && values[0] == a && values[1] == b
}

// Evaluate evaluates the points of one line after the other.
func (j *LinesJob) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	for len(units) > 0 {
		line, n := units[0].Index/len(j.x), 1
		for n < len(units) && units[n].Index/len(j.x) == line {
			n++
		}
		if err := j.evaluators[line].evaluateCells(ctx, units[:n], j.at, save); err != nil {
			return err
		}
		units = units[n:]
	}
	return nil
}

// Finish returns the tables and the summary. A missing point is an error.
func (j *LinesJob) Finish(ctx context.Context, values job.Values) (*Lines, error) {
	n := len(j.x)
	all := func() [][]float64 {
		v := make([][]float64, len(j.lines))
		for l := range v {
			v[l] = make([]float64, n)
		}
		return v
	}
	r := &Lines{X: j.x, Loss: all(), Names: j.evaluators[0].names}
	for range r.Names {
		r.Also = append(r.Also, all())
	}
	missing := len(j.lines) * n
	err := values(ctx, "lines", j.Units(), func(u job.Unit, v []float64) error {
		missing--
		l, k := u.Index/n, u.Index%n
		r.Loss[l][k] = v[2]
		for m := range r.Also {
			r.Also[m][l][k] = v[3+m]
		}
		return nil
	})
	if err == nil && missing > 0 {
		err = fmt.Errorf("landscape: %d of %d points of lines: %w", missing, len(j.lines)*n, job.ErrIncomplete)
	}
	if err != nil {
		return nil, err
	}
	r.tables()
	r.summarize(j.lines, j.opts.X)
	markDifferences(r.Summary.Also, j.opts.Measures)
	return r, nil
}

// columns returns the names of all measures and their values, line by line.
func (r *Lines) columns() ([]string, [][][]float64) {
	return append([]string{"loss"}, r.Names...), append([][][]float64{r.Loss}, r.Also...)
}

// tables fills in Table and Band.
func (r *Lines) tables() {
	n := len(r.X)
	var line, k []int64
	var a []float64
	for i := range r.Loss {
		for j, x := range r.X {
			line, k, a = append(line, int64(i+1)), append(k, int64(j)), append(a, x)
		}
	}
	names, values := r.columns()
	r.Table = record.Table{Columns: []record.Column{
		{Name: "line", Ints: line},
		{Name: "k", Ints: k},
		{Name: "a", Floats: a},
	}}
	r.Band = record.Table{Columns: []record.Column{{Name: "k", Ints: k[:n:n]}, {Name: "a", Floats: r.X}}}
	for m, name := range names {
		r.Table.Columns = append(r.Table.Columns, record.Column{Name: name, Floats: slices.Concat(values[m]...)})
		columns := [4]record.Column{}
		for c, suffix := range []string{"_mean", "_sd", "_min", "_max"} {
			columns[c] = record.Column{Name: name + suffix, Floats: make([]float64, n), Valid: make([]bool, n)}
		}
		for j := range r.X {
			d := analyze.Describe(&record.Column{Floats: across(values[m], j)})
			for c, v := range []record.Optional{d.Mean, d.SD, d.Min, d.Max} {
				columns[c].Floats[j], columns[c].Valid[j] = v.Value, v.Valid
			}
		}
		r.Band.Columns = append(r.Band.Columns, columns[:]...)
	}
}

// across returns the values of all lines at coordinate j.
func across(lines [][]float64, j int) []float64 {
	v := make([]float64, len(lines))
	for i := range lines {
		v[i] = lines[i][j]
	}
	return v
}

// summarize fills in the summary and the warnings from the tables.
func (r *Lines) summarize(lines []analyze.Line, x analyze.Range) {
	norms := make([]float64, len(lines))
	for i := range lines {
		norms[i] = lines[i].Norm()
	}
	s := &r.Summary
	*s = LinesSummary{
		Parameters: len(lines[0].Origin), Lines: len(lines), X: x,
		Norms: analyze.Describe(&record.Column{Floats: norms}),
		Loss:  analyze.Describe(r.Table.Column("loss")),
	}
	for _, name := range r.Names {
		s.Also = append(s.Also, MeasureSummary{Name: name, Values: analyze.Describe(r.Table.Column(name))})
	}
	if k := slices.Index(r.X, 0); k >= 0 {
		s.LossAtOrigin = record.Some(r.Loss[0][k])
		mean, sd := r.Band.Column("loss_mean"), r.Band.Column("loss_sd")
		var ratios []float64
		for j := range r.X {
			if rise := math.Abs(mean.Floats[j] - r.Loss[0][k]); j != k && mean.Valid[j] && sd.Valid[j] && rise > 0 {
				ratios = append(ratios, sd.Floats[j]/rise)
			}
		}
		s.SpreadRatio = analyze.Describe(&record.Column{Floats: ratios}).Median
		width := record.Column{Floats: make([]float64, len(lines)), Valid: make([]bool, len(lines))}
		for i, loss := range r.Loss {
			left, okLeft := reach(r.X[:k+1], loss[:k+1], -1)
			right, okRight := reach(r.X[k:], loss[k:], 1)
			width.Floats[i], width.Valid[i] = right-left, okLeft && okRight
		}
		s.Width = analyze.Describe(&width)
	}
	s.Ruggedness = humpsOf(func(yield func([]float64)) {
		for _, loss := range r.Loss {
			finiteParts(loss, yield)
		}
	})
	if n := s.Loss.Nonfinite; n > 0 {
		r.Warnings = append(r.Warnings,
			analyze.Warning{Code: "nonfinite_losses", Text: fmt.Sprintf("%d of %d points have a "+
				"NaN or infinite loss; they are kept, and means leave them out", n, len(lines)*x.N)})
	}
}

// reach returns the coordinate at which the loss first is widthRise above the loss at the
// origin. The origin is the first point when the sign is 1, and the last point when it is -1.
// ok is false when the loss does not rise so far. A loss that is NaN or infinite counts as
// higher, and the coordinate is then that of its point.
func reach(x, loss []float64, sign int) (at float64, ok bool) {
	k := 0
	if sign < 0 {
		k = len(x) - 1
	}
	level := loss[k] + widthRise
	for k += sign; k >= 0 && k < len(x); k += sign {
		switch before := loss[k-sign]; {
		case loss[k]-loss[k] != 0:
			return x[k], true
		case loss[k] > level:
			return x[k-sign] + (x[k]-x[k-sign])*(level-before)/(loss[k]-before), true
		}
	}
	return 0, false
}
