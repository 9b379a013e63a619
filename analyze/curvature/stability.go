package curvature

import (
	"fmt"

	"sgdwalk/record"
)

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

// Threshold returns the largest eta*lambda for which an optimizer is stable on a
// quadratic, or the reason why there is no such number:
//
//	sgd, gd      2
//	momentum     2 + 2 beta                   (theta -= eta v, v = beta v + g)
//	nesterov     (2 + 2 beta) / (1 + 2 beta)
//	adam, adamw  (2 + 2 beta1) / (1 - beta1): 38 for 0.9
//	rmsprop      2 + 2 momentum
//
// For the last two lines lambda is an eigenvalue of the preconditioned Hessian
// D^-1 H; see [Scales]. With D held fixed they are those of the optimizers'
// recursions; that training ends there is recalled from Cohen et al. (2022,
// arXiv:2207.14484), not checked here.
func Threshold(o record.Optimizer) (threshold float64, absent string) {
	for _, name := range []string{"momentum", "beta1"} {
		if all := o.Groups(name); len(all) > 1 {
			return 0, fmt.Sprintf("the optimizer has parameter groups with %s from %v to %v", name, all[0], all[len(all)-1])
		}
	}
	beta, known := o.Hyperparameters["momentum"]
	switch o.Name {
	case "sgd", "gd":
		if beta != 0 {
			return 0, fmt.Sprintf("optimizer %s with momentum %v is none that is known here", o.Name, beta)
		}
		return 2, ""
	case "momentum", "nesterov":
		if !known || beta < 0 || beta >= 1 {
			return 0, fmt.Sprintf("optimizer %s does not say its momentum in [0, 1)", o.Name)
		}
		if o.Name == "momentum" {
			return 2 + 2*beta, ""
		}
		return (2 + 2*beta) / (1 + 2*beta), ""
	case "adam", "adamw":
		beta, known := o.Hyperparameters["beta1"]
		if !known || beta < 0 || beta >= 1 {
			return 0, fmt.Sprintf("optimizer %s does not say its beta1 in [0, 1)", o.Name)
		}
		return (2 + 2*beta) / (1 - beta), ""
	case "rmsprop":
		if beta < 0 || beta >= 1 {
			return 0, fmt.Sprintf("optimizer %s has momentum %v, which is outside [0, 1)", o.Name, beta)
		}
		return 2 + 2*beta, ""
	case "pal":
		return 0, "optimizer pal chooses its step from the loss along it: there is no learning rate to hold against the curvature"
	case "":
		return 0, "the optimizer is not known"
	default:
		return 0, "no threshold is known for optimizer " + o.Name
	}
}

// Scales reports whether an optimizer divides every coordinate of its step by a
// number of its own, the diagonal D. Its edge of stability is one of the
// preconditioned Hessian.
func Scales(o record.Optimizer) bool {
	return o.Name == "adam" || o.Name == "adamw" || o.Name == "rmsprop"
}

// stability evaluates the edge for one largest eigenvalue.
func stability(o *Options, largest record.Optional, scaled Preconditioned) Stability {
	s := Stability{
		Optimizer: o.Optimizer.Name, LearningRateAbsent: o.NoRate,
		WeightDecay: o.Optimizer.Hyperparameters["weight_decay"], ClipNorm: o.Optimizer.Hyperparameters["clip_norm"],
	}
	if o.Optimizer.Name == "adamw" {
		s.WeightDecay = 0 // decoupled: no part of what is minimized
	}
	threshold, absent := Threshold(o.Optimizer)
	decides := largest
	if absent == "" && Scales(o.Optimizer) {
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
