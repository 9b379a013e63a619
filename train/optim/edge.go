package optim

import (
	"fmt"

	"sgdwalk/record"
)

// Edge is what an optimizer says about its edge of stability: the learning rate times
// the curvature from which on its steps grow on a quadratic.
type Edge struct {
	// Threshold is the largest eta*lambda at which the optimizer is stable on a quadratic.
	Threshold float64
	Absent    string // why there is no threshold; empty when there is one
	// Preconditioned is true for an optimizer that divides every coordinate of its step by
	// its own number, the diagonal D: lambda is then an eigenvalue of D^-1 H.
	Preconditioned bool
	// DecoupledDecay is true when weight decay is not part of the loss that is minimized.
	DecoupledDecay bool
}

// EdgeOf returns the edge of stability of a recorded optimizer, from the rule of that
// name. It is also asked for optimizers of other programs that have the name of a rule
// here: a hyperparameter that the threshold needs may be missing there or may differ
// between parameter groups, and Absent then says so.
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
			e.Threshold, e.Absent = 0, fmt.Sprintf("the optimizer has parameter groups with %s from %v to %v", name, all[0], all[len(all)-1])
		}
	}
	return e
}

// withFactor returns the edge whose threshold depends on a hyperparameter in [0, 1),
// such as momentum.
func withFactor(o record.Optimizer, name string, threshold func(beta float64) float64) Edge {
	beta, known := o.Hyperparameters[name]
	if !known || !(beta >= 0 && beta < 1) {
		return Edge{Absent: fmt.Sprintf("optimizer %s does not say its %s in [0, 1)", o.Name, name)}
	}
	return Edge{Threshold: threshold(beta)}
}
