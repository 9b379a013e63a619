package line

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// PathOptions are the options of ProjectPath. The zero value is the documented default.
type PathOptions struct {
	// Rows selects rows by step and epoch (default: all).
	Rows analyze.Segments `json:"rows"`
	// Loss is evaluated at every iterate and at the nearest point of the line; nil
	// evaluates nothing.
	Loss analyze.Loss `json:"-"`

	// Progress receives every finished row; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps evaluated losses under names such as "row 12"; nil keeps nothing. A store
	// must belong to a single line.
	Store analyze.Store `json:"-"`
}

// PathResult describes the path of a run in relation to a line. The caller owns the table.
type PathResult struct {
	// Table has one row per iterate, in the order of the recording:
	//
	//	row, step, epoch
	//	progress              alpha of the nearest point of the line: 0 at from, 1 at to
	//	residual              distance from that point
	//	residual_ratio        residual / |to - from|
	//	random_walk_residual  residual of a random walk from the first to the last row
	//	loss, line_loss       at the iterate and at the nearest point; only with a Loss
	Table record.Table
	// Losses has the rows whose full loss the run recorded: step, progress, residual_ratio and
	// full_loss.
	Losses   record.Table
	Summary  PathSummary
	Warnings []analyze.Warning
}

// PathSummary has the numbers of a path in relation to a line.
type PathSummary struct {
	Rows     int     `json:"rows"`
	Distance float64 `json:"distance"` // |to - from|
	// BackwardRatio is the share of the rows with less progress than the row before.
	BackwardRatio record.Optional `json:"backward_ratio"`
	// MaxResidual, MaxResidualRatio and MaxResidualStep describe the row that is farthest
	// from the line. A random walk in many dimensions reaches a ratio of 1/2 halfway.
	MaxResidual      record.Optional      `json:"max_residual"`
	MaxResidualRatio record.Optional      `json:"max_residual_ratio"`
	MaxResidualStep  int64                `json:"max_residual_step"`
	Residual         analyze.Distribution `json:"residual"`
	// LineLossExcess describes line_loss - loss. It is positive where the path has a lower
	// loss than the line.
	LineLossExcess analyze.Distribution `json:"line_loss_excess"`
	NonfiniteRows  int                  `json:"nonfinite_rows"` // iterates that are NaN or infinite
}

// ProjectPath decomposes the path of a run along the line through two points (Goodfellow et
// al. 2015): alpha(t) = <theta_t - from, d>/|d|^2 with d = to - from, and the distance r(t)
// between theta_t and from + alpha(t) d. A nil from means the first selected iterate, and a
// nil to means the last. Both are borrowed. All sums are over differences in float64, so
// that iterates close to each other keep their digits. Inner iterates are left out.
//
// ProjectPath returns an error when the options or the selection are wrong, when a row
// cannot be read or has no theta, and when the loss or the store fails. After a cancellation
// it returns the error of the context.
func ProjectPath(ctx context.Context, t record.Trajectory, from, to []float32, opts PathOptions) (*PathResult, error) {
	if opts.Progress == nil {
		opts.Progress = analyze.NoProgress{}
	}
	if opts.Store == nil {
		opts.Store = analyze.NoStore{}
	}
	rows, err := iterates(t, opts.Rows)
	if err != nil {
		return nil, err
	}
	ends := [2][]float32{from, to}
	for i, row := range []int{rows[0].row, rows[len(rows)-1].row} {
		if ends[i] != nil {
			continue
		}
		theta, err := thetaAt(t, row)
		if err != nil {
			return nil, err
		}
		ends[i] = append([]float32{}, theta...)
	}
	if err := checkEnds(ends[0], ends[1]); err != nil {
		return nil, err
	}
	if n := t.Header().Layout.Len(); len(ends[0]) != n {
		return nil, fmt.Errorf("line: the points have %d elements and the run has %d parameters; they must be equal",
			len(ends[0]), n)
	}
	p := &pathBuilder{from: ends[0], to: ends[1], opts: &opts, length2: curve.Distance2(ends[0], ends[1])}
	p.point = make([]float32, len(ends[0]))
	p.first, p.last = rows[0].Step.Step, rows[len(rows)-1].Step.Step
	opts.Progress.Begin("progress", len(rows))
	for i := range rows {
		theta, err := thetaAt(t, rows[i].row)
		if err != nil {
			return nil, err
		}
		if err := p.add(ctx, &rows[i], theta); err != nil {
			return nil, err
		}
		opts.Progress.Add(1)
	}
	return p.result(), nil
}

