package curvature_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

func TestThresholds(t *testing.T) {
	for _, c := range []struct {
		name string
		beta float64
		want float64
	}{{"sgd", 0, 2}, {"gd", 0, 2}, {"momentum", 0.9, 3.8}, {"nesterov", 0.9, 3.8 / 2.8}, {"momentum", 0, 2}, {"nesterov", 0, 2}} {
		o := record.Optimizer{Name: c.name, Hyperparameters: map[string]float64{"momentum": c.beta}}
		if got, absent := curvature.Threshold(o); absent != "" || !near(got, c.want, 1e-12) {
			t.Errorf("%s with momentum %v: %v %q; want %v", c.name, c.beta, got, absent, c.want)
		}
	}
	for name, want := range map[string]float64{"adam": 38, "adamw": 38, "rmsprop": 2} {
		o := record.Optimizer{Name: name, Hyperparameters: map[string]float64{"beta1": 0.9}}
		if got, absent := curvature.Threshold(o); absent != "" || !near(got, want, 1e-12) {
			t.Errorf("%s: %v %q; want %v", name, got, absent, want)
		}
	}
	for _, name := range []string{"", "adam", "adamw", "pal", "entropy_sgd", "momentum", "unheard of"} {
		if got, absent := curvature.Threshold(record.Optimizer{Name: name}); absent == "" {
			t.Errorf("optimizer %q has the threshold %v and should say why it has none", name, got)
		}
	}
}

// The thresholds are where the optimizers' own recursions begin to grow on
// lambda x^2/2.
func TestThresholdIsWhereTheRecursionDiverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		beta := rapid.Float64Range(0, 0.95).Draw(t, "beta")
		for _, name := range []string{"momentum", "nesterov", "rmsprop", "adam"} {
			edge, _ := curvature.Threshold(record.Optimizer{Name: name, Hyperparameters: map[string]float64{"momentum": beta, "beta1": beta}})
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
