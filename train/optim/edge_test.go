package optim_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/train"
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
	for name, want := range map[string]float64{"schedule-free-sgd": 20, "schedule-free-adamw": 20, "sam-sgd": 3.8, "sam-adam": 38} {
		o := record.Optimizer{
			Name:            name,
			Hyperparameters: map[string]float64{"beta1": 0.9, "beta": 0.9, "momentum": 0.9, "rho": 0.05},
		}
		isAdam, isSAM := strings.Contains(name, "adam"), strings.HasPrefix(name, "sam")
		if e := optim.EdgeOf(o); e.Absent != "" || !near(e.Threshold, want) || e.Preconditioned != isAdam ||
			e.DecoupledDecay != (name == "schedule-free-adamw") || (e.AscentRadius == 0.05) != isSAM {
			t.Errorf("%s: %+v; want %v", name, e, want)
		}
	}
	for _, name := range []string{
		"", "adam", "adamw", "pal", "entropy-sgd", "momentum", "unheard of",
		"lion", "muon", "sam-sgd", "sam-adam", "schedule-free-sgd", "schedule-free-adamw",
	} {
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

// TestScheduleFreeEdgeIsWhereTheOptimizerDiverges: beyond the threshold the optimizer grows
// on lambda theta^2/2 once its average has many steps, below it shrinks.
func TestScheduleFreeEdgeIsWhereTheOptimizerDiverges(t *testing.T) {
	layout := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1}})
	for _, beta := range []float64{0, 0.5, 0.9, 0.95} {
		o, r, err := optim.New("schedule-free-sgd", map[string]float64{"beta": beta}, layout, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, factor := range []float64{0.97, 1.03} {
			// The state after a million steps at the minimum, with z slightly off it.
			state := o.(train.Checkpointed).State()
			for _, b := range state {
				switch b.Name {
				case "average":
					b.Float32[0] = 0
				case "base":
					b.Float32[0] = 1e-3
				case "steps":
					b.Uint64[0] = 1e6
				case "sums":
					b.Float64[0], b.Float64[1] = 1e6, 1
				}
			}
			theta := []float32{float32(1-beta) * 1e-3}
			for range 300 {
				g := []float32{float32(factor * optim.EdgeOf(r).Threshold * float64(theta[0]))}
				if err := o.Step(t.Context(), theta, g, 1, silent{}); err != nil {
					t.Fatal(err)
				}
			}
			grows := math.Abs(float64(theta[0])) > (1-beta)*1e-3
			if grows != (factor > 1) {
				t.Errorf("beta %v: eta lambda at %v of the edge ends at %v", beta, factor, theta[0])
			}
		}
	}
}

// silent is a probe that records nothing.
type silent struct{ train.Probe }

func (silent) Inner(_, _ []float32, _ record.Optional) error { return nil }

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
