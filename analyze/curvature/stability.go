package curvature

import (
	"math"

	"sgdwalk/record"
)

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

	// of SAM, whose threshold depends on the learning rate and on the length of the gradient; 0 for others
	AscentRadius float64 `json:"ascent_radius,omitempty"`
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
	// AscentRadius is the distance rho of the second gradient of SAM, 0 for other
	// optimizers. Lambda is then an eigenvalue of H + (rho/|g|) H^2, or of D^-1 times
	// that, with the gradient g of the loss.
	AscentRadius float64
}

// ofHessian returns the threshold for eta times an eigenvalue of H, given the one for
// eta times lambda + (rho/|g|) lambda^2. Both are the same without a radius.
func (e *Edge) ofHessian(threshold, eta, gradNorm float64) float64 {
	if e.AscentRadius == 0 || e.Preconditioned {
		return threshold
	}
	if gradNorm == 0 {
		return 0
	}
	// The positive root s of s + r s^2 = threshold, where r cannot cancel digits.
	r := e.AscentRadius / (eta * gradNorm)
	return 2 * threshold / (1 + math.Sqrt(1+4*threshold*r))
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

// stability evaluates the edge for one largest eigenvalue, where the gradient has the
// given length.
func stability(o *Options, largest record.Optional, scaled Preconditioned, gradNorm float64) Stability {
	s := Stability{
		Optimizer: o.Optimizer.Name, LearningRateAbsent: o.NoRate,
		WeightDecay: o.Optimizer.Hyperparameters["weight_decay"], ClipNorm: o.Optimizer.Hyperparameters["clip_norm"],
		AscentRadius: o.Edge.AscentRadius,
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
	if absent == "" && o.Edge.AscentRadius > 0 && !o.Edge.Preconditioned {
		if o.LearningRate > 0 {
			threshold = o.Edge.ofHessian(threshold, o.LearningRate, gradNorm)
		} else {
			absent = "the edge of optimizer " + o.Optimizer.Name + " depends on the learning rate, which is not known"
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
