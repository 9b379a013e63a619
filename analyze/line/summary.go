package line

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// Summary has the numbers of the line between two iterates, and of the path and the
// trained curve between them.
type Summary struct {
	Ends  *Ends           `json:"-"` // nil when they are unknown: they are among the options of a result
	Line  LossSummary     `json:"line"`
	Path  *PathSummary    `json:"path,omitempty"`  // nil between two runs
	Curve *ConnectSummary `json:"curve,omitempty"` // nil without a trained curve
}

// Ends names the two iterates that a line goes through.
type Ends struct {
	From  int64  `json:"from_step"`
	To    int64  `json:"to_step"`
	ToRun string `json:"to_run"` // of the second one; empty for the same run
}

// String writes the ends, such as "step 0 to step 20 of other".
func (e *Ends) String() string {
	text := fmt.Sprintf("step %d to step %d", e.From, e.To)
	if e.ToRun != "" {
		text += " of " + filepath.Base(e.ToRun)
	}
	return text
}

// LossSummary has the numbers of the loss on a line. Everything from MonotonicityDelta
// on is over the points with alpha in [0, 1], and absent when one of them is NaN or
// infinite; the floor is over all points.
type LossSummary struct {
	Mode     Mode    `json:"mode"`
	Points   int     `json:"points"`
	AlphaMin float64 `json:"alpha_min"`
	AlphaMax float64 `json:"alpha_max"`
	Inside   int     `json:"inside"`   // points with alpha in [0, 1], ends included
	Distance float64 `json:"distance"` // |b - a|

	LossStart record.Optional `json:"loss_start"` // at a
	LossEnd   record.Optional `json:"loss_end"`   // at b

	// FloorPosition is the alpha of the lowest point of the whole range, refined by a
	// parabola; FloorAtEdge says that the range may be too short for it.
	FloorPosition record.Optional `json:"floor_position"`
	FloorLoss     record.Optional `json:"floor_loss"`
	FloorAtEdge   bool            `json:"floor_at_edge"`

	// MonotonicityDelta is the largest increment of the loss from one alpha to the
	// next: not above 0 where the loss falls all the way. LargestRise is the largest
	// rise between any two points in order (Lucas et al. 2021), at least 0; it does
	// not depend on how fine the alphas are.
	MonotonicityDelta record.Optional `json:"monotonicity_delta"`
	LargestRise       record.Optional `json:"largest_rise"`
	Monotone          *bool           `json:"monotone"`      // no increment is above the tolerance
	FallingRatio      record.Optional `json:"falling_ratio"` // share of the increments that are at most 0
	// smallest second difference / h^2, the smallest second derivative
	MinSecond   record.Optional `json:"min_second_diff"`
	ConvexRatio record.Optional `json:"convex_ratio"` // share of the second differences that are at least 0
	// share of the interior points below the straight line from (0, loss a) to (1, loss b)
	BelowChordRatio record.Optional `json:"below_chord_ratio"`

	// BarrierHeight is the highest loss minus the mean of the two ends (Frankle et
	// al. 2020); with ends of unequal loss it is positive without any barrier, which
	// the two others are not: BarrierOverChord is the largest excess over the straight
	// line between the ends, BarrierOverEnds that over the higher end; both at least 0.
	BarrierHeight    record.Optional `json:"barrier_height"`
	BarrierAlpha     record.Optional `json:"barrier_alpha"` // of the highest loss
	BarrierOverChord record.Optional `json:"barrier_over_chord"`
	BarrierOverEnds  record.Optional `json:"barrier_over_ends"`

	SlopeStart record.Optional `json:"slope_start"` // d loss / d alpha at a, from the 5 nearest points
	SlopeEnd   record.Optional `json:"slope_end"`   // at b

	Also []MeasureSummary `json:"also"` // of Options.Also, over alpha in [0, 1]

	NonfiniteLosses int `json:"nonfinite_losses"` // over all points
}

// MeasureSummary has the numbers of a further measure. Which of the two barriers
// counts depends on the measure: that above for an error, that below for an
// accuracy. Ends are called connected by Frankle et al. (2020) when the error has
// a barrier below 0.02.
type MeasureSummary struct {
	Name         string          `json:"name"`
	Start        record.Optional `json:"start"`
	End          record.Optional `json:"end"`
	Min          record.Optional `json:"min"`
	Max          record.Optional `json:"max"`
	BarrierAbove record.Optional `json:"barrier_above"` // Max minus the mean of the ends
	BarrierBelow record.Optional `json:"barrier_below"` // mean of the ends minus Min
}

func nonfinite(x []float64) int {
	n := 0
	for _, v := range x {
		if v-v != 0 {
			n++
		}
	}
	return n
}

