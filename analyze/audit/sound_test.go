package audit

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record/exchange"
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

// SGDWALK_SOUND has folders with real series in which nothing is wrong, separated by commas. EVIDENCE.md
// says how to make them.
func TestSoundRealSeries(t *testing.T) {
	folders := os.Getenv("SGDWALK_SOUND")
	if folders == "" {
		t.Skip("SGDWALK_SOUND names no folders with real series")
	}
	sound := 0
	for _, folder := range strings.Split(folders, ",") {
		c, err := exchange.OpenCatalog([]string{folder}, exchange.ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), c, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Faults+r.Warnings == 0 {
			sound++
		} else {
			t.Errorf("%s: %d errors, %d warnings:%s", folder, r.Faults, r.Warnings, texts(r.List))
		}
	}
	t.Logf("%d sound series, %d without errors and warnings", strings.Count(folders, ",")+1, sound)
}

// A bias of zeros that never trains is reported. A mask of zeros and ones, and a scale of a type
// that is too short for its moves, are not faults.
func TestFrozenConstants(t *testing.T) {
	mask := make([]float32, 400)
	for i := range mask {
		if i%20 <= i/20 {
			mask[i] = 1
		}
	}
	ones := make([]float32, 400)
	for i := range ones {
		ones[i] = 1
	}
	series := simulate(walk{seed: 1, steps: grid(1000), pull: 0.001})
	for i := range series {
		series[i].tensors = append(series[i].tensors,
			tensor{"head.bias", "float32", []int{400}, make([]float32, 400), 0},
			tensor{"attention.bias", "float32", []int{1, 20, 20}, mask, 0},
			tensor{"norm.weight", "bfloat16", []int{400}, ones, 0})
	}
	r := auditSeries(t, series, nil)
	if r.Faults != 0 || r.Warnings != 1 || r.List[0].Check != Frozen || !slices.Equal(r.List[0].Tensors, []string{"head.bias"}) {
		t.Errorf("findings:%s", texts(r.List))
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

// A tensor in which one element moves returns to the same place again and again, which is not a
// fault.
func TestOneLiveElement(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		series := simulate(walk{seed: seed + 20, steps: grid(6000), pull: 0.001})
		live := 0.2
		for i := range series {
			series[i] = series[i].clone()
			bias := series[i].tensors[2].values
			if i > len(series)/2 {
				copy(bias, series[i-1].tensors[2].values)
				live += 0.2*(0.2-live) + 0.01*r.NormFloat64()
				bias[0] = float32(live)
			}
		}
		if x := auditSeries(t, series, nil); x.Faults+x.Warnings > 0 {
			t.Errorf("seed %d: findings:%s", seed, texts(x.List))
		}
	}
}

// Steps that partly undo each other, as those of a large learning rate do, do not make neighbours
// look exchanged.
func TestOscillatingWalk(t *testing.T) {
	steps := make([]int64, 120)
	for i := range steps {
		steps[i] = int64(i)
	}
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 4))
		series := simulate(walk{seed: seed + 30, steps: steps})
		var before []float64 // the noise of the step before
		for i := 1; i < len(series); i++ {
			series[i] = series[i].clone()
			size := 0.01 * math.Exp(0.3*r.NormFloat64())
			var now []float64
			for k := range series[i].tensors {
				for q := range series[i].tensors[k].values {
					noise, undone := size*r.NormFloat64(), 0.0
					if before != nil {
						undone = 0.5 * before[len(now)]
					}
					now = append(now, noise)
					series[i].tensors[k].values[q] = series[i-1].tensors[k].values[q] + float32(noise-undone)
				}
			}
			before = now
		}
		if x := auditSeries(t, series, nil); x.Faults+x.Warnings > 0 {
			t.Errorf("seed %d: findings:%s", seed, texts(x.List))
		}
	}
}

// In a random walk of few elements, many steps seem to be exchanged by chance.
func TestSmallWalk(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	var series []checkpoint
	values := make([]float32, 16)
	for step := range int64(600) {
		for i := range values {
			values[i] += float32(0.1 * r.NormFloat64())
		}
		series = append(series, checkpoint{step, []tensor{{"w", "float32", []int{4, 4}, slices.Clone(values), 0}}})
	}
	if x := auditSeries(t, series, nil); x.Faults+x.Warnings > 0 {
		t.Errorf("findings:%s", texts(x.List))
	}
}

// Checkpoints that are all equal are faults, although nothing says which of them is right.
func TestEqualCheckpoints(t *testing.T) {
	for _, n := range []int{2, 3, 20} {
		var series []checkpoint
		for _, step := range grid(3000)[3 : 3+n] {
			series = append(series, simulate(walk{seed: 1, steps: []int64{0}})[0].at(step))
		}
		r := auditSeries(t, series, nil)
		same := 0
		for _, f := range r.List {
			if f.Check == SameCheckpoint {
				same++
			}
		}
		if same != n-1 || r.Faults != n-1 {
			t.Errorf("%d equal checkpoints: findings:%s", n, texts(r.List))
		}
	}
}
