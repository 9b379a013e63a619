package line

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// defaultPoints is the number of points that Garipov et al. (2018) evaluate.
const defaultPoints = 61

// ConnectOptions are the options of Connect. The zero value is the documented default.
type ConnectOptions struct {
	// Form of the curve (default: Bezier).
	Form Form `json:"form"`
	// Steps is the number of training steps of the bend, at least 1; a step is one gradient
	// (default: until the bend has settled, and at most 10,000).
	Steps int `json:"steps"`
	// LearningRate of the bend (default: 0.05). The rate is constant until the bend has
	// settled, or for the first half of Steps. Then it falls linearly to a hundredth over the
	// same number of steps, but at most 200 (after Garipov et al. 2018).
	LearningRate float64 `json:"learning_rate"`
	// Tolerance decides when the bend has settled (default: 0.005). The bend has settled
	// when 100 steps at the full rate lower the mean loss on the curve by less than this
	// share of the excess. The excess is the mean loss on the straight line minus the mean
	// of its ends.
	Tolerance float64 `json:"tolerance"`
	// Momentum of the bend, in [0, 1) (default: 0, plain gradient descent on points t that
	// are drawn uniformly).
	Momentum float64 `json:"momentum"`
	// Points is the number of evaluated points t from 0 to 1, 3 to 10000 (default: 61).
	Points int `json:"points"`
	// Also are evaluated at every point too. Their values are further columns.
	Also []Measure `json:"also,omitempty"`
	// States are the running statistics at a and at b, for a loss that takes a state. The
	// state at t is interpolated in t.
	States States `json:"-"`
	// Seed of the points t of the training.
	Seed uint64 `json:"seed"`

	// Progress receives every step and point; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps evaluated points, not the training; nil keeps nothing. A store must belong
	// to a single pair of ends.
	Store analyze.Store `json:"-"`
}

// Validate checks the options. The error names the first field that is not allowed, its
// value and the allowed values.
func (o *ConnectOptions) Validate() error {
	switch {
	case o.Form != "" && o.Form != Bezier && o.Form != Polychain:
		return fmt.Errorf("line: form is %q; allowed are %q and %q", o.Form, Bezier, Polychain)
	case o.Steps < 0:
		return fmt.Errorf("line: steps is %d; it must be at least 1, or 0 to train until the bend has settled", o.Steps)
	case !(o.Tolerance >= 0 && o.Tolerance < 1):
		return fmt.Errorf("line: tolerance is %v; it must be above 0 and less than 1, or 0 for 0.005", o.Tolerance)
	case !(o.LearningRate >= 0) || math.IsInf(o.LearningRate, 0):
		return fmt.Errorf("line: learning rate is %v; it must be finite and above 0, or 0 for 0.05", o.LearningRate)
	case !(o.Momentum >= 0 && o.Momentum < 1):
		return fmt.Errorf("line: momentum is %v; it must be at least 0 and less than 1", o.Momentum)
	case o.Points != 0 && (o.Points < 3 || o.Points > 10000):
		return fmt.Errorf("line: points is %d; it must be 3 to 10000, or 0 for %d", o.Points, defaultPoints)
	}
	return checkMeasures(o.Also, "curve", "t", "length", "loss")
}

