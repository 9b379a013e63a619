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

// ProgressOptions of Progress. The zero value is the documented default.
type ProgressOptions struct {
	// Rows chooses the rows by step and epoch; the zero value is all of them.
	Rows analyze.Segments `json:"rows"`
	// Loss is evaluated at every iterate and at the point of the line nearest to it;
	// nil evaluates nothing.
	Loss analyze.Loss `json:"-"`

	// Progress receives every row; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps evaluated losses ("row 12"); nil keeps nothing. It belongs to one
	// line.
	Store analyze.Store `json:"-"`
}

// PathResult is a path held against a line. The table is the caller's.
type PathResult struct {
	// Table has one row per iterate, in the order of the recording:
	//
	//	row, step, epoch
	//	progress              alpha of the nearest point of the line: 0 at from, 1 at to
	//	residual              distance from that point
	//	residual_ratio        residual / |to - from|
	//	random_walk_residual  what a random walk from the first to the last row would have
	//	loss, line_loss       at the iterate and at the nearest point; only with a Loss
	Table    record.Table
	Summary  PathSummary
	Warnings []analyze.Warning
}

// PathSummary has the numbers of a path beside a line.
type PathSummary struct {
	Rows     int     `json:"rows"`
	Distance float64 `json:"distance"` // |to - from|
	// BackwardRatio is the share of the rows at which the path has lost progress
	// since the row before.
	BackwardRatio record.Optional `json:"backward_ratio"`
	// MaxResidual and MaxResidualRatio are those of the row farthest off. A random
	// walk in many dimensions reaches a ratio of 1/2 halfway.
	MaxResidual      record.Optional      `json:"max_residual"`
	MaxResidualRatio record.Optional      `json:"max_residual_ratio"`
	MaxResidualStep  int64                `json:"max_residual_step"`
	Residual         analyze.Distribution `json:"residual"`
	// LineLossExcess describes line_loss - loss: what the path gains over the line.
	LineLossExcess analyze.Distribution `json:"line_loss_excess"`
	NonfiniteRows  int                  `json:"nonfinite_rows"` // iterates that are NaN or infinite
}

// Progress decomposes the path of a run along the line through two points
// (Goodfellow et al. 2015): alpha(t) = <theta_t - from, d>/|d|^2 with d = to - from,
// and the distance r(t) between theta_t and from + alpha(t) d. nil for from means
// the first chosen iterate, nil for to the last. The two are borrowed, and
// everything is summed in float64 from differences, so that iterates close to each
// other keep their digits. Inner iterates are left out.
//
// It returns an error when the options or the selection are wrong, when a row
// cannot be read or has no theta, when the loss or the store fails, and the
// context's error when it was cancelled.
func Progress(ctx context.Context, t record.Trajectory, from, to []float32, opts ProgressOptions) (*PathResult, error) {
	opts.Progress, opts.Store = orNothing(opts.Progress, opts.Store)
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
		return nil, fmt.Errorf("line: the points have %d elements, the run has %d parameters; they must be equal", len(ends[0]), n)
	}
	p := &pathBuilder{from: ends[0], to: ends[1], opts: &opts, length2: curve.Distance2(ends[0], ends[1])}
	p.point = make([]float32, len(ends[0]))
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
	return p.result(rows), nil
}

// iterate is a chosen row, without its vectors.
type iterate struct {
	row int
	record.Step
}

// iterates returns the chosen rows with substep 0.
func iterates(t record.Trajectory, chosen analyze.Segments) ([]iterate, error) {
	if t.Len() == 0 || !t.Header().Columns.Theta {
		return nil, fmt.Errorf("line: the run recorded no theta; the iterates are needed")
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
		return nil, fmt.Errorf("line: rows %q: the recording has no such iterate among its %d rows", rule, t.Len())
	}
	return rows, nil
}

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

type pathBuilder struct {
	from, to []float32
	length2  float64
	opts     *ProgressOptions
	point    []float32 // where the loss is evaluated: the loss gets a copy

	progress, residual, ratio []float64
	loss, lineLoss            column.Floats
	excess                    column.Floats
	nonfinite                 int
}

