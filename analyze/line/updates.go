package line

import (
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// UpdatesResult says how the steps of a walk compare with an exact line search on
// the full loss. The table is the caller's. l(s) is the loss at distance s from
// the iterate along the step, so that steps of different lengths can be compared.
type UpdatesResult struct {
	// Table has one row per segment of the walk:
	//
	//	row, step, epoch
	//	step_length            s_upd, how far the update went
	//	optimum                s_opt, where the loss is lowest, by the walk's floor
	//	optimum_at_edge        the optimum is at the edge of the samples: perhaps it is farther out
	//	optimum_minus_step     s_opt - s_upd; 0 for an exact line search, negative for a step that overshot
	//	improvement            l(0) - l(s_upd)
	//	best_improvement       l(0) - l(s_opt)
	//	relative_improvement   the ratio of the two; 1 for an exact line search
	//	slope                  l'(0)
	//	curvature              (l'(s_upd) - l'(0)) / s_upd
	//	optimum_per_slope      s_opt / |l'(0)|: the rate of gradient descent along the line that would end at the optimum
	//	parabola_mae           mean absolute residual of the least-squares parabola
	//	parabola_mae_ratio     the same over the range of the samples: 0 for a parabola
	//	shape_distance         mean |difference| between this curve and the one before, both shifted so that their minima lie on each other
	Table    record.Table
	Summary  UpdatesSummary
	Warnings []analyze.Warning
}

// UpdatesSummary describes the columns of the table. A ratio is over the segments
// where the answer exists.
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

// segment is what is taken from the walk for one segment.
type segment struct {
	length           float64
	alphas, losses   []float64
	floor, floorLoss record.Optional
	slope, curvature record.Optional
	// Absent with the floor.
	heightStart, heightEnd record.Optional
	mae                    record.Optional
	row, step, epoch       int64
	optimumAtEdge, has     bool
}

// Updates computes the metrics of Mutschler and Zell (2021) from the samples of a
// walk; nothing is evaluated. The samples should reach beyond the step (alphas
// -0.5:2:26), else an optimum there is not seen. Segments with a loss that is not
// finite keep their row, without values.
func Updates(r *walk.Result) (*UpdatesResult, error) {
	segments, err := fromWalk(r)
	if err != nil {
		return nil, err
	}
	var b updatesBuilder
	for i := range segments {
		var before *segment
		if i > 0 && segments[i].step == segments[i-1].step+1 {
			before = &segments[i-1]
		}
		b.add(&segments[i], before)
	}
	u := &UpdatesResult{Table: b.table()}
	t := &u.Table
	u.Summary = UpdatesSummary{
		Segments: len(segments), OvershootRatio: negative(t.Column("optimum_minus_step")),
		OptimumAtEdgeRatio: analyze.Share(t.Column("optimum_at_edge")),
		StepLength:         analyze.Describe(t.Column("step_length")), Optimum: analyze.Describe(t.Column("optimum")),
		OptimumMinusStep: analyze.Describe(t.Column("optimum_minus_step")), Improvement: analyze.Describe(t.Column("improvement")),
		RelativeImprovement: analyze.Describe(t.Column("relative_improvement")), OptimumPerSlope: analyze.Describe(t.Column("optimum_per_slope")),
		ParabolaMAERatio: analyze.Describe(t.Column("parabola_mae_ratio")), ShapeDistance: analyze.Describe(t.Column("shape_distance")),
	}
	if e := u.Summary.OptimumAtEdgeRatio; e.Valid && e.Value > 0 {
		u.Warnings = append(u.Warnings, analyze.Warning{Code: "optimum_at_edge", Text: fmt.Sprintf("%.3g %% of the optima are at the edge of the samples: they may be farther out, and the metrics are cut off there", 100*e.Value)})
	}
	return u, nil
}

func negative(c *record.Column) record.Optional {
	n, all := 0, 0
	for i, v := range c.Floats {
		if c.Valid == nil || c.Valid[i] {
			all++
			if v < 0 {
				n++
			}
		}
	}
	if all == 0 {
		return record.Optional{}
	}
	return record.Some(float64(n) / float64(all))
}

// fromWalk reads the walk's tables.
func fromWalk(r *walk.Result) ([]segment, error) {
	t, l := &r.Segments, &r.Losses
	n := t.Len()
	if n == 0 || l.Len()%n != 0 {
		return nil, fmt.Errorf("line: the walk has %d segments and %d samples; it must have as many samples for every segment", n, l.Len())
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
		s.has = s.floor.Valid && s.length > 0
	}
	return segments, nil
}

type updatesBuilder struct {
	row, step, epoch                            []int64
	length, optimum, minus                      column.Floats
	edge                                        column.Bools
	improvement, best, relative                 column.Floats
	slope, curvature, perSlope, mae, ratio, gap column.Floats
}

func (b *updatesBuilder) add(s, before *segment) {
	b.row, b.step, b.epoch = append(b.row, s.row), append(b.step, s.step), append(b.epoch, s.epoch)
	b.length.Add(record.Some(s.length))
	when := func(v float64, valid bool) record.Optional { return record.Optional{Value: v, Valid: s.has && valid} }
	optimum := s.floor.Value * s.length
	b.optimum.Add(when(optimum, true))
	b.edge.Add(s.optimumAtEdge, s.has)
	b.minus.Add(when(optimum-s.length, true))
	// Not from the losses themselves, which on a short step are rounding.
	best := s.heightStart.Value
	improvement := best - s.heightEnd.Value
	b.improvement.Add(when(improvement, true))
	b.best.Add(when(best, true))
	b.relative.Add(when(improvement/best, best > 0))
	slope := s.slope.Value / s.length
	b.slope.Add(when(slope, s.slope.Valid))
	b.curvature.Add(when(s.curvature.Value/(s.length*s.length), s.curvature.Valid))
	b.perSlope.Add(when(optimum/math.Abs(slope), s.slope.Valid && slope != 0))
	b.mae.Add(when(s.mae.Value, s.mae.Valid))
	low, high := s.losses[0], s.losses[0]
	for _, v := range s.losses {
		low, high = min(low, v), max(high, v)
	}
	b.ratio.Add(when(s.mae.Value/(high-low), s.mae.Valid && high > low))
	gap, ok := 0.0, false
	if before != nil && before.has && s.has && before.mae.Valid && s.mae.Valid { // without a fit the samples are rounding
		gap, ok = shapeDistance(s, before)
	}
	b.gap.Add(when(gap, ok))
}

// shapeDistance returns the mean absolute difference between two curves as
// functions of the distance from their minimum, above their minimum, at the
// samples of the first that the second covers; the second is read by linear
// interpolation. ok is false when they overlap in fewer than three samples.
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

func (b *updatesBuilder) table() record.Table {
	return record.Table{Columns: []record.Column{
		column.Ints("row", b.row), column.Ints("step", b.step), column.Ints("epoch", b.epoch),
		b.length.Column("step_length"), b.optimum.Column("optimum"), b.edge.Column("optimum_at_edge"),
		b.minus.Column("optimum_minus_step"), b.improvement.Column("improvement"), b.best.Column("best_improvement"),
		b.relative.Column("relative_improvement"), b.slope.Column("slope"), b.curvature.Column("curvature"),
		b.perSlope.Column("optimum_per_slope"), b.mae.Column("parabola_mae"), b.ratio.Column("parabola_mae_ratio"),
		b.gap.Column("shape_distance"),
	}}
}