// iterate is a selected row, without its vectors.
type iterate struct {
	row int
	record.Step
}

// iterates returns the selected rows with substep 0.
func iterates(t record.Trajectory, chosen analyze.Segments) ([]iterate, error) {
	if t.Len() == 0 || !t.Header().Columns.Theta {
		return nil, fmt.Errorf("line: the run recorded no theta; the path needs the iterates")
	}
	var all []record.Step
	var rows []iterate
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("line: row %d: %w", i, err)
		}
		if s.Substep > 0 {
			continue
		}
		s.Theta, s.Grad, s.State = nil, nil, nil
		all = append(all, s)
		if chosen.Contains(s.Step, s.Epoch) {
			rows = append(rows, iterate{i, s})
		}
	}
	if rule, ok := chosen.Unmatched(all); ok || len(rows) == 0 {
		return nil, fmt.Errorf("line: rows %q: no iterate among the %d rows of the recording matches", rule, t.Len())
	}
	return rows, nil
}

// thetaAt returns theta of a row, which belongs to the trajectory. A row without theta is an
// error.
func thetaAt(t record.Trajectory, row int) ([]float32, error) {
	theta, err := record.ThetaOf(t, row)
	if err != nil {
		return nil, fmt.Errorf("line: row %d: %w", row, err)
	}
	if theta == nil {
		return nil, fmt.Errorf("line: row %d has no theta", row)
	}
	return theta, nil
}

// pathRow is a row of PathResult.Table, which defines the columns.
type pathRow struct {
	Row        int             `col:"row"`
	Step       int64           `col:"step"`
	Epoch      int32           `col:"epoch"`
	Progress   float64         `col:"progress"`
	Residual   float64         `col:"residual"`
	Ratio      float64         `col:"residual_ratio"`
	RandomWalk record.Optional `col:"random_walk_residual"`
}

// lossRow has the further columns with a Loss.
type lossRow struct {
	Loss     float64 `col:"loss"`
	LineLoss float64 `col:"line_loss"`
}

// pathBuilder collects the rows of a path.
type pathBuilder struct {
	from, to    []float32
	length2     float64 // squared distance of from and to
	first, last int64   // steps of the first and the last row
	opts        *PathOptions
	point       []float32 // theta under evaluation: a copy, because the loss may change it

	rows     []pathRow
	losses   []lossRow
	recorded []recordedRow
}

// recordedRow is a row of PathResult.Losses.
type recordedRow struct {
	Step     int64   `col:"step"`
	Progress float64 `col:"progress"`
	Ratio    float64 `col:"residual_ratio"`
	FullLoss float64 `col:"full_loss"`
}

// add appends an iterate and, with a Loss, evaluates the loss there and on the line.
func (p *pathBuilder) add(ctx context.Context, it *iterate, theta []float32) error {
	alpha, residual := projectOntoLine(p.from, p.to, theta, p.length2)
	distance := math.Sqrt(p.length2)
	row := pathRow{
		Row: it.row, Step: it.Step.Step, Epoch: it.Epoch, Progress: alpha, Residual: residual,
		Ratio: residual / distance,
	}
	if p.last != p.first {
		row.RandomWalk = record.Some(brownianBridge(float64(it.Step.Step-p.first)/float64(p.last-p.first), distance))
	}
	p.rows = append(p.rows, row)
	if it.FullLoss.Valid {
		p.recorded = append(p.recorded, recordedRow{row.Step, row.Progress, row.Ratio, it.FullLoss.Value})
	}
	if p.opts.Loss == nil {
		return nil
	}
	unit := "row " + strconv.Itoa(it.row)
	v, ok := p.opts.Store.Lookup(unit)
	if !ok || len(v) != 2 {
		copy(p.point, theta)
		here, err := p.evaluate(ctx, unit)
		if err != nil {
			return err
		}
		curve.Between(p.point, p.from, p.to, alpha)
		there, err := p.evaluate(ctx, unit+" on the line")
		if err != nil {
			return err
		}
		v = []float64{here, there}
		if err := p.opts.Store.Save(unit, v); err != nil {
			return fmt.Errorf("line: %s: %w", unit, err)
		}
	}
	p.losses = append(p.losses, lossRow{v[0], v[1]})
	return nil
}

