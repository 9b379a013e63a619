package curvature

import "sgdwalk/record"

// Stability compares the largest eigenvalue with the edge of stability: above
// it, gradient descent with the full gradient diverges on the quadratic
// approximation (Cohen et al. 2021).
type Stability struct {
	Optimizer string `json:"optimizer"` // name; empty when unknown
	// eta: of the row's update, of the last one at the end
	LearningRate       record.Optional `json:"learning_rate"`
	LearningRateAbsent string          `json:"learning_rate_absent,omitempty"` // the reason why eta is missing
	EtaLambdaMax       record.Optional `json:"eta_lambda_max"`                 // eta times the largest eigenvalue
	Threshold          record.Optional `json:"threshold"`                      // what eta lambda may be at most
	// the reason why the threshold is missing; empty with a threshold
	ThresholdAbsent string `json:"threshold_absent"`
	// eta lambda_max > threshold; null without one
	AboveEdge *bool `json:"above_edge"`

	// Preconditioned is that of an optimizer that scales coordinates, null for
	// others: its threshold is held against eta times this largest eigenvalue.
	Preconditioned             *Preconditioned `json:"preconditioned"`
	EtaPreconditionedLambdaMax record.Optional `json:"eta_preconditioned_lambda_max"`

	// adds up to as much to every eigenvalue of what is minimized; not in lambda_max
	WeightDecay float64 `json:"weight_decay"`
	// 0 without clipping; a clipped step is shorter than the threshold assumes
	ClipNorm float64 `json:"clip_norm"`
}

// Edge is what is known of an optimizer's edge of stability. The zero value is that of
// an unknown optimizer.
type Edge struct {
	Threshold float64 // the largest eta*lambda at which the optimizer is stable on a quadratic
	Absent    string  // the reason why the threshold is missing; empty with a threshold
	// Preconditioned is true for an optimizer that divides every coordinate of its step by
	// its own number, the diagonal D: lambda is then an eigenvalue of D^-1 H.
	Preconditioned bool
	DecoupledDecay bool // weight decay is not part of the loss that is minimized
}

// threshold returns the threshold, or the reason why it is missing.
func (o *Options) threshold() (threshold float64, absent string) {
	switch e := &o.Edge; {
	case e.Absent != "":
		return 0, e.Absent
	case e.Threshold > 0:
		return e.Threshold, ""
	case o.Optimizer.Name == "":
		return 0, "the optimizer is not known"
	}
	return 0, "no threshold is known for optimizer " + o.Optimizer.Name
}

// stability evaluates the edge for one largest eigenvalue.
func stability(o *Options, largest record.Optional, scaled Preconditioned) Stability {
	s := Stability{
		Optimizer: o.Optimizer.Name, LearningRateAbsent: o.NoRate,
		WeightDecay: o.Optimizer.Hyperparameters["weight_decay"], ClipNorm: o.Optimizer.Hyperparameters["clip_norm"],
	}
	if o.Edge.DecoupledDecay {
		s.WeightDecay = 0 // it is not part of the minimized loss
	}
	threshold, absent := o.threshold()
	decides := largest
	if absent == "" && o.Edge.Preconditioned {
		decides = scaled.LambdaMax
		if decides.Valid {
			s.Preconditioned = &scaled
		} else if absent = o.PreconditionerAbsent; absent == "" {
			absent = "optimizer " + o.Optimizer.Name + " scales every coordinate: the edge is one of the " +
				"preconditioned Hessian, and the scales are not known"
		}
	}
	s.ThresholdAbsent = absent
	if absent == "" {
		s.Threshold = record.Some(threshold)
	}
	if o.LearningRate > 0 {
		s.LearningRate = record.Some(o.LearningRate)
		if largest.Valid {
			s.EtaLambdaMax = record.Some(o.LearningRate * largest.Value)
		}
	}
	if s.LearningRate.Valid && decides.Valid && s.Threshold.Valid {
		eta := s.LearningRate.Value * decides.Value
		if s.Preconditioned != nil {
			s.EtaPreconditionedLambdaMax = record.Some(eta)
		}
		above := eta > threshold
		s.AboveEdge = &above
	}
	return s
}
