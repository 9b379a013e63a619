package walk

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Summary has the numbers of a whole walk; the columns it describes are those of
// Result.Segments. A ratio is over the segments where the answer exists; a value
// that cannot be had is null.
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

	FloorInteriorRatio record.Optional `json:"floor_interior_ratio"` // share of segments with 0 < s* < 1
	FloorAtEdgeRatio   record.Optional `json:"floor_at_edge_ratio"`  // share of segments with the floor at the first or last alpha
	RisesRatio         record.Optional `json:"rises_ratio"`          // share of segments that end higher than they start
	// FloorPositionWeighted is sum of -phi'(0) over sum of curvature: the mean of
	// s*, each segment weighted with its curvature. It is 1/2 for every stationary
	// walk on a quadratic. Absent unless the curvatures add up to more than 0.
	FloorPositionWeighted record.Optional      `json:"floor_position_weighted"`
	FloorPosition         analyze.Distribution `json:"floor_position"`
	FloorLoss             analyze.Distribution `json:"floor_loss"`
	HeightStart           analyze.Distribution `json:"height_start"`
	HeightEnd             analyze.Distribution `json:"height_end"`
	HeightMean            analyze.Distribution `json:"height_mean"`

	Barriers int `json:"barriers"` // segments with a sample above both ends
	// BarriersBelowFloat32 counts those of them that are lower than 2^-23 of the
	// loss at the higher end: rounding theta and the forward pass to float32 makes
	// ripples of that size.
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

	// What float32 does not resolve has no value and takes no part in any number above.
	ZeroSegments         int                  `json:"zero_segments"`             // steps of length 0
	UnresolvedSegments   int                  `json:"unresolved_segments"`       // of the steps without a curvature, those that have no floor either
	UnresolvedCurvatures int                  `json:"unresolved_curvatures"`     // steps whose curvature neither the losses nor a product tell
	ProductCurvatures    int                  `json:"product_curvatures"`        // steps whose curvature is that of a product with the Hessian
	ProductsAbsent       string               `json:"products_absent,omitempty"` // why a step has none, when one does not
	LossResolution       analyze.Distribution `json:"loss_resolution"`

	NonfiniteSegments int `json:"nonfinite_segments"` // segments with a sample that is NaN or infinite
	NonfiniteLosses   int `json:"nonfinite_losses"`   // samples in the table of losses that are NaN or infinite
	UnfollowedRows    int `json:"unfollowed_rows"`    // chosen iterates whose next step is not recorded

	// How far the losses at the iterates are from the full losses that the run
	// recorded while training; null when it recorded none.
	RecordedLosses          int             `json:"recorded_losses"`
	RecordedLossMaxAbsolute record.Optional `json:"recorded_loss_max_difference"`
}

func summarize(r *Result, p *plan, w *walker, b *builder) Summary {
	t, alphas := &r.Segments, w.grid.alphas
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
		UnfollowedRows:   p.unfollowed,
		RecordedLosses:   w.compared,
		ZeroSegments:     b.zero, UnresolvedSegments: b.noFloor, UnresolvedCurvatures: b.noCurvature,
		ProductCurvatures: b.products, ProductsAbsent: w.products.why,
	}
	if w.compared > 0 {
		s.RecordedLossMaxAbsolute = record.Some(w.maxDifference)
	}
	describe(&s, t)
	for _, v := range r.Losses.Column("loss").Floats {
		if v-v != 0 {
			s.NonfiniteLosses++
		}
	}
	return s
}

// describe fills in what the table of segments says.
func describe(s *Summary, t *record.Table) {
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
	slope, curvature := t.Column("slope_start"), t.Column("curvature")
	start, end, barrier := t.Column("loss_start"), t.Column("loss_end"), t.Column("barrier_height")
	var slopes, curvatures float64
	for i := range t.Len() {
		if (slope.Valid == nil || slope.Valid[i]) && (curvature.Valid == nil || curvature.Valid[i]) {
			slopes += slope.Floats[i]
			curvatures += curvature.Floats[i]
		}
		if barrier.Valid == nil || barrier.Valid[i] {
			s.Barriers++
			if barrier.Floats[i] < 0x1p-23*max(start.Floats[i], end.Floats[i]) {
				s.BarriersBelowFloat32++
			}
		}
		if t.Column("nonfinite").Ints[i] > 0 {
			s.NonfiniteSegments++
		}
	}
	if curvatures > 0 {
		s.FloorPositionWeighted = record.Some(-slopes / curvatures)
	}
}

