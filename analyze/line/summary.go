package line

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// Summary has the numbers of the line between two iterates, and of the path and the trained
// curve between the same iterates.
type Summary struct {
	Ends *Ends       `json:"-"` // nil when unknown; a result has them in its options
	Line LossSummary `json:"line"`
	// Aligned is the line to the second end with permuted hidden units, and Alignment says how
	// they were permuted; nil without an alignment.
	Aligned   *LossSummary    `json:"aligned,omitempty"`
	Alignment *align.Summary  `json:"alignment,omitempty"`
	Path      *PathSummary    `json:"path,omitempty"`  // nil between two runs
	Curve     *ConnectSummary `json:"curve,omitempty"` // nil without a trained curve
}

// Ends names the two iterates that a line goes through.
type Ends struct {
	From  int64  `json:"from_step"`
	To    int64  `json:"to_step"`
	ToRun string `json:"to_run"` // directory of the second iterate's run; empty for the same run
}

// String writes the ends, such as "step 0 to step 20 of other".
func (e *Ends) String() string {
	text := fmt.Sprintf("step %d to step %d", e.From, e.To)
	if e.ToRun != "" {
		text += " of " + filepath.Base(e.ToRun)
	}
	return text
}

// LossSummary has the numbers of the loss on a line. The floor is over all points. The
// fields from MonotonicityDelta to BarrierOverEnds are over the points with alpha in [0, 1],
// and are absent when one of these losses is NaN or infinite.
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
	// parabola. FloorAtEdge says that the minimum may be outside of the range.
	FloorPosition record.Optional `json:"floor_position"`
	FloorLoss     record.Optional `json:"floor_loss"`
	FloorAtEdge   bool            `json:"floor_at_edge"`

	// MonotonicityDelta is the largest increment of the loss from one alpha to the next. It
	// is at most 0 when the loss falls all the way. LargestRise is the largest rise from a
	// point to any later point (Lucas et al. 2021), at least 0. Unlike the increment it does
	// not depend on the number of alphas.
	MonotonicityDelta record.Optional `json:"monotonicity_delta"`
	LargestRise       record.Optional `json:"largest_rise"`
	Monotone          *bool           `json:"monotone"`      // no increment is above the tolerance
	FallingRatio      record.Optional `json:"falling_ratio"` // share of the increments that are at most 0
	// MinSecond is the smallest second difference divided by h^2: the smallest second
	// derivative.
	MinSecond   record.Optional `json:"min_second_diff"`
	ConvexRatio record.Optional `json:"convex_ratio"` // share of the second differences that are at least 0
	// BelowChordRatio is the share of the interior points below the chord from (0, loss at a)
	// to (1, loss at b).
	BelowChordRatio record.Optional `json:"below_chord_ratio"`

	// BarrierHeight is the highest loss minus the mean of the two ends (Frankle et al. 2020).
	// When the ends have different losses, it is above 0 even without a barrier.
	// BarrierOverChord is the largest excess over the chord, and BarrierOverEnds the largest
	// excess over the higher end. Both are at least 0 and do not have this problem.
	BarrierHeight    record.Optional `json:"barrier_height"`
	BarrierAlpha     record.Optional `json:"barrier_alpha"` // of the highest loss
	BarrierOverChord record.Optional `json:"barrier_over_chord"`
	BarrierOverEnds  record.Optional `json:"barrier_over_ends"`

	SlopeStart record.Optional `json:"slope_start"` // d loss / d alpha at a, from the 5 nearest points
	SlopeEnd   record.Optional `json:"slope_end"`   // at b

	Also []MeasureSummary `json:"also"` // of Options.Also, over alpha in [0, 1]

	NonfiniteLosses int `json:"nonfinite_losses"` // over all points
}

// MeasureSummary has the numbers of a further measure. For an error the barrier above is the
// relevant one, and for an accuracy the barrier below. Frankle et al. (2020) call two ends
// connected when the error has a barrier below 0.02.
type MeasureSummary struct {
	Name         string          `json:"name"`
	Start        record.Optional `json:"start"`
	End          record.Optional `json:"end"`
	Min          record.Optional `json:"min"`
	Max          record.Optional `json:"max"`
	BarrierAbove record.Optional `json:"barrier_above"` // Max minus the mean of the ends
	BarrierBelow record.Optional `json:"barrier_below"` // mean of the ends minus Min
}

// nonfinite counts the values that are NaN or infinite.
func nonfinite(x []float64) int {
	n := 0
	for _, v := range x {
		if v-v != 0 {
			n++
		}
	}
	return n
}

// summarize computes the numbers of a line of the given length from the columns of its points.
func (j *Job) summarize(length float64, columns [][]float64) LossSummary {
	alphas, zero, one, o := j.alphas, j.zero, j.one, &j.opts
	losses := columns[0]
	s := LossSummary{
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
	return s
}

// shape measures the losses f at the alphas x from 0 to 1, at least two.
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

// measure returns the numbers of a further measure with the values f from a to b.
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

// warn adds warnings about the numbers of the summary.
func (r *Result) warn(o *Options) {
	var w analyze.Warnings
	s := &r.Summary
	w.Add(s.NonfiniteLosses > 0, "nonfinite_losses",
		"%d of %d losses are NaN or infinite: they are kept, and the values "+
			"that depend on them are absent", s.NonfiniteLosses, s.Points)
	w.Add(s.FloorAtEdge && o.Mode != Connectivity, "floor_at_edge", "the lowest point is at the edge of the range, "+
		"alpha %.4g: the minimum of the line may be farther out", s.FloorPosition.Value)
	w.Add(s.Inside < 10, "few_alphas", "there are only %d points from end to end: they can miss a barrier", s.Inside)
	if d := s.MonotonicityDelta; d.Valid && s.Monotone != nil && !*s.Monotone {
		limit := 0x1p-23 * max(math.Abs(s.LossStart.Value), math.Abs(s.LossEnd.Value))
		w.Add(d.Value < limit, "rises_below_float32",
			"the loss rises by at most %.3g from one alpha to the next, which "+
				"rounding to float32 can cause", d.Value)
	}
	w.Add(s.BarrierHeight.Valid && s.BarrierOverEnds.Value <= 0 && s.BarrierHeight.Value > o.Tolerance,
		"barrier_of_unequal_ends",
		"the barrier height of %.4g is half the difference of the losses at the ends: no point "+
			"between the ends is higher than both", s.BarrierHeight.Value)
	if a := r.Aligned; a != nil {
		w.Add(a.NonfiniteLosses > 0, "nonfinite_aligned_losses", "%d of %d losses on the line to the aligned end are NaN or "+
			"infinite: they are kept, and the values that depend on them are absent", a.NonfiniteLosses, a.Points)
		w.Add(!align.SameLoss(a.LossEnd.Value, s.LossEnd.Value), "aligned_end_differs",
			"the second end has the loss %.6g, and %.6g when its hidden units are permuted: it must be the same function, so "+
				"the names of axes are wrong, or the loss uses statistics of normalization layers that do not belong to it",
			s.LossEnd.Value, a.LossEnd.Value)
	}
	r.Warnings = w
}