// Effective returns the options with the defaults filled in, for the provenance of a
// result.
func (o ConnectOptions) Effective() ConnectOptions {
	if o.Form == "" {
		o.Form = Bezier
	}
	if o.Tolerance == 0 {
		o.Tolerance = 0.005
	}
	if o.LearningRate == 0 {
		o.LearningRate = 0.05
	}
	if o.Points == 0 {
		o.Points = defaultPoints
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	return o
}

// ConnectResult compares a trained curve with the straight line. The caller owns everything
// except Curve.A and Curve.B, which are the points that were passed to Connect.
type ConnectResult struct {
	Curve Curve
	// Losses has Points rows for the curve, then the same number for the straight line:
	// curve ("bezier" or "polychain", then "straight"), t, length (from a), loss, and a
	// column for each of ConnectOptions.Also.
	Losses record.Table
	// Training has one row per step: step, t, learning_rate, loss (at the point t of the
	// curve, before the step).
	Training record.Table
	Summary  ConnectSummary
	Warnings []analyze.Warning
}

// CurveSummary has the numbers of one curve. The numbers of the loss are absent when the
// loss at a point is NaN or infinite.
type CurveSummary struct {
	Length float64         `json:"length"`
	Min    record.Optional `json:"min"`
	Max    record.Optional `json:"max"`
	Mean   record.Optional `json:"mean"` // over the points, evenly spaced in t
	// Integral is the mean of the loss over the length of the curve, by the trapezoid rule.
	Integral      record.Optional `json:"length_weighted_mean"`
	BarrierHeight record.Optional `json:"barrier_height"` // Max minus the mean of the ends
	BarrierEnds   record.Optional `json:"barrier_over_ends"`
}

// ConnectSummary compares the trained curve with the straight line.
type ConnectSummary struct {
	Form      Form            `json:"form"`
	Steps     int             `json:"steps"` // training steps
	LossStart record.Optional `json:"loss_start"`
	LossEnd   record.Optional `json:"loss_end"`
	Curve     CurveSummary    `json:"curve"`
	Straight  CurveSummary    `json:"straight"`
	// BarrierRatio is the barrier height of the curve divided by the barrier height of the
	// straight line. It is absent unless the straight line has a barrier height above 0.
	BarrierRatio record.Optional `json:"barrier_ratio"`
	// Settled says that the bend had settled within Tolerance when the training ended.
	// StillFalling is the decrease of the mean loss over the last 100 steps at the full
	// rate, as a share of the excess of the straight line. It is absent without an excess.
	Settled      bool            `json:"settled"`
	StillFalling record.Optional `json:"still_falling"`
	LengthRatio  float64         `json:"length_ratio"` // of the curve over the straight line
	// Diverged says that the training ended at a gradient that is not finite or too large.
	Diverged        bool                 `json:"diverged"`
	NonfiniteLosses int                  `json:"nonfinite_losses"`
	TrainingLoss    analyze.Distribution `json:"training_loss"`
}

// Connect trains the bend of a curve between a and b and compares the curve with the straight
// line. The training lowers the expected loss at a point that is drawn uniformly in t. It
// starts from the middle of the straight line. a and b are borrowed and not changed.
//
// Connect returns an error when options or points are wrong, and when the loss, the gradient
// or the store fails. After a cancellation it returns the error of the context.
func Connect(ctx context.Context, a, b []float32, g analyze.Gradient, opts ConnectOptions) (*ConnectResult, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if err := checkEnds(a, b); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	r := &ConnectResult{Curve: Curve{Form: opts.Form, A: a, B: b, Bend: make([]float32, len(a))}}
	curve.Between(r.Curve.Bend, a, b, 0.5)
	opts.Progress.Begin("connect", opts.maxSteps())
	if err := r.train(ctx, g, &opts); err != nil {
		return nil, err
	}
	if err := r.evaluate(ctx, g, &opts); err != nil {
		return nil, err
	}
	r.warn(&opts)
	return r, nil
}

// evaluate fills in the losses on the curve and on the straight line. Both have the same
// ends, which it evaluates once.
func (r *ConnectResult) evaluate(ctx context.Context, g analyze.Gradient, o *ConnectOptions) error {
	n := o.Points
	straight := math.Sqrt(curve.Distance2(r.Curve.A, r.Curve.B))
	rows, units, at := make([]curveRow, 2*n), []string{}, []record.Coordinates{}
	for i := range rows {
		t := float64(i%n) / float64(n-1)
		if rows[i] = (curveRow{"straight", t, t * straight}); i < n {
			rows[i] = curveRow{string(o.Form), t, r.Curve.LengthTo(t)}
		}
		if i < n || i%n != 0 && i%n != n-1 {
			units = append(units, rows[i].Curve+" t "+strconv.FormatFloat(t, 'g', -1, 64))
			c := record.Between(0, 2, t, 3)
			if i < n {
				c = o.Form.coordinates(t)
			}
			c.State = curve.State(o.States.A, o.States.B, t)
			at = append(at, c)
		}
	}
	p := newPoints(g, o.Also, record.Span{Points: [][]float32{r.Curve.A, r.Curve.Bend, r.Curve.B}}, units, at)
	columns, err := job.Run(ctx, p, job.Driver{Store: o.Store, Progress: o.Progress})
	if err != nil {
		return err
	}
	for i, c := range columns {
		columns[i] = slices.Concat(c[:n], c[:1], c[n:], c[n-1:n])
	}
	r.Losses = column.Of(rows)
	addLosses(&r.Losses, columns, o.Also)
	lengths := r.Losses.Column("length").Floats
	s := &r.Summary
	losses := columns[0]
	s.LossStart, s.LossEnd, s.NonfiniteLosses = record.Some(losses[0]), record.Some(losses[n-1]), nonfinite(losses)
	s.Curve = summarizeCurve(lengths[:n], losses[:n])
	s.Straight = summarizeCurve(lengths[n:], losses[n:])
	s.LengthRatio = s.Curve.Length / s.Straight.Length
	if s.Curve.BarrierHeight.Valid && s.Straight.BarrierHeight.Valid && s.Straight.BarrierHeight.Value > 0 {
		s.BarrierRatio = record.Some(s.Curve.BarrierHeight.Value / s.Straight.BarrierHeight.Value)
	}
	return nil
}

// curveRow is a row of ConnectResult.Losses without the losses.
type curveRow struct {
	Curve  string  `col:"curve"`
	T      float64 `col:"t"`
	Length float64 `col:"length"`
}

// summarizeCurve takes the length along the curve and the loss of each point.
func summarizeCurve(lengths, losses []float64) CurveSummary {
	last := len(losses) - 1
	s := CurveSummary{Length: lengths[last]}
	if nonfinite(losses) > 0 {
		return s
	}
	low, high, mean, integral := losses[0], losses[0], 0.0, 0.0
	for i, v := range losses {
		low, high = min(low, v), max(high, v)
		mean += v / float64(len(losses))
		if i > 0 {
			integral += (lengths[i] - lengths[i-1]) * (v/2 + losses[i-1]/2)
		}
	}
	s.Min, s.Max, s.Mean = record.Some(low), record.Some(high), record.Some(mean)
	s.Integral = record.Some(integral / s.Length)
	s.BarrierHeight = record.Some(high - (losses[0]/2 + losses[last]/2))
	s.BarrierEnds = record.Some(high - max(losses[0], losses[last]))
	return s
}

// warn adds warnings about the numbers of the summary.
func (r *ConnectResult) warn(o *ConnectOptions) {
	var w analyze.Warnings
	s := &r.Summary
	w.Add(!s.Settled && !s.Diverged, "bend_still_improving", "%s", s.stillImproving())
	w.Add(s.Diverged, "bend_diverged", "the training of the bend stopped after %d steps, because the gradient is not "+
		"finite or too large; choose a lower learning rate than %v", s.Steps, o.LearningRate)
	w.Add(s.NonfiniteLosses > 0, "nonfinite_losses",
		"%d losses are NaN or infinite: they are kept, and the values that "+
			"depend on them are absent", s.NonfiniteLosses)
	if straight, trained := s.Straight.BarrierEnds, s.Curve.BarrierEnds; straight.Valid && trained.Valid &&
		straight.Value > 0 {
		w.Add(trained.Value >= straight.Value, "bend_no_better",
			"the trained curve has a barrier of %.4g above the higher end "+
				"and the straight line has a barrier of %.4g: the training has not found a way around it",
			trained.Value,
			straight.Value)
	}
	r.Warnings = w
}

// stillImproving says that the training of the bend ended before the bend had settled.
func (s *ConnectSummary) stillImproving() string {
	if !s.StillFalling.Valid {
		return fmt.Sprintf("the training of the curve ended after %d steps, too early to know whether the bend had settled: "+
			"a barrier on the curve may not be a barrier of the loss", s.Steps)
	}
	return fmt.Sprintf("the curve was still improving when its training ended after %d steps (its mean loss fell by %.3g %% "+
		"of the excess of the straight line per 100 steps): more steps may find a lower curve, and a barrier on this curve "+
		"is an upper bound", s.Steps, 100*s.StillFalling.Value)
}
