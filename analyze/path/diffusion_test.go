package path_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// process records T+1 iterates of a process; next moves theta in place.
func process(t interface{ Fatal(...any) }, p, steps int, next func(k int, theta []float64)) *record.Memory {
	theta := make([]float64, p)
	var rows []record.Step
	for k := range steps + 1 {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: make([]float32, p)}
		for i, v := range theta {
			s.Theta[i] = float32(v)
		}
		rows = append(rows, s)
		next(k, theta)
	}
	return memory(t, header(p), rows...)
}

func diffusion(t interface{ Fatal(...any) }, m record.Trajectory, o path.DiffusionOptions) *path.DiffusionResult {
	r, err := path.Diffusion(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*record.Table{&r.Table, &r.Fits} {
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// A straight walk is ballistic: exponent 2, persistence tau. A random walk in many
// dimensions is diffusive: exponent 1, persistence 1, and is warned about.
func TestStraightAndRandomWalksHaveTheirExponents(t *testing.T) {
	straight := diffusion(t, process(t, 4, 400, func(_ int, theta []float64) {
		for i := range theta {
			theta[i] += 0.5
		}
	}), path.DiffusionOptions{})
	if d := cmp.Diff([]int64{0, 10, 100}, straight.Summary.Waits); d != "" {
		t.Error(d)
	}
	for _, f := range straight.Summary.Fits {
		if math.Abs(f.Exponent.Value-2) > 1e-9 || math.Abs(f.StepsExponent.Value-1) > 1e-9 ||
			math.Abs(f.R2.Value-1) > 1e-12 {
			t.Errorf("straight walk: %+v", f)
		}
	}
	for i, v := range straight.Table.Column("persistence").Floats {
		if lag := float64(straight.Table.Column("lag").Ints[i]); math.Abs(v-lag) > 1e-9*lag {
			t.Errorf("persistence at lag %v is %v", lag, v)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	random := diffusion(t, process(t, 3000, 400, func(_ int, theta []float64) {
		for i := range theta {
			theta[i] += rng.NormFloat64()
		}
	}), path.DiffusionOptions{})
	for _, f := range random.Summary.Fits {
		if math.Abs(f.Exponent.Value-1) > 0.05 {
			t.Errorf("random walk: %+v", f)
		}
	}
	if math.Abs(random.Summary.Persistence.Value-1) > 0.1 ||
		random.Warnings[0].Code != "exponent_of_independent_steps" {
		t.Errorf("persistence %v, warnings %v", random.Summary.Persistence, random.Warnings)
	}
}

// A walk that is pulled back forgets where it was: its displacement stops growing
// beyond the relaxation time, and persistence falls below 1.
func TestWalkThatIsPulledBackIsSubdiffusive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	r := diffusion(t, process(t, 2000, 1000, func(_ int, theta []float64) {
		for i := range theta {
			theta[i] += -0.1*theta[i] + rng.NormFloat64()
		}
	}), path.DiffusionOptions{Waits: []int64{100}})
	// An Ornstein-Uhlenbeck process: E displacement2 = 2 P s^2/(1-a^2) (1-a^tau), a = 0.9.
	for i, got := range r.Table.Column("displacement2").Floats {
		lag := float64(r.Table.Column("lag").Ints[i])
		want := 2 * 2000 / (1 - 0.81) * (1 - math.Pow(0.9, lag))
		if math.Abs(got-want) > 0.1*want {
			t.Errorf("lag %v: %v; want %v", lag, got, want)
		}
	}
	exponent := r.Fits.Column("exponent").Floats
	if early, late := exponent[1], exponent[3]; early < 0.6 || math.Abs(late) > 0.1 {
		t.Errorf("exponents by decade of lag: %v", exponent)
	}
	if r.Summary.Persistence.Value > 0.1 {
		t.Errorf("persistence %v", r.Summary.Persistence)
	}
}

// |displacement| = ln(1+t) is ultra-slow diffusion: the logarithm fits it better
// than any power.
func TestLogarithmicDiffusionIsTold(t *testing.T) {
	r := diffusion(t, process(t, 1, 5000, func(k int, theta []float64) { theta[0] = math.Log(float64(k) + 2) }),
		path.DiffusionOptions{})
	f := r.Summary.Fits[0]
	if f.LogR2.Value < 0.995 || f.PowerR2.Value >= f.LogR2.Value || math.Abs(f.LogSlope.Value-1) > 0.1 {
		t.Errorf("%+v", f)
	}
}

// Lags and waiting times of a recording with gaps are those that exist, and what
// needs every step is absent across a gap.
func TestDiffusionAcrossGaps(t *testing.T) {
	var rows []record.Step
	for _, k := range []int64{0, 1, 2, 10, 11, 40} {
		rows = append(rows, record.Step{Step: k, Epoch: 1, Theta: []float32{float32(k)}})
	}
	r := diffusion(t, memory(t, header(1), rows...), path.DiffusionOptions{Waits: []int64{0, 5}})
	if d := cmp.Diff([]int64{0, 10}, r.Summary.Waits); d != "" {
		t.Error(d)
	}
	lags, steps2 := r.Table.Column("lag").Ints, r.Table.Column("steps2")
	for i, lag := range lags {
		if got := r.Table.Column("displacement2").Floats[i]; got != float64(lag*lag) {
			t.Errorf("lag %d: %v", lag, got)
		}
		wait := r.Table.Column("wait").Ints[i]
		if whole := wait == 0 && lag <= 2 || wait == 10 && lag == 1; steps2.Valid[i] != whole || whole &&
			steps2.Floats[i] != float64(lag) {
			t.Errorf("wait %d, lag %d: steps2 %v %v", wait, lag, steps2.Floats[i], steps2.Valid[i])
		}
	}
	if !strings.Contains(r.Warnings[0].Text, "2 gaps") {
		t.Errorf("%v", r.Warnings)
	}
}

// TestDiffusionOfThinRuns: a default waiting time that no recorded step comes after is
// left out with a warning; one that the caller names is an error.
func TestDiffusionOfThinRuns(t *testing.T) {
	for _, test := range []struct {
		steps, waits []int64
		skipped      string
	}{
		{[]int64{0, 1}, []int64{0}, ""},
		{[]int64{0, 500, 1000}, []int64{0, 500}, ""},
		{[]int64{0, 1, 2, 4, 8, 16, 1000, 2000, 3000, 143000}, []int64{0, 16, 1000}, "times 10000:"},
		{[]int64{0, 1, 2, 3, 1000}, []int64{0}, "times 10 100:"},
	} {
		var rows []record.Step
		for _, k := range test.steps {
			rows = append(rows, record.Step{Step: k, Epoch: 1, Theta: []float32{float32(k)}})
		}
		run := memory(t, header(1), rows...)
		r := diffusion(t, run, path.DiffusionOptions{})
		if !slices.Equal(r.Summary.Waits, test.waits) {
			t.Errorf("steps %d: waits %d; want %d", test.steps, r.Summary.Waits, test.waits)
		}
		i := slices.IndexFunc(r.Warnings, func(w analyze.Warning) bool { return w.Code == "waits_skipped" })
		if i >= 0 != (test.skipped != "") || i >= 0 && !strings.Contains(r.Warnings[i].Text, test.skipped) {
			t.Errorf("steps %d: warnings %v", test.steps, r.Warnings)
		}
		last := test.steps[len(test.steps)-1]
		if _, err := path.Diffusion(t.Context(), run, path.DiffusionOptions{Waits: []int64{0, last}}); err == nil {
			t.Errorf("a waiting time at the last step, %d, was accepted", last)
		}
	}
}

func TestDiffusionKeepsWhatIsNotFinite(t *testing.T) {
	r := diffusion(t, process(t, 1, 6, func(k int, theta []float64) {
		if theta[0]++; k == 5 {
			theta[0] = math.NaN()
		}
	}), path.DiffusionOptions{})
	if r.Summary.NonfiniteRows != 1 || r.Summary.Fits[0].Points != 5 ||
		math.Abs(r.Summary.Fits[0].Exponent.Value-2) > 1e-9 {
		t.Errorf("%+v", r.Summary)
	}
}

func TestBadDiffusionOptionsAreNamed(t *testing.T) {
	m := process(t, 1, 5, func(int, []float64) {})
	for want, o := range map[string]path.DiffusionOptions{
		"lags per decade is -1": {LagsPerDecade: -1},
		"waits are [3 2]":       {Waits: []int64{3, 2}},
		"waiting time 5":        {Waits: []int64{5}},
	} {
		if _, err := path.Diffusion(context.Background(), m, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	one := memory(t, header(1), record.Step{Theta: []float32{1}})
	if _, err := path.Diffusion(context.Background(), one, path.DiffusionOptions{}); err == nil ||
		!strings.Contains(err.Error(), "at least two") {
		t.Errorf("one iterate: %v", err)
	}
}

// Trap: the path without its last iterate. The longest lag reaches it from every
// waiting time, whatever the spacing of the lags; and summaries can be written
// with NaN in them.
func TestLagsReachTheLastIterate(t *testing.T) {
	m := process(t, 1, 37, func(k int, theta []float64) {
		if theta[0]++; k == 20 {
			theta[0] = math.NaN()
		}
	})
	r := diffusion(t, m, path.DiffusionOptions{Waits: []int64{0, 3, 36}, LagsPerDecade: 1})
	reached := map[int64]int64{}
	for i, wait := range r.Table.Column("wait").Ints {
		reached[wait] = wait + r.Table.Column("lag").Ints[i]
	}
	if d := cmp.Diff(map[int64]int64{0: 37, 3: 37, 36: 37}, reached); d != "" {
		t.Error(d)
	}
	if _, err := json.Marshal(r.Summary); err != nil {
		t.Error(err)
	}
}
