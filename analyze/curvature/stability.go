package curvature

import "sgdwalk/record"

// Stability compares the largest eigenvalue with the edge of stability: above
// it, gradient descent with the full gradient diverges on the quadratic
// approximation (Cohen et al. 2021).
type Stability struct {
	Optimizer          string          `json:"optimizer"`                      // name; empty when unknown
	LearningRate       record.Optional `json:"learning_rate"`                  // eta: of the row's update, of the last one at the end
	LearningRateAbsent string          `json:"learning_rate_absent,omitempty"` // why there is no eta
	EtaLambdaMax       record.Optional `json:"eta_lambda_max"`                 // eta times the largest eigenvalue
	Threshold          record.Optional `json:"threshold"`                      // what eta lambda may be at most
	ThresholdAbsent    string          `json:"threshold_absent"`               // why there is none; empty when there is one
	AboveEdge          *bool           `json:"above_edge"`                     // eta lambda_max > threshold; null without one

	// Preconditioned is that of an optimizer that scales coordinates, null for
	// others: its threshold is held against eta times this largest eigenvalue.
	Preconditioned             *Preconditioned `json:"preconditioned"`
	EtaPreconditionedLambdaMax record.Optional `json:"eta_preconditioned_lambda_max"`

	WeightDecay float64 `json:"weight_decay"` // adds up to as much to every eigenvalue of what is minimized; not in lambda_max
	ClipNorm    float64 `json:"clip_norm"`    // 0 is none; a clipped step is shorter than the threshold assumes
}

// Edge is what is known of an optimizer's edge of stability. The zero value is that of
// an unknown optimizer.
type Edge struct {
	Threshold float64 // the largest eta*lambda at which the optimizer is stable on a quadratic
	Absent    string  // why there is no threshold; empty when there is one
	// Preconditioned is true for an optimizer that divides every coordinate of its step by
	// its own number, the diagonal D: lambda is then an eigenvalue of D^-1 H.
	Preconditioned bool
	DecoupledDecay bool // weight decay is not part of the loss that is minimized
}

// threshold returns the threshold, or the reason in words why there is none.
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
		s.WeightDecay = 0 // it is no part of what is minimized
	}
	threshold, absent := o.threshold()
	decides := largest
	if absent == "" && o.Edge.Preconditioned {
		decides = scaled.LambdaMax
		if decides.Valid {
			s.Preconditioned = &scaled
		} else if absent = o.PreconditionerAbsent; absent == "" {
			absent = "optimizer " + o.Optimizer.Name + " scales every coordinate: the edge is one of the preconditioned Hessian, and the scales are not known"
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