// evaluate returns the loss at p.point. name names the point in an error.
func (p *pathBuilder) evaluate(ctx context.Context, name string) (loss float64, err error) {
	if err = ctx.Err(); err == nil {
		loss, err = p.opts.Loss.Loss(ctx, p.point)
	}
	if err != nil {
		return 0, fmt.Errorf("line: %w", job.Failed(name, err))
	}
	return loss, nil
}

// projectOntoLine returns the alpha of the point of the line that is nearest to theta, and
// the distance between the two. The distance is summed from differences, because the
// theorem of Pythagoras would lose half of the digits near the line.
func projectOntoLine(from, to, theta []float32, length2 float64) (alpha, residual float64) {
	s := 0.0
	for i, f := range from {
		s += float64((float64(theta[i]) - float64(f)) * (float64(to[i]) - float64(f)))
	}
	alpha = s / length2
	r := 0.0
	for i, f := range from {
		d := (float64(theta[i]) - float64(f)) - float64(alpha*(float64(to[i])-float64(f)))
		r += float64(d * d)
	}
	return alpha, math.Sqrt(r)
}

// brownianBridge returns the distance of a random walk in many dimensions from the line
// between its ends, after the share s of its steps. The squared distance is the variance of
// a Brownian bridge: s(1-s) times the squared distance of the ends.
func brownianBridge(s, distance float64) float64 { return distance * math.Sqrt(s*(1-s)) }

// result returns the table and the numbers of all rows.
func (p *pathBuilder) result() *PathResult {
	r := &PathResult{Table: column.Of(p.rows), Losses: column.Of(p.recorded)}
	s := &r.Summary
	*s = PathSummary{
		Rows: len(p.rows), Distance: math.Sqrt(p.length2), Residual: analyze.Describe(r.Table.Column("residual")),
	}
	back, moves := 0, 0
	for i, row := range p.rows {
		v := row.Residual
		if v-v == 0 && (!s.MaxResidual.Valid || v > s.MaxResidual.Value) {
			s.MaxResidual, s.MaxResidualRatio, s.MaxResidualStep = record.Some(v), record.Some(row.Ratio), row.Step
		}
		if row.Progress-row.Progress != 0 || v-v != 0 {
			s.NonfiniteRows++
		}
		if i > 0 {
			if d := row.Progress - p.rows[i-1].Progress; d-d == 0 {
				moves++
				if d < 0 {
					back++
				}
			}
		}
	}
	if moves > 0 {
		s.BackwardRatio = record.Some(float64(back) / float64(moves))
	}
	if p.opts.Loss != nil {
		losses := column.Of(p.losses)
		r.Table.Columns = append(r.Table.Columns, losses.Columns...)
		excess := make([]float64, len(p.losses))
		for i, l := range p.losses {
			excess[i] = l.LineLoss - l.Loss
		}
		s.LineLossExcess = analyze.Describe(&record.Column{Floats: excess})
	}
	var w analyze.Warnings
	w.Add(s.NonfiniteRows > 0, "nonfinite_iterates", "%d of %d iterates have NaN or infinite parameters: they have no "+
		"nearest point on the line", s.NonfiniteRows, s.Rows)
	w.Add(s.MaxResidualRatio.Valid && s.MaxResidualRatio.Value > 0.4 && s.MaxResidualRatio.Value < 0.6,
		"residual_of_a_random_walk",
		"the path is at most %.3g of the line's length away from the line; a random walk between "+
			"the same ends reaches 0.5: the distance alone is not evidence that the path avoided an obstacle",
		s.MaxResidualRatio.Value)
	r.Warnings = w
	return r
}
