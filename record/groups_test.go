package record_test

import (
	"slices"
	"testing"

	"sgdwalk/record"
)

func TestGroups(t *testing.T) {
	o := record.Optimizer{Hyperparameters: map[string]float64{
		"learning_rate": 0.5, "learning_rate_group_1": 0.01, "learning_rate_group_3": 0.5, "momentum": 0.9,
		"learning_rates": 7,
	}}
	for name, want := range map[string][]float64{"learning_rate": {0.01, 0.5}, "momentum": {0.9}, "beta1": nil} {
		if got := o.GroupValues(name); !slices.Equal(got, want) {
			t.Errorf("%s: %v; want %v", name, got, want)
		}
	}
}
