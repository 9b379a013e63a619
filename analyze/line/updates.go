package line

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// UpdatesResult compares the steps of a walk with an exact line search on the full loss. The
// caller owns the table. l(s) is the loss at distance s from the iterate along the step, so
// that steps of different lengths can be compared.
type UpdatesResult struct {
	// Table has one row per segment of the walk:
	//
	//	row, step, epoch
	//	step_length            s_upd, the length of the update
	//	optimum                s_opt, the distance of the lowest loss: the floor of the walk
	//	optimum_at_edge        the optimum is at the edge of the samples; the true optimum may be farther out
	//	optimum_minus_step     s_opt - s_upd; 0 for an exact line search, negative for a step beyond the optimum
	//	improvement            l(0) - l(s_upd)
	//	best_improvement       l(0) - l(s_opt)
	//	relative_improvement   the ratio of the two; 1 for an exact line search
	//	slope                  l'(0)
	//	curvature              (l'(s_upd) - l'(0)) / s_upd
	//	optimum_per_slope      s_opt / |l'(0)|: the rate at which gradient descent along the line ends at the optimum
	//	parabola_mae           mean absolute residual of the least-squares parabola
	//	parabola_mae_ratio     parabola_mae divided by the range of the sampled losses: 0 for a parabola
	//	shape_distance         mean |difference| between this curve and the curve before it, both shifted so that
	//	                       their minima coincide
	Table    record.Table
	Summary  UpdatesSummary
	Warnings []analyze.Warning
}

// UpdatesSummary describes the columns of the table. A ratio is over the segments with a
// known answer.
type UpdatesSummary struct {
	Segments            int                  `json:"segments"`
	OvershootRatio      record.Optional      `json:"overshoot_ratio"` // share of the steps that went beyond the optimum
	OptimumAtEdgeRatio  record.Optional      `json:"optimum_at_edge_ratio"`
	StepLength          analyze.Distribution `json:"step_length"`
	Optimum             analyze.Distribution `json:"optimum"`
	OptimumMinusStep    analyze.Distribution `json:"optimum_minus_step"`
	Improvement         analyze.Distribution `json:"improvement"`
	RelativeImprovement analyze.Distribution `json:"relative_improvement"`
	OptimumPerSlope     analyze.Distribution `json:"optimum_per_slope"`
	ParabolaMAERatio    analyze.Distribution `json:"parabola_mae_ratio"`
	ShapeDistance       analyze.Distribution `json:"shape_distance"`
}

// segment has the values of one segment of the walk.
type segment struct {
	length                 float64
	alphas, losses         []float64
	floor, floorLoss       record.Optional
	slope, curvature       record.Optional
	heightStart, heightEnd record.Optional // absent without a floor
	mae                    record.Optional
	row, step, epoch       int64
	optimumAtEdge          bool
	known                  bool // has a floor and a length above 0
}

// Updates computes the metrics of Mutschler and Zell (2021) from the samples of a walk. It
// does not evaluate the loss. The samples should extend beyond the step (alphas -0.5:2:26),
// because an optimum beyond the samples is cut off. A segment with a loss that is not finite
// has a row without values.
func Updates(r *walk.Result) (*UpdatesResult, error) {
	segments, err := segmentsOf(r)
	if err != nil {
		return nil, err
	}
	rows := make([]updateRow, len(segments))
	beyond, known := 0, 0
	for i := range segments {
		var before *segment
		if i > 0 && segments[i].step == segments[i-1].step+1 {
			before = &segments[i-1]
		}
		rows[i] = segments[i].compare(before)
		if d := rows[i].OptimumMinusStep; d.Valid {
			known++
			if d.Value < 0 {
				beyond++
			}
		}
	}
	u := &UpdatesResult{Table: column.Of(rows)}
	u.Summary.Segments = len(segments)
	if known > 0 {
		u.Summary.OvershootRatio = record.Some(float64(beyond) / float64(known))
	}
	u.Summary.describe(&u.Table)
	var w analyze.Warnings
	if e := u.Summary.OptimumAtEdgeRatio; e.Valid && e.Value > 0 {
		w.Add(true, "optimum_at_edge",
			"%.3g %% of the optima are at the edge of the samples: the true optima may be farther "+
				"out, and the metrics are cut off there", 100*e.Value)
	}
	u.Warnings = w
	return u, nil
}

// describe fills in what the columns of the table determine.
func (s *UpdatesSummary) describe(t *record.Table) {
	s.OptimumAtEdgeRatio = analyze.Share(t.Column("optimum_at_edge"))
	s.StepLength = analyze.Describe(t.Column("step_length"))
	s.Optimum = analyze.Describe(t.Column("optimum"))
	s.OptimumMinusStep = analyze.Describe(t.Column("optimum_minus_step"))
	s.Improvement = analyze.Describe(t.Column("improvement"))
	s.RelativeImprovement = analyze.Describe(t.Column("relative_improvement"))
	s.OptimumPerSlope = analyze.Describe(t.Column("optimum_per_slope"))
	s.ParabolaMAERatio = analyze.Describe(t.Column("parabola_mae_ratio"))
	s.ShapeDistance = analyze.Describe(t.Column("shape_distance"))
}

