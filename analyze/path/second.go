package path

import (
	"sgdwalk/analyze"
	"sgdwalk/record"
)

// secondRow is a row of Result.SecondGradients.
type secondRow struct {
	Row       int64           `col:"row"`
	Step      int64           `col:"step"`
	Substep   int32           `col:"substep"`
	Distance  record.Optional `col:"distance"`
	BatchLoss record.Optional `col:"batch_loss"`
	LossRise  record.Optional `col:"loss_rise"`
	GradNorm  record.Optional `col:"grad_norm"`
	GradCos   record.Optional `col:"grad_cos"`
}

// newSecondRow compares an inner iterate that has a gradient with its iterate. Both are of
// the same mini-batch.
func newSecondRow(row int, s *record.Step, at *iterate) secondRow {
	square := dot(s.Grad, s.Grad)
	r := secondRow{
		Row: int64(row), Step: s.Step, Substep: s.Substep, BatchLoss: s.BatchLoss, GradNorm: norm(square, true),
		LossRise: record.Optional{
			Value: s.BatchLoss.Value - at.BatchLoss.Value, Valid: s.BatchLoss.Valid && at.BatchLoss.Valid,
		},
	}
	if s.Theta != nil && at.Theta != nil {
		r.Distance = norm(distance2(at.Theta, s.Theta), true)
	}
	if at.Grad != nil {
		r.GradCos = angle(dot(at.Grad, s.Grad), dot(at.Grad, at.Grad), square, true)
	}
	return r
}

// SecondSummary is what the second gradients of the steps say, for an optimizer such as SAM.
// Distributions are over the rows of Result.SecondGradients.
type SecondSummary struct {
	Distance       analyze.Distribution `json:"distance"`
	LossRise       analyze.Distribution `json:"loss_rise"`
	LossRisesRatio record.Optional      `json:"loss_rises_ratio"` // share of the finite rises above 0
	GradCos        analyze.Distribution `json:"grad_cos"`
}

// summarizeSecond returns nil without second gradients.
func summarizeSecond(t *record.Table) *SecondSummary {
	rise := t.Column("loss_rise")
	if rise == nil || rise.Len() == 0 {
		return nil
	}
	s := &SecondSummary{
		Distance: analyze.Describe(t.Column("distance")), LossRise: analyze.Describe(rise),
		GradCos: analyze.Describe(t.Column("grad_cos")),
	}
	above, all := 0, 0
	for i, v := range rise.Floats {
		if rise.Valid != nil && !rise.Valid[i] || v-v != 0 {
			continue
		}
		if all++; v > 0 {
			above++
		}
	}
	if all > 0 {
		s.LossRisesRatio = record.Some(float64(above) / float64(all))
	}
	return s
}

// findings adds how the second gradients differ from the first ones.
func (s *SecondSummary) findings(f *analyze.Findings) {
	if s.LossRise.Mean.Valid && s.Distance.Mean.Valid {
		f.Add(analyze.Motion, "the second gradients are taken %.3g from theta on average: the mini-batch loss is %.3g higher "+
			"there on average, and higher in %s of the steps", s.Distance.Mean.Value, s.LossRise.Mean.Value,
			analyze.Percent(s.LossRisesRatio.Value))
	}
	if s.GradCos.Mean.Valid {
		f.Add(analyze.Motion, "second and first gradients of a step: mean cosine %.3f", s.GradCos.Mean.Value)
	}
}
