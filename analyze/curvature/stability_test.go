package curvature_test

import (
	"strings"
	"testing"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// The edge of stability is the one that the caller passes in, whatever the optimizer's
// name is; weight decay counts unless it is decoupled.
func TestEdgeIsTheCallers(t *testing.T) {
	for _, c := range []struct {
		edge      curvature.Edge
		name      string
		threshold float64
		absent    string
		above     bool
		decay     float64
	}{
		{curvature.Edge{Threshold: 2}, "lion", 2, "", true, 0.5},
		{curvature.Edge{Threshold: 3}, "sgd", 3, "", false, 0.5},
		{curvature.Edge{Threshold: 3, DecoupledDecay: true}, "sgd", 3, "", false, 0},
		{curvature.Edge{}, "sgd", 0, "no threshold is known for optimizer sgd", false, 0.5},
		{curvature.Edge{}, "", 0, "the optimizer is not known", false, 0.5},
		{curvature.Edge{Absent: "a reason"}, "sgd", 0, "a reason", false, 0.5},
		{
			curvature.Edge{Threshold: 2, Preconditioned: true},
			"adam", 0, "optimizer adam scales every coordinate: ",
			false, 0.5,
		},
	} {
		r := compute(t, gaussian(20, 1), quadratic{diagonal: spread(20)}, curvature.Options{
			Top: 1, TraceSamples: -1, DensityProbes: -1, LearningRate: 0.125, Edge: c.edge,
			Optimizer: record.Optimizer{Name: c.name, Hyperparameters: map[string]float64{"weight_decay": 0.5}},
		})
		s := &r.Summary.Stability // eta lambda_max is 2.5
		if s.Threshold.Value != c.threshold || s.Threshold.Valid != (c.absent == "") ||
			!strings.HasPrefix(s.ThresholdAbsent, c.absent) || s.WeightDecay != c.decay {
			t.Errorf("%+v of %q: %+v", c.edge, c.name, s)
		}
		if above := s.AboveEdge != nil && *s.AboveEdge; above != c.above {
			t.Errorf("%+v of %q: above the edge is %v", c.edge, c.name, above)
		}
	}
}
