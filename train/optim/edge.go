package optim

import (
	"fmt"

	"sgdwalk/record"
)

// Edge is the edge of stability of an optimizer: the largest learning rate times
// curvature at which its steps do not grow on a quadratic.
type Edge struct {
	Threshold float64 // the largest eta*lambda at which the optimizer is stable
	Absent    string  // why there is no threshold; "" if there is one
	// Preconditioned is true if the optimizer divides the coordinates of its step
	// by a diagonal D. Then lambda is an eigenvalue of D^-1 H.
	Preconditioned bool
	// DecoupledDecay is true if weight decay is not part of the minimized loss.
	DecoupledDecay bool
	// AscentRadius is the distance rho of SAM, 0 for other optimizers. With it, lambda
	// is an eigenvalue of H + (rho/|g|) H^2, or of D^-1 (H + (rho/|g|) H^2), for the
	// gradient g.
	AscentRadius float64
}

// EdgeOf returns the edge of stability of a recorded optimizer, from the rule
// with its name. The record may come from another program: it may lack a
// hyperparameter, or have different values for parameter groups. Absent then says
// so.
func EdgeOf(o record.Optimizer) Edge {
	if o.Name == "" {
		return Edge{Absent: "the optimizer is not known"}
	}
	r, err := find(o.Name)
	if err != nil {
		return Edge{Absent: "no threshold is known for optimizer " + o.Name}
	}
	e := r.edge(o)
	for _, name := range []string{"momentum", "beta1"} {
		if all := o.GroupValues(name); len(all) > 1 && e.Absent == "" {
			e.Threshold = 0
			e.Absent = fmt.Sprintf("the optimizer has parameter groups with %s from %v to %v",
				name, all[0], all[len(all)-1])
		}
	}
	return e
}

// edgeFromFactor returns the edge whose threshold depends on a hyperparameter in
// [0, 1), such as momentum.
func edgeFromFactor(o record.Optimizer, name string, threshold func(beta float64) float64) Edge {
	beta, known := o.Hyperparameters[name]
	if !known || !(beta >= 0 && beta < 1) {
		return Edge{Absent: fmt.Sprintf("optimizer %s has no recorded %s in [0, 1)", o.Name, name)}
	}
	return Edge{Threshold: threshold(beta)}
}