// segmentsOf reads the tables of the walk. The slices share its memory.
func segmentsOf(r *walk.Result) ([]segment, error) {
	t, l := &r.Segments, &r.Losses
	n := t.Len()
	if n == 0 || l.Len() == 0 || l.Len()%n != 0 {
		return nil, fmt.Errorf("line: the walk has %d segments and %d samples; it must have at least one segment, and every "+
			"segment the same number of samples", n, l.Len())
	}
	per := l.Len() / n
	value := func(name string, i int) record.Optional {
		c := t.Column(name)
		return record.Optional{Value: c.Floats[i], Valid: c.Valid == nil || c.Valid[i]}
	}
	segments := make([]segment, n)
	for i := range segments {
		s := &segments[i]
		s.row, s.step, s.epoch = t.Column("row").Ints[i], t.Column("step").Ints[i], t.Column("epoch").Ints[i]
		s.length = t.Column("step_length").Floats[i]
		s.alphas, s.losses = l.Column("alpha").Floats[i*per:(i+1)*per], l.Column("loss").Floats[i*per:(i+1)*per]
		s.floor, s.floorLoss = value("floor_position", i), value("floor_loss", i)
		s.slope, s.curvature = value("slope_start", i), value("curvature", i)
		s.heightStart, s.heightEnd = value("height_start", i), value("height_end", i)
		s.mae = value("mae_degree_2", i)
		s.optimumAtEdge = t.Column("floor_at_edge").Bools[i]
		s.known = s.floor.Valid && s.length > 0
	}
	return segments, nil
}

// updateRow is a row of UpdatesResult.Table, which defines the columns.
type updateRow struct {
	Row              int64           `col:"row"`
	Step             int64           `col:"step"`
	Epoch            int64           `col:"epoch"`
	Length           float64         `col:"step_length"`
	Optimum          record.Optional `col:"optimum"`
	AtEdge           column.Truth    `col:"optimum_at_edge"`
	OptimumMinusStep record.Optional `col:"optimum_minus_step"`
	Improvement      record.Optional `col:"improvement"`
	Best             record.Optional `col:"best_improvement"`
	Relative         record.Optional `col:"relative_improvement"`
	Slope            record.Optional `col:"slope"`
	Curvature        record.Optional `col:"curvature"`
	OptimumPerSlope  record.Optional `col:"optimum_per_slope"`
	MAE              record.Optional `col:"parabola_mae"`
	MAERatio         record.Optional `col:"parabola_mae_ratio"`
	ShapeDistance    record.Optional `col:"shape_distance"`
}

// compare returns the row of a segment. before is the segment of the step before, or nil
// when the walk does not have it.
func (s *segment) compare(before *segment) updateRow {
	when := func(v float64, valid bool) record.Optional { return record.Optional{Value: v, Valid: s.known && valid} }
	optimum := s.floor.Value * s.length
	slope := s.slope.Value / s.length
	// The difference of the heights, not of the losses: on a short step the difference of
	// two losses is mostly rounding.
	best := s.heightStart.Value
	improvement := best - s.heightEnd.Value
	low, high := slices.Min(s.losses), slices.Max(s.losses)
	distance, ok := 0.0, false
	if before != nil && before.known && s.known && before.mae.Valid &&
		s.mae.Valid { // without a fit the samples are rounding
		distance, ok = shapeDistance(s, before)
	}
	return updateRow{
		Row: s.row, Step: s.step, Epoch: s.epoch, Length: s.length,
		Optimum:          when(optimum, true),
		AtEdge:           column.Truth{Value: s.optimumAtEdge, Valid: s.known},
		OptimumMinusStep: when(optimum-s.length, true),
		Improvement:      when(improvement, true),
		Best:             when(best, true),
		Relative:         when(improvement/best, best > 0),
		Slope:            when(slope, s.slope.Valid),
		Curvature:        when(s.curvature.Value/(s.length*s.length), s.curvature.Valid),
		OptimumPerSlope:  when(optimum/math.Abs(slope), s.slope.Valid && slope != 0),
		MAE:              when(s.mae.Value, s.mae.Valid),
		MAERatio:         when(s.mae.Value/(high-low), s.mae.Valid && high > low),
		ShapeDistance:    when(distance, ok),
	}
}

// shapeDistance returns the mean absolute difference between two curves. Each curve is the
// loss above its minimum as a function of the distance from its minimum. The mean is over
// the samples of a that b covers, and b is interpolated linearly. ok is false when b covers
// fewer than three samples.
func shapeDistance(a, b *segment) (mean float64, ok bool) {
	n := 0
	for i, alpha := range a.alphas {
		// b's alpha at the same distance from its minimum.
		at := b.floor.Value + (alpha-a.floor.Value)*a.length/b.length
		v, inside := curve.Linear(b.alphas, b.losses, at)
		if !inside {
			continue
		}
		mean += math.Abs((a.losses[i] - a.floorLoss.Value) - (v - b.floorLoss.Value))
		n++
	}
	return mean / float64(max(n, 1)), n >= 3
}
