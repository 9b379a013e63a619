package line

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// defaultPoints is the number of points that Garipov et al. (2018) evaluate.
const defaultPoints = 61

// ConnectOptions of Connect. The zero value is the documented default.
type ConnectOptions struct {
	// Form is that of the curve; "" means Bezier.
	Form Form `json:"form"`
	// Steps of the bend's training, at least 1; a step is one gradient. 0 means until
	// the bend has settled (Tolerance), and 10,000 at most.
	Steps int `json:"steps"`
	// LearningRate of the bend; 0 means 0.05. It stays until the bend has settled, or
	// for the first half of Steps, and falls linearly to a hundredth over as many steps
	// again, 200 at most (after Garipov et al. 2018).
	LearningRate float64 `json:"learning_rate"`
	// Tolerance says when the bend has settled: when 100 steps at the full rate lower the
	// mean loss on the curve by less than this share of what the straight line's mean
	// loss is above its ends'. 0 means 0.005.
	Tolerance float64 `json:"tolerance"`
	// Momentum of the bend in [0, 1); 0 is the default, plain gradient descent on
	// points t drawn uniformly.
	Momentum float64 `json:"momentum"`
	// Points is the number of points t from 0 to 1 that are evaluated, 3 to 10000; 0
	// means 61.
	Points int `json:"points"`
	// Also are measured at every point besides the loss, into further columns.
	Also []Measure `json:"also,omitempty"`
	// Seed decides the points t of the training.
	Seed uint64 `json:"seed"`

	// Progress receives every step and point; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps evaluated points, not the training; nil keeps nothing. It belongs
	// to one pair of ends.
	Store analyze.Store `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *ConnectOptions) Validate() error {
	switch {
	case o.Form != "" && o.Form != Bezier && o.Form != Polychain:
		return fmt.Errorf("line: form is %q; allowed are %q and %q", o.Form, Bezier, Polychain)
	case o.Steps < 0:
		return fmt.Errorf("line: steps is %d; it must be at least 1, or 0 for until the bend has settled", o.Steps)
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

// Effective returns the options with the defaults filled in, as they belong in a
// result's provenance.
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
	o.Progress, o.Store = orNothing(o.Progress, o.Store)
	return o
}

// ConnectResult is a trained curve beside the straight line. Everything is the
// caller's, but Curve.A and Curve.B, which are the points that were passed in.
type ConnectResult struct {
	Curve Curve
	// Losses has Points rows for the curve, then as many for the straight line:
	// curve ("bezier" or "polychain", then "straight"), t, length (from a), loss, and
	// a column for each of ConnectOptions.Also.
	Losses record.Table
	// Training has one row per step: step, t, learning_rate, loss (at the curve's
	// point at t, before the step).
	Training record.Table
	Summary  ConnectSummary
	Warnings []analyze.Warning
}

// CurveSummary has the numbers of one curve; those of the loss are absent when one
// of its points is NaN or infinite.
type CurveSummary struct {
	Length float64         `json:"length"`
	Min    record.Optional `json:"min"`
	Max    record.Optional `json:"max"`
	Mean   record.Optional `json:"mean"` // over the points, evenly spaced in t
	// Integral is the mean of the loss over the length of the curve, by the trapezoid
	// rule.
	Integral      record.Optional `json:"length_weighted_mean"`
	BarrierHeight record.Optional `json:"barrier_height"` // Max minus the mean of the ends
	BarrierEnds   record.Optional `json:"barrier_over_ends"`
}

// ConnectSummary compares the two.
type ConnectSummary struct {
	Form      Form            `json:"form"`
	Steps     int             `json:"steps"` // that were made
	LossStart record.Optional `json:"loss_start"`
	LossEnd   record.Optional `json:"loss_end"`
	Curve     CurveSummary    `json:"curve"`
	Straight  CurveSummary    `json:"straight"`
	// BarrierRatio is the barrier height of the curve over that of the straight line;
	// absent unless the latter is above 0.
	BarrierRatio record.Optional `json:"barrier_ratio"`
	// Settled says that the training went on until Tolerance; StillFalling is by how much
	// 100 steps at the full rate lowered the mean loss last, as a share of what the
	// straight line's is above its ends'. Absent when that is nothing.
	Settled         bool                 `json:"settled"`
	StillFalling    record.Optional      `json:"still_falling"`
	LengthRatio     float64              `json:"length_ratio"` // of the curve over the straight line
	Diverged        bool                 `json:"diverged"`     // a gradient was not finite or too large; the training ended before it
	NonfiniteLosses int                  `json:"nonfinite_losses"`
	TrainingLoss    analyze.Distribution `json:"training_loss"`
}

// Connect trains the bend of a curve between a and b so that the expected loss at
// a point drawn uniformly in t is low, from the middle of the straight line, and
// evaluates the curve and the straight line. Every step draws t, takes the
// gradient of the loss there and moves the bend by its share of it. a and b are
// borrowed and not changed.
//
// It returns an error when options or points are wrong, when the loss, the
// gradient or the store fails, and the context's error when it was cancelled.
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
	opts.Progress.Begin("connect", opts.mostSteps())
	if err := r.train(ctx, g, &opts); err != nil {
		return nil, err
	}
	if err := r.evaluate(ctx, g, &opts); err != nil {
		return nil, err
	}
	r.warn(&opts)
	return r, nil
}

// move makes one step of the bend, or none and reports false when the gradient is
// not finite or the step leaves the range of float32.
func (r *ConnectResult) move(bend, velocity []float64, grad []float32, share, eta, momentum float64) bool {
	for i, v := range grad {
		velocity[i] = float64(momentum*velocity[i]) + float64(share*float64(v))
		if to := float32(bend[i] - float64(eta*velocity[i])); to-to != 0 {
			return false
		}
	}
	for i, v := range velocity {
		bend[i] -= float64(eta * v)
		r.Curve.Bend[i] = float32(bend[i])
	}
	return true
}

// evaluate fills in the losses on the curve and on the straight line, whose ends
// are the same points and are evaluated once.
func (r *ConnectResult) evaluate(ctx context.Context, g analyze.Gradient, o *ConnectOptions) error {
	n := o.Points
	straight := math.Sqrt(curve.Distance2(r.Curve.A, r.Curve.B))
	ts, lengths, names, units := make([]float64, 2*n), make([]float64, 2*n), make([]string, 2*n), []string{}
	for i := range ts {
		t := float64(i%n) / float64(n-1)
		ts[i] = t
		if names[i] = string(o.Form); i < n {
			lengths[i] = r.Curve.LengthTo(t)
		} else {
			names[i], lengths[i] = "straight", t*straight
		}
		if i < n || i%n != 0 && i%n != n-1 {
			units = append(units, names[i]+" t "+strconv.FormatFloat(t, 'g', -1, 64))
		}
	}
	p := newPoints(g, o.Also, len(r.Curve.A), units, func(i int, dst []float32) {
		if i < n {
			r.Curve.Point(ts[i], dst)
		} else {
			curve.Between(dst, r.Curve.A, r.Curve.B, ts[i+1]) // the line has no unit for its first end
		}
	})
	columns, err := job.Run(ctx, p, job.Driver{Store: o.Store, Progress: o.Progress})
	if err != nil {
		return err
	}
	for i, c := range columns {
		columns[i] = slices.Concat(c[:n], c[:1], c[n:], c[n-1:n])
	}
	r.Losses = record.Table{Columns: []record.Column{
		{Name: "curve", Strings: names}, {Name: "t", Floats: ts}, {Name: "length", Floats: lengths}, {Name: "loss", Floats: columns[0]},
	}}
	for i, m := range o.Also {
		r.Losses.Columns = append(r.Losses.Columns, record.Column{Name: m.Name, Floats: columns[1+i]})
	}
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

func (r *ConnectResult) warn(o *ConnectOptions) {
	add := func(when bool, code, format string, args ...any) {
		if when {
			r.Warnings = append(r.Warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
		}
	}
	s := &r.Summary
	add(!s.Settled && !s.Diverged, "bend_still_improving", "%s", r.stillImproving())
	add(s.Diverged, "bend_diverged", "the training of the bend ended after %d steps with a gradient that is not finite or too large: a lower learning rate than %v is needed", s.Steps, o.LearningRate)
	add(s.NonfiniteLosses > 0, "nonfinite_losses", "%d losses are NaN or infinite: they are kept, and what would need them is absent", s.NonfiniteLosses)
	if straight, trained := s.Straight.BarrierEnds, s.Curve.BarrierEnds; straight.Valid && trained.Valid && straight.Value > 0 {
		add(trained.Value >= straight.Value, "bend_no_better", "the trained curve has a barrier of %.4g above the higher end, the straight line one of %.4g: the training has not found a way around", trained.Value, straight.Value)
	}
}

// stillImproving says that the training of the bend ended before the bend had settled.
func (r *ConnectResult) stillImproving() string {
	s := &r.Summary
	if !s.StillFalling.Valid {
		return fmt.Sprintf("the training of the curve ended after %d steps, too early to see whether the bend had settled: a barrier on it may not be one of the loss", s.Steps)
	}
	return fmt.Sprintf("the curve was still improving when its training ended after %d steps (its mean loss fell by %.3g %% of the straight line's excess per 100 steps): more steps may find a lower curve, and a barrier on this one is an upper bound", s.Steps, 100*s.StillFalling.Value)
}
