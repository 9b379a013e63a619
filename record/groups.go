package record

import (
	"maps"
	"slices"
	"strings"
)

// GroupValues returns the values that a hyperparameter has in the parameter groups of the
// optimizer, in increasing order: one value where all groups agree, no value where the
// hyperparameter is not set. A header names the value of a further group that differs from the first one's
// learning_rate_group_1 and so on.
func (o Optimizer) GroupValues(name string) []float64 {
	values := make(map[float64]bool)
	for key, v := range o.Hyperparameters {
		if key == name || strings.HasPrefix(key, name+"_group_") {
			values[v] = true
		}
	}
	return slices.Sorted(maps.Keys(values))
}
