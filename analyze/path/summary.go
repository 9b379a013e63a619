package path

import (
	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Summary has the numbers of a whole walk. Distributions are over the rows of
// the table; a value that cannot be computed is null.
type Summary struct {
	Rows         int   `json:"rows"`          // iterates in the table
	InnerRows    int   `json:"inner_rows"`    // inner iterates, left out
	Parameters   int   `json:"parameters"`    // P
	FirstStep    int64 `json:"first_step"`    // of the first iterate
	LastStep     int64 `json:"last_step"`     // of the last iterate
	Updates      int   `json:"updates"`       // updates whose both ends are recorded
	MissingSteps int64 `json:"missing_steps"` // steps between the first and the last that are not recorded

	BatchLossFirst record.Optional `json:"batch_loss_first"`
	BatchLossLast  record.Optional `json:"batch_loss_last"`

	GradNorm      analyze.Distribution `json:"grad_norm"`
	GradCos       analyze.Distribution `json:"grad_cos"`
	UpdateNorm    analyze.Distribution `json:"update_norm"`
	UpdateCos     analyze.Distribution `json:"update_cos"`
	GradUpdateCos analyze.Distribution `json:"grad_update_cos"`

	GradCosNegativeRatio   record.Optional `json:"grad_cos_negative_ratio"`   // share of the finite cosines below 0
	UpdateCosNegativeRatio record.Optional `json:"update_cos_negative_ratio"` // share of the finite cosines below 0

	Displacement record.Optional `json:"displacement"` // of the last iterate
	PathLength   record.Optional `json:"path_length"`  // over the recorded updates
	// displacement over path length, 1 for a straight walk; only when no step is missing
	DisplacementRatio record.Optional `json:"displacement_ratio"`
	ZeroGradients     int             `json:"zero_gradients"`      // gradients of length 0: no direction, no cosine
	ZeroUpdates       int             `json:"zero_updates"`        // updates of length 0: no direction, no cosine
	NonfiniteLosses   int             `json:"nonfinite_losses"`    // batch losses that are NaN or infinite
	NonfiniteIterates int             `json:"nonfinite_iterates"`  // iterates with a norm that is NaN or infinite
	NonfiniteGrads    int             `json:"nonfinite_gradients"` // gradients with a norm that is NaN or infinite

	SecondGradients *SecondSummary `json:"second_gradients,omitempty"` // nil for an optimizer without any

	// Compute leaves these out. Changes, Diffusion and Noise return them for a recording that allows it.
	Changes   []Change          `json:"changes,omitempty"`
	Diffusion *DiffusionSummary `json:"diffusion,omitempty"`
	Noise     *NoiseSummary     `json:"noise,omitempty"`
}

// counts are what the walker counts besides the table.
type counts struct {
	iterates, inner, updates   int
	withTheta, withGrad        int
	zeroGradients, zeroUpdates int
	missing                    int64
	first, last                *iterate
}

// note counts an iterate and what is missing between it and the one before.
func (c *counts) note(s, before *iterate) {
	c.iterates++
	if c.first == nil {
		c.first = s
	}
	if s.Theta != nil {
		c.withTheta++
	}
	if s.Grad != nil {
		c.withGrad++
	}
	if before != nil && !s.follows(before) {
		c.missing += s.Step.Step - before.Step.Step - 1
	}
}

func (c *counts) zeros(s sums, p present) {
	if p.grad && s.grad2 == 0 {
		c.zeroGradients++
	}
	if p.update && s.update2 == 0 {
		c.zeroUpdates++
	}
}

func summarize(t *record.Table, c *counts, parameters int) Summary {
	s := Summary{
		Rows:         c.iterates,
		InnerRows:    c.inner,
		Parameters:   parameters,
		FirstStep:    c.first.Step.Step,
		LastStep:     c.last.Step.Step,
		Updates:      c.updates,
		MissingSteps: c.missing,

		GradNorm:      analyze.Describe(t.Column("grad_norm")),
		GradCos:       analyze.Describe(t.Column("grad_cos")),
		UpdateNorm:    analyze.Describe(t.Column("update_norm")),
		UpdateCos:     analyze.Describe(t.Column("update_cos")),
		GradUpdateCos: analyze.Describe(t.Column("grad_update_cos")),

		GradCosNegativeRatio:   negative(t.Column("grad_cos")),
		UpdateCosNegativeRatio: negative(t.Column("update_cos")),

		ZeroGradients:     c.zeroGradients,
		ZeroUpdates:       c.zeroUpdates,
		NonfiniteLosses:   analyze.Describe(t.Column("batch_loss")).Nonfinite,
		NonfiniteIterates: analyze.Describe(t.Column("theta_norm")).Nonfinite,
	}
	s.NonfiniteGrads = s.GradNorm.Nonfinite
	s.BatchLossFirst, s.BatchLossLast = ends(t.Column("batch_loss"))
	_, s.Displacement = ends(t.Column("displacement"))
	if c.updates > 0 {
		_, s.PathLength = ends(t.Column("path_length"))
	}
	if s.MissingSteps == 0 && s.Displacement.Valid && s.PathLength.Valid && s.PathLength.Value > 0 {
		s.DisplacementRatio = record.Some(s.Displacement.Value / s.PathLength.Value)
	}
	return s
}

// ends returns the first and the last value that is present.
func ends(c *record.Column) (first, last record.Optional) {
	for i, v := range c.Floats {
		if c.Valid != nil && !c.Valid[i] {
			continue
		}
		if !first.Valid {
			first = record.Some(v)
		}
		last = record.Some(v)
	}
	return first, last
}

// negative returns the share of the finite values that are below 0.
func negative(c *record.Column) record.Optional {
	below, all := 0, 0
	for i, v := range c.Floats {
		if c.Valid != nil && !c.Valid[i] || v-v != 0 {
			continue
		}
		all++
		if v < 0 {
			below++
		}
	}
	if all == 0 {
		return record.Optional{}
	}
	return record.Some(float64(below) / float64(all))
}

func warnings(s *Summary, c *counts) []analyze.Warning {
	var w analyze.Warnings
	add := w.Add
	add(c.withTheta == 0, "theta_not_recorded", "the run recorded no iterates: updates, displacement and path length "+
		"are absent")
	add(c.withTheta > 0 && c.withTheta < s.Rows, "theta_incomplete", "%d of %d rows have no theta: what needs it is "+
		"absent there", s.Rows-c.withTheta, s.Rows)
	add(c.withGrad == 0, "grad_not_recorded", "the run recorded no gradients: grad_norm, grad_cos and "+
		"grad_update_cos are absent")
	batches := s.Rows
	if c.last.IsLast() {
		batches--
	}
	add(c.withGrad > 0 && c.withGrad < batches, "grad_incomplete", "%d of %d rows have no gradient: what needs it is "+
		"absent there", batches-c.withGrad, batches)
	add(s.FirstStep != 0, "start_missing", "the first recorded iterate belongs to step %d: displacement is measured "+
		"from there", s.FirstStep)
	add(s.MissingSteps > 0, "steps_missing", "%d of the steps %d to %d are not recorded: cosines and step lengths "+
		"exist only between consecutive iterates, and path_length adds up %d of %d updates",
		s.MissingSteps, s.FirstStep, s.LastStep, s.Updates, s.LastStep-s.FirstStep)
	add(s.InnerRows > 0, "inner_rows", "%d rows are inner iterates and are left out (export --inner N --new-run makes a run "+
		"of them)", s.InnerRows)
	add(s.ZeroGradients > 0, "zero_gradients", "%d gradients are zero vectors and have no cosine", s.ZeroGradients)
	add(s.ZeroUpdates > 0, "zero_updates", "%d updates are zero vectors and have no cosine", s.ZeroUpdates)
	add(s.NonfiniteLosses > 0, "nonfinite_losses", "%d batch losses are NaN or infinite; they are kept in the table "+
		"and left out of the means", s.NonfiniteLosses)
	add(s.NonfiniteIterates > 0, "nonfinite_iterates", "%d iterates have NaN or infinite parameters: the run diverged",
		s.NonfiniteIterates)
	add(s.NonfiniteGrads > 0, "nonfinite_gradients", "%d gradients are NaN or infinite", s.NonfiniteGrads)
	add(!c.last.IsLast(), "run_unfinished", "the last recorded iterate, of step %d, is not the one after the last "+
		"update: the run was stopped or is still going on", s.LastStep)
	return w
}
