package audit

import (
	"math"
	"testing"
)

// Sound series have no fault and no warning, whatever their schedule is.
func TestSoundSeries(t *testing.T) {
	cosine := func(p float64) float64 { return 0.5 + 0.5*math.Cos(p*math.Pi) }
	cycles := func(p float64) float64 { return math.Abs(math.Mod(6*p, 2) - 1) }
	restarts := func(p float64) float64 { return cosine(math.Mod(4*p, 1)) }
	everyStep := make([]int64, 80)
	for i := range everyStep {
		everyStep[i] = int64(i)
	}
	irregular := []int64{0, 3, 4, 10, 25, 60, 61, 200, 450, 451, 900, 1500, 3000}
	for _, c := range []struct {
		name   string
		walk   walk
		events []Check
	}{
		{"constant rate", walk{steps: grid(3000), pull: 0.001}, nil},
		{"random walk", walk{steps: grid(3000)}, nil},
		{"around a minimum", walk{steps: grid(3000), pull: 0.1}, nil},
		{"cosine", walk{steps: grid(3000), pull: 0.001, rate: cosine}, nil},
		{"cycles", walk{steps: grid(3000), pull: 0.001, rate: cycles}, nil},
		{"restarts", walk{steps: grid(3000), pull: 0.001, rate: restarts}, nil},
		{"averages", walk{steps: grid(3000), pull: 0.001, average: true}, nil},
		{"float16", walk{steps: grid(2000), pull: 0.001, typ: "float16"}, nil},
		{"bfloat16", walk{steps: grid(2000), pull: 0.001, typ: "bfloat16"}, nil},
		{"every step", walk{steps: everyStep, pull: 0.05}, nil},
		{"irregular steps", walk{steps: irregular, pull: 0.001}, nil},
		{"shards", walk{steps: grid(1000), pull: 0.001, shards: 3}, nil},
		{"an embedding initialized again", walk{steps: grid(3000), pull: 0.001, restarts: []int64{1500}}, []Check{Reinitialized}},
		{"three checkpoints", walk{steps: []int64{0, 10, 20}, pull: 0.001}, nil},
		{"two checkpoints", walk{steps: []int64{0, 10}, pull: 0.001}, nil},
		{"one checkpoint", walk{steps: []int64{7}, pull: 0.001}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(4) {
				c.walk.seed = seed + 10
				r := auditSeries(t, simulate(c.walk), nil)
				if r.Faults+r.Warnings > 0 {
					t.Errorf("seed %d: findings:%s", seed, texts(r.List))
				}
				for _, check := range c.events {
					if !hasCheck(r, check) {
						t.Errorf("seed %d: no event %s", seed, check)
					}
				}
			}
		})
	}
}

func hasCheck(r *Result, check Check) bool {
	for _, f := range r.List {
		if f.Check == check {
			return true
		}
	}
	return false
}
