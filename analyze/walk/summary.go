package walk

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Summary has the numbers of a whole walk. It describes the columns of Result.Segments. A
// ratio is over the segments with a known answer. A value that cannot be computed is null.
type Summary struct {
	Segments         int       `json:"segments"`
	FirstStep        int64     `json:"first_step"` // of the first segment
	LastStep         int64     `json:"last_step"`  // of the last segment
	Direction        Direction `json:"direction"`
	AlphaMin         float64   `json:"alpha_min"`
	AlphaMax         float64   `json:"alpha_max"`
	Alphas           int       `json:"alphas"`      // samples on a segment
	Evaluations      int       `json:"evaluations"` // points of the loss in the tables, shared iterates counted once
	BarrierTolerance float64   `json:"barrier_tolerance"`

	// Shares of the segments with 0 < s* < 1, with the floor at the first or last alpha, and
	// with a higher loss at the end than at the start.
	FloorInteriorRatio record.Optional `json:"floor_interior_ratio"`
	FloorAtEdgeRatio   record.Optional `json:"floor_at_edge_ratio"`
	RisesRatio         record.Optional `json:"rises_ratio"`
	// FloorPositionWeighted is the sum of -phi'(0) divided by the sum of the curvatures: the
	// mean of s*, with each segment weighted by its curvature. It is 1/2 for every
	// stationary walk on a quadratic. It is absent unless the sum of the curvatures is
	// above 0.
	FloorPositionWeighted record.Optional      `json:"floor_position_weighted"`
	FloorPosition         analyze.Distribution `json:"floor_position"`
	FloorLoss             analyze.Distribution `json:"floor_loss"`
	HeightStart           analyze.Distribution `json:"height_start"`
	HeightEnd             analyze.Distribution `json:"height_end"`
	HeightMean            analyze.Distribution `json:"height_mean"`

	Barriers int `json:"barriers"` // segments with a sample above both ends
	// BarriersBelowFloat32 counts the barriers that are lower than 2^-23 of the loss at the
	// higher end. Rounding theta and the forward pass to float32 makes ripples of that size.
	BarriersBelowFloat32 int                  `json:"barriers_below_float32"`
	BarrierHeight        analyze.Distribution `json:"barrier_height"` // over the segments with a barrier

	StepLength       analyze.Distribution    `json:"step_length"`
	Curvature        analyze.Distribution    `json:"curvature"`
	Sharpness        analyze.Distribution    `json:"sharpness"`
	EtaSharpness     analyze.Distribution    `json:"eta_sharpness"`
	ParabolaPosition analyze.Distribution    `json:"parabola_position"`
	CockpitAlpha     analyze.Distribution    `json:"cockpit_alpha"`
	MAE              [4]analyze.Distribution `json:"mae_degree_1_to_4"`
	R2               analyze.Distribution    `json:"r2_degree_2"`

	// Null has the same statistics for a stationary noisy quadratic.
	Null Comparison `json:"null"`

	// A value below the resolution of float32 is absent and does not contribute to any
	// number above.
	ZeroSegments         int `json:"zero_segments"`         // steps of length 0
	UnresolvedSegments   int `json:"unresolved_segments"`   // steps without a curvature and without a floor
	UnresolvedCurvatures int `json:"unresolved_curvatures"` // steps without a curvature from samples or a product
	ProductCurvatures    int `json:"product_curvatures"`    // steps with the curvature from a product
	// ProductsAbsent says why the last unresolved curvature has no product.
	ProductsAbsent string               `json:"products_absent,omitempty"`
	LossResolution analyze.Distribution `json:"loss_resolution"`

	NonfiniteSegments int `json:"nonfinite_segments"` // segments with a sample that is NaN or infinite
	NonfiniteLosses   int `json:"nonfinite_losses"`   // samples in the table of losses that are NaN or infinite
	UnfollowedRows    int `json:"unfollowed_rows"`    // selected iterates whose next step is not recorded

	// RecordedLosses is the number of iterates with a recorded full loss. The difference is
	// the largest one between the evaluated and the recorded loss, null without recorded
	// losses.
	RecordedLosses          int             `json:"recorded_losses"`
	RecordedLossMaxAbsolute record.Optional `json:"recorded_loss_max_difference"`
}