// tooShort says of the steps whose losses do not tell the curvature where it is from.
func tooShort(s *Summary) string {
	n := s.ProductCurvatures + s.UnresolvedCurvatures
	text := fmt.Sprintf("of %d of %d steps the sampled losses do not tell the curvature: it is smaller than what their noise makes of it (rounding to float32 on a short step, kinks on a long one)", n, s.Segments)
	if p := s.ProductCurvatures; p > 0 {
		text += fmt.Sprintf(". Of %d of them it is d'Hd, from one gradient and one exact product with the Hessian each, at the first iterate (curvature_source is %s)", p, fromHessian)
	}
	if u := s.UnresolvedCurvatures; u > 0 {
		text += fmt.Sprintf(". Of %d of them curvature, sharpness and eta_sharpness are absent, and of %d the floor too: %s. They take part in no mean, share or null", u, s.UnresolvedSegments, s.ProductsAbsent)
	}
	return text
}

// farther names alphas that reach farther than those of the walk, if it had fewer.
func farther(s *Summary) string {
	if s.AlphaMin <= -0.5 && s.AlphaMax >= 2 {
		return ""
	}
	return "; more alphas (for example -0.5:2:26) show it"
}

func warnings(s *Summary, o *Options) []analyze.Warning {
	var w []analyze.Warning
	add := func(when bool, code, format string, args ...any) {
		if when {
			w = append(w, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
		}
	}
	add(s.NonfiniteSegments > 0, "nonfinite_losses", "%d of %d segments have NaN or infinite losses (%d samples): the samples are kept, and the segments have no floor, height or barrier", s.NonfiniteSegments, s.Segments, s.NonfiniteLosses)
	if e := s.FloorAtEdgeRatio; e.Valid && e.Value > 0 {
		add(true, "floor_at_edge", "%.3g %% of the floors lie at the first or last alpha: the minimum may be beyond %v to %v, and s* is cut off there%s", 100*e.Value, s.AlphaMin, s.AlphaMax, farther(s))
	}
	add(s.ZeroSegments > 0, "zero_steps", "%d of %d steps have length 0: they have no floor, height or curvature", s.ZeroSegments, s.Segments)
	add(s.UnresolvedCurvatures+s.ProductCurvatures > 0, "below_rounding", "%s", tooShort(s))
	add(s.BarriersBelowFloat32 > 0, "barriers_below_float32", "%d of %d barriers are lower than 2^-23 of the loss, which float32 rounding alone can make", s.BarriersBelowFloat32, s.Barriers)
	add(s.UnfollowedRows > 0, "steps_missing", "%d chosen iterates are not followed by that of the next step and start no segment", s.UnfollowedRows)
	add(s.Alphas < 5, "few_alphas", "%d samples on a segment: slopes and curvature come from a polynomial of degree %d", s.Alphas, s.Alphas-1)
	add(o.Direction == Gradient, "along_gradient", "the segments follow -eta g_k, not the update: their ends are not the iterates")
	null := &s.Null
	add(null.Absent != "", "no_null", "there is no noisy quadratic to compare with: %s", null.Absent)
	if null.Absent == "" && s.FloorInteriorRatio.Valid && s.RisesRatio.Valid {
		add(true, "null", "a stationary noisy quadratic of the same curvature along the steps (eta*lambda = %.3g, %d directions) has %.3g %% interior floors and %.3g %% rising steps; this walk has %.3g %% and %.3g %%: only the difference says something about the loss",
			null.LearningRate*null.Eigenvalue, null.Directions, 100*null.FloorInteriorRatio.Value, 100*null.RisesRatio.Value, 100*s.FloorInteriorRatio.Value, 100*s.RisesRatio.Value)
	}
	if d := s.RecordedLossMaxAbsolute; d.Valid && d.Value > 0 {
		add(true, "recorded_loss_differs", "the losses at the iterates differ by up to %.3g from the %d that the run recorded: other data, another processor or another policy", d.Value, s.RecordedLosses)
	}
	return w
}