func (p *pathBuilder) add(ctx context.Context, it *iterate, theta []float32) error {
	alpha, residual := foot(p.from, p.to, theta, p.length2)
	p.progress = append(p.progress, alpha)
	p.residual = append(p.residual, residual)
	p.ratio = append(p.ratio, residual/math.Sqrt(p.length2))
	if alpha-alpha != 0 || residual-residual != 0 {
		p.nonfinite++
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
	p.loss.Add(record.Some(v[0]))
	p.lineLoss.Add(record.Some(v[1]))
	p.excess.Add(record.Some(v[1] - v[0]))
	return nil
}

// evaluate returns the loss at the point; name is the point's in an error.
func (p *pathBuilder) evaluate(ctx context.Context, name string) (loss float64, err error) {
	if err = ctx.Err(); err == nil {
		loss, err = p.opts.Loss.Loss(ctx, p.point)
	}
	if err != nil {
		return 0, fmt.Errorf("line: %w", job.Failed(name, err))
	}
	return loss, nil
}

// foot returns the alpha of the point of the line nearest to theta and the
// distance between the two. The residual is summed from the differences
// themselves: Pythagoras would leave half the digits near the line.
func foot(from, to, theta []float32, length2 float64) (alpha, residual float64) {
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

// bridge returns the distance from the line between its ends of a random walk in
// many dimensions, by the share s of the way in steps: its variance after s T steps
// is that of a Brownian bridge, s(1-s) times the squared distance of the ends.
func bridge(s, distance float64) float64 { return distance * math.Sqrt(s*(1-s)) }

func (p *pathBuilder) result(rows []iterate) *PathResult {
	var row, step, epoch []int64
	var null column.Floats
	first, last := rows[0].Step.Step, rows[len(rows)-1].Step.Step
	distance := math.Sqrt(p.length2)
	for i := range rows {
		it := &rows[i]
		row, step, epoch = append(row, int64(it.row)), append(step, it.Step.Step), append(epoch, int64(it.Epoch))
		if last == first {
			null.Add(record.Optional{})
			continue
		}
		null.Add(record.Some(bridge(float64(it.Step.Step-first)/float64(last-first), distance)))
	}
	r := &PathResult{Table: record.Table{Columns: []record.Column{
		column.Ints("row", row), column.Ints("step", step), column.Ints("epoch", epoch),
		{Name: "progress", Floats: p.progress},
		{Name: "residual", Floats: p.residual},
		{Name: "residual_ratio", Floats: p.ratio},
		null.Column("random_walk_residual"),
	}}}
	if p.opts.Loss != nil {
		r.Table.Columns = append(r.Table.Columns, p.loss.Column("loss"), p.lineLoss.Column("line_loss"))
	}
	s := &r.Summary
	*s = PathSummary{Rows: len(rows), Distance: distance, Residual: analyze.Describe(r.Table.Column("residual")), NonfiniteRows: p.nonfinite}
	back, moves := 0, 0
	for i, v := range p.residual {
		if v-v == 0 && (!s.MaxResidual.Valid || v > s.MaxResidual.Value) {
			s.MaxResidual, s.MaxResidualRatio = record.Some(v), record.Some(p.ratio[i])
			s.MaxResidualStep = step[i]
		}
		if i > 0 {
			if d := p.progress[i] - p.progress[i-1]; d-d == 0 {
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
		excess := p.excess.Column("")
		s.LineLossExcess = analyze.Describe(&excess)
	}
	if s.NonfiniteRows > 0 {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: "nonfinite_iterates", Text: fmt.Sprintf("%d of %d iterates have NaN or infinite parameters: they have no place beside the line", s.NonfiniteRows, s.Rows)})
	}
	if s.MaxResidualRatio.Valid && s.MaxResidualRatio.Value > 0.4 && s.MaxResidualRatio.Value < 0.6 {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: "residual_of_a_random_walk", Text: fmt.Sprintf("the path is at most %.3g of the line's length away from it; a random walk between the same ends reaches 0.5: the distance alone does not speak of an obstacle that was walked around", s.MaxResidualRatio.Value)})
	}
	return r
}