func (r *Result) summarize(alphas []float64, columns [][]float64, length float64, o *Options) {
	zero, one := slices.Index(alphas, 0), slices.Index(alphas, 1)
	losses := columns[0]
	s := &r.Summary
	*s = LossSummary{
		Mode: o.Mode, Points: len(alphas), AlphaMin: alphas[0], AlphaMax: alphas[len(alphas)-1],
		Inside: one - zero + 1, Distance: length,
		LossStart: record.Some(losses[zero]), LossEnd: record.Some(losses[one]),
		NonfiniteLosses: nonfinite(losses), Also: []MeasureSummary{},
	}
	if s.NonfiniteLosses == 0 {
		position, floor, edge := curve.Floor(alphas, losses)
		s.FloorPosition, s.FloorLoss, s.FloorAtEdge = record.Some(position), record.Some(floor), edge
		s.SlopeStart = record.Some(curve.NewStencil(alphas, zero).Apply(losses))
		s.SlopeEnd = record.Some(curve.NewStencil(alphas, one).Apply(losses))
	}
	if inside := losses[zero : one+1]; nonfinite(inside) == 0 {
		s.shape(alphas[zero:one+1], inside, o.Tolerance)
	}
	for i, m := range o.Also {
		s.Also = append(s.Also, measure(m.Name, columns[1+i][zero:one+1]))
	}
	r.warn(o)
}

// shape measures the points from a to b, at least two.
func (s *LossSummary) shape(x, f []float64, tolerance float64) {
	last := len(x) - 1
	delta, rise, low := math.Inf(-1), 0.0, f[0]
	falling := 0
	for i := 1; i <= last; i++ {
		d := f[i] - f[i-1]
		delta = max(delta, d)
		if d <= 0 {
			falling++
		}
		rise, low = max(rise, f[i]-low), min(low, f[i])
	}
	monotone := delta <= tolerance
	s.MonotonicityDelta, s.LargestRise, s.Monotone = record.Some(delta), record.Some(rise), &monotone
	s.FallingRatio = record.Some(float64(falling) / float64(last))

	highest, chord, below, convex, second := 0, 0.0, 0, 0, math.Inf(1)
	for i := range f {
		if f[i] > f[highest] {
			highest = i
		}
		if i == 0 || i == last {
			continue
		}
		over := f[i] - ((1-x[i])*f[0] + x[i]*f[last])
		chord = max(chord, over)
		if over < 0 {
			below++
		}
		d := 2 * ((f[i+1]-f[i])/(x[i+1]-x[i]) - (f[i]-f[i-1])/(x[i]-x[i-1])) / (x[i+1] - x[i-1])
		second = min(second, d)
		if d >= 0 {
			convex++
		}
	}
	s.BarrierHeight = record.Some(f[highest] - (f[0]/2 + f[last]/2))
	s.BarrierAlpha = record.Some(x[highest])
	s.BarrierOverChord, s.BarrierOverEnds = record.Some(chord), record.Some(f[highest]-max(f[0], f[last]))
	if interior := float64(last - 1); interior > 0 {
		s.MinSecond = record.Some(second)
		s.ConvexRatio = record.Some(float64(convex) / interior)
		s.BelowChordRatio = record.Some(float64(below) / interior)
	}
}

func measure(name string, f []float64) MeasureSummary {
	s := MeasureSummary{Name: name, Start: record.Some(f[0]), End: record.Some(f[len(f)-1])}
	if nonfinite(f) > 0 {
		return s
	}
	mean := s.Start.Value/2 + s.End.Value/2
	s.Min, s.Max = record.Some(slices.Min(f)), record.Some(slices.Max(f))
	s.BarrierAbove, s.BarrierBelow = record.Some(s.Max.Value-mean), record.Some(mean-s.Min.Value)
	return s
}

// MonotoneRatio returns the share of the lines on which the loss falls all the
// way, among those where that can be told; absent when there is none.
func MonotoneRatio(results ...*Result) record.Optional {
	yes, all := 0, 0
	for _, r := range results {
		if m := r.Summary.Monotone; m != nil {
			all++
			if *m {
				yes++
			}
		}
	}
	if all == 0 {
		return record.Optional{}
	}
	return record.Some(float64(yes) / float64(all))
}

func (r *Result) warn(o *Options) {
	add := func(when bool, code, format string, args ...any) {
		if when {
			r.Warnings = append(r.Warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
		}
	}
	s := &r.Summary
	add(s.NonfiniteLosses > 0, "nonfinite_losses", "%d of %d losses are NaN or infinite: they are kept, and what "+
		"would need them is absent", s.NonfiniteLosses, s.Points)
	add(s.FloorAtEdge && o.Mode != Connectivity, "floor_at_edge", "the lowest point is at the edge of the range, "+
		"alpha %.4g: the minimum of the line may be farther out", s.FloorPosition.Value)
	add(s.Inside < 10, "few_alphas", "%d points from end to end: a barrier between them is easily missed", s.Inside)
	if d := s.MonotonicityDelta; d.Valid && s.Monotone != nil && !*s.Monotone {
		limit := 0x1p-23 * max(math.Abs(s.LossStart.Value), math.Abs(s.LossEnd.Value))
		add(d.Value < limit, "rises_below_float32", "the loss rises by at most %.3g from one alpha to the next, "+
			"which float32 rounding alone can make", d.Value)
	}
	if s.BarrierHeight.Valid && s.BarrierOverEnds.Value <= 0 && s.BarrierHeight.Value > o.Tolerance {
		add(true, "barrier_of_unequal_ends", "the barrier height of %.4g is half the difference of the ends' losses: "+
			"no point between them is higher than both", s.BarrierHeight.Value)
	}
}