// summarize returns the summary of a walk without the null, which is simulated afterwards.
// There is at least one segment.
func summarize(r *Result, p *selection, w *evaluator, rows []segmentRow) Summary {
	alphas := w.grid.alphas
	s := Summary{
		Segments:         len(p.segments),
		FirstStep:        p.segments[0].Step.Step,
		LastStep:         p.segments[len(p.segments)-1].Step.Step,
		Direction:        w.opts.Direction,
		AlphaMin:         alphas[0],
		AlphaMax:         alphas[len(alphas)-1],
		Alphas:           len(alphas),
		Evaluations:      p.evaluations(len(alphas), w.opts.Direction),
		BarrierTolerance: w.opts.BarrierTolerance,
		UnfollowedRows:   p.withoutNext,
		RecordedLosses:   w.compared,
		ProductsAbsent:   w.hessian.lastReason,
	}
	if w.compared > 0 {
		s.RecordedLossMaxAbsolute = record.Some(w.maxDifference)
	}
	describe(&s, &r.Segments, rows)
	for _, v := range r.Losses.Column("loss").Floats {
		if v-v != 0 {
			s.NonfiniteLosses++
		}
	}
	return s
}

// describe fills in the fields that depend on the segments only. t is the table of the rows.
func describe(s *Summary, t *record.Table, rows []segmentRow) {
	s.FloorInteriorRatio = analyze.Share(t.Column("floor_interior"))
	s.FloorAtEdgeRatio = analyze.Share(t.Column("floor_at_edge"))
	s.RisesRatio = analyze.Share(t.Column("rises"))
	for _, c := range []struct {
		to   *analyze.Distribution
		name string
	}{
		{&s.FloorPosition, "floor_position"},
		{&s.FloorLoss, "floor_loss"},
		{&s.HeightStart, "height_start"},
		{&s.HeightEnd, "height_end"},
		{&s.HeightMean, "height_mean"},
		{&s.BarrierHeight, "barrier_height"},
		{&s.StepLength, "step_length"},
		{&s.LossResolution, "loss_resolution"},
		{&s.Curvature, "curvature"},
		{&s.Sharpness, "sharpness"},
		{&s.EtaSharpness, "eta_sharpness"},
		{&s.ParabolaPosition, "parabola_position"},
		{&s.CockpitAlpha, "cockpit_alpha"},
		{&s.MAE[0], "mae_degree_1"},
		{&s.MAE[1], "mae_degree_2"},
		{&s.MAE[2], "mae_degree_3"},
		{&s.MAE[3], "mae_degree_4"},
		{&s.R2, "r2_degree_2"},
	} {
		*c.to = analyze.Describe(t.Column(c.name))
	}
	var slopes, curvatures float64
	count := func(n *int, condition bool) {
		if condition {
			*n++
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.slopeStart.Valid && r.curvature.Valid {
			slopes += r.slopeStart.Value
			curvatures += r.curvature.Value
		}
		count(&s.Barriers, r.barrierHeight.Valid)
		count(&s.BarriersBelowFloat32,
			r.barrierHeight.Valid && r.barrierHeight.Value < 0x1p-23*max(r.start.Value, r.end.Value))
		count(&s.NonfiniteSegments, r.Nonfinite > 0)
		count(&s.ZeroSegments, r.zero)
		count(&s.UnresolvedSegments, r.unresolved() && !r.floorPosition.Valid)
		count(&s.UnresolvedCurvatures, r.unresolved())
		count(&s.ProductCurvatures, r.source == fromProduct)
	}
	if curvatures > 0 {
		s.FloorPositionWeighted = record.Some(-slopes / curvatures)
	}
}

// describeCurvatures says where the curvature of steps comes from whose samples do not
// determine it.
func (s *Summary) describeCurvatures() string {
	n := s.ProductCurvatures + s.UnresolvedCurvatures
	text := fmt.Sprintf("the sampled losses of %d of %d steps do not determine the curvature, because it is smaller "+
		"than "+
		"the error from their noise (rounding to float32 on a short step, kinks on a long one)", n, s.Segments)
	if p := s.ProductCurvatures; p > 0 {
		text += fmt.Sprintf(". For %d of these steps the curvature is d'Hd at the first iterate, from one gradient "+
			"and one "+
			"exact product with the Hessian each (curvature_source is %s)", p, fromProduct)
	}
	if u := s.UnresolvedCurvatures; u > 0 {
		text += fmt.Sprintf(". For %d of these steps curvature, sharpness and eta_sharpness are absent, and for %d "+
			"the "+
			"floor is absent too, because %s. Absent values do not contribute to a mean, a share or the null",
			u, s.UnresolvedSegments, s.ProductsAbsent)
	}
	return text
}

// suggestAlphas suggests a wider range of alphas. It is empty when the range of the walk is
// wide enough.
func (s *Summary) suggestAlphas() string {
	if s.AlphaMin <= -0.5 && s.AlphaMax >= 2 {
		return ""
	}
	return "; sample farther with more alphas (for example -0.5:2:26)"
}

// warn adds warnings about the numbers of the summary.
func (s *Summary) warn(w *analyze.Warnings, o *Options) {
	w.Add(s.NonfiniteSegments > 0, "nonfinite_losses", "%d of %d segments have NaN or infinite losses (%d samples): "+
		"the "+
		"samples are kept, and the segments have no floor, height or barrier", s.NonfiniteSegments, s.Segments,
		s.NonfiniteLosses)
	if e := s.FloorAtEdgeRatio; e.Valid && e.Value > 0 {
		w.Add(true, "floor_at_edge", "%.3g %% of the floors are at the first or last alpha: the minimum may be "+
			"outside %v to "+
			"%v, and s* is cut off there%s", 100*e.Value, s.AlphaMin, s.AlphaMax, s.suggestAlphas())
	}
	w.Add(s.ZeroSegments > 0, "zero_steps", "%d of %d steps have length 0: they have no floor, height or curvature",
		s.ZeroSegments, s.Segments)
	w.Add(s.UnresolvedCurvatures+s.ProductCurvatures > 0, "below_rounding", "%s", s.describeCurvatures())
	w.Add(s.BarriersBelowFloat32 > 0, "barriers_below_float32", "%d of %d barriers are lower than 2^-23 of the loss: "+
		"rounding to float32 can cause them", s.BarriersBelowFloat32, s.Barriers)
	w.Add(s.UnfollowedRows > 0, "steps_missing", "%d selected iterates start no segment, because the next step is not "+
		"recorded", s.UnfollowedRows)
	w.Add(s.Alphas < 5, "few_alphas", "a segment has only %d samples: slopes and curvature come from a polynomial of "+
		"degree %d", s.Alphas, s.Alphas-1)
	w.Add(o.Direction == Gradient, "along_gradient", "the segments follow -eta g_k, not the update: their ends are "+
		"not "+
		"the iterates")
	null := &s.Null
	w.Add(null.Absent != "", "no_null", "the walk cannot be compared with a noisy quadratic: %s", null.Absent)
	if null.Absent == "" && s.FloorInteriorRatio.Valid && s.RisesRatio.Valid {
		w.Add(true, "null", "a stationary noisy quadratic of the same curvature along the steps (eta*lambda = %.3g, "+
			"%d "+
			"directions) has %.3g %% interior floors and %.3g %% rising steps; this walk has %.3g %% and %.3g %%: "+
			"only the "+
			"difference says something about the loss", null.LearningRate*null.Eigenvalue, null.Directions,
			100*null.FloorInteriorRatio.Value, 100*null.RisesRatio.Value, 100*s.FloorInteriorRatio.Value,
			100*s.RisesRatio.Value)
	}
	if d := s.RecordedLossMaxAbsolute; d.Valid && d.Value > 0 {
		w.Add(true, "recorded_loss_differs", "the losses at the iterates differ by up to %.3g from the %d recorded "+
			"losses: "+
			"the data, the processor or the policy is different", d.Value, s.RecordedLosses)
	}
}
