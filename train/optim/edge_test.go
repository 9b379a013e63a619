package optim_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/train/optim"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

func TestEdges(t *testing.T) {
	for _, c := range []struct {
		name string
		beta float64
		want float64
	}{{"sgd", 0, 2}, {"gd", 0, 2}, {"momentum", 0.9, 3.8}, {"nesterov", 0.9, 3.8 / 2.8}, {
		"momentum", 0,
		2,
	}, {"nesterov", 0, 2}} {
		o := record.Optimizer{Name: c.name, Hyperparameters: map[string]float64{"momentum": c.beta}}
		if e := optim.EdgeOf(o); e.Absent != "" || !near(e.Threshold, c.want) {
			t.Errorf("%s with momentum %v: %v %q; want %v", c.name, c.beta, e.Threshold, e.Absent, c.want)
		}
	}
	for name, want := range map[string]float64{"adam": 38, "adamw": 38, "rmsprop": 2} {
		o := record.Optimizer{Name: name, Hyperparameters: map[string]float64{"beta1": 0.9}}
		if e := optim.EdgeOf(o); e.Absent != "" || !near(e.Threshold, want) || !e.Preconditioned ||
			e.DecoupledDecay != (name == "adamw") {
			t.Errorf("%s: %v %q; want %v", name, e.Threshold, e.Absent, want)
		}
	}
	for _, name := range []string{"", "adam", "adamw", "pal", "entropy-sgd", "momentum", "unheard of"} {
		if e := optim.EdgeOf(record.Optimizer{Name: name}); e.Absent == "" {
			t.Errorf("optimizer %q has the threshold %v and should say why it has none", name, e.Threshold)
		}
	}
	groups := record.Optimizer{
		Name:            "momentum",
		Hyperparameters: map[string]float64{"momentum": 0.9, "momentum_group_1": 0.5},
	}
	for _, c := range []struct {
		optimizer record.Optimizer
		want      string
	}{
		{record.Optimizer{Name: "prodigy"}, "no threshold is known for optimizer prodigy"},
		{groups, "the optimizer has parameter groups with momentum from 0.5 to 0.9"},
		{
			record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"momentum": 0.9}},
			"optimizer sgd has momentum 0.9, and no threshold is known for that rule",
		},
		{
			record.Optimizer{Name: "momentum", Hyperparameters: map[string]float64{"momentum": 1}},
			"optimizer momentum has no recorded momentum in [0, 1)",
		},
	} {
		if e := optim.EdgeOf(c.optimizer); e.Absent != c.want || e.Threshold != 0 {
			t.Errorf("%+v: %+v; want %q", c.optimizer, e, c.want)
		}
	}
}

// TestEdgeIsWhereTheRecursionDiverges: beyond the threshold the recursion of the
// optimizer grows on lambda x^2/2, below it shrinks.
func TestEdgeIsWhereTheRecursionDiverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		beta := rapid.Float64Range(0, 0.95).Draw(t, "beta")
		for _, name := range []string{"momentum", "nesterov", "rmsprop", "adam"} {
			edge := optim.EdgeOf(record.Optimizer{
				Name:            name,
				Hyperparameters: map[string]float64{"momentum": beta, "beta1": beta},
			}).Threshold
			for _, factor := range []float64{0.97, 1.03} {
				x, v := 1.0, 0.0
				for range 4000 {
					g := factor * edge * x // eta lambda x
					v = beta*v + g
					if name == "adam" { // its mean, with the scales held fixed
						v -= beta * g
					}
					if name == "nesterov" {
						x -= g + beta*v
					} else {
						x -= v
					}
					if math.Abs(x) > 1e100 {
						break
					}
				}
				if grows := math.Abs(x) > 1; grows != (factor > 1) {
					t.Fatalf("%s, momentum %v: eta lambda at %v of the edge ends at %v", name, beta, factor, x)
				}
			}
		}
	})
}
