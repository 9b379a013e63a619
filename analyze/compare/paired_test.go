package compare_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/compare"
	"sgdwalk/record"
)

func statistics(group string, seed uint64, value float64) compare.RunStatistics {
	return compare.RunStatistics{Run: group, Group: group, Seed: seed, Values: []compare.Statistic{{
		Name:  "full_loss",
		Value: record.Some(value),
	}}}
}

func effectOf(t *testing.T, r *compare.PairedResult, group string) compare.Effect {
	t.Helper()
	for _, e := range r.Effects {
		if e.Group == group {
			return e
		}
	}
	t.Fatalf("no effect of %s", group)
	return compare.Effect{}
}

// Pairing removes what seeds do to both groups; a seed that one of them lacks, or
// has a NaN of, is shown and not filled in.
func TestPaired(t *testing.T) {
	var stats []compare.RunStatistics
	for seed := range uint64(5) {
		stats = append(stats, statistics("base", seed, 100*float64(seed)))
		switch seed {
		case 1: // missing
		case 3:
			stats = append(stats, statistics("other", seed, math.NaN()))
		default:
			stats = append(stats, statistics("other", seed, 100*float64(seed)+1+float64(seed)/10))
		}
	}
	r, err := compare.Paired(stats, "base", 0)
	if err != nil {
		t.Fatal(err)
	}
	e := effectOf(t, r, "other")
	if e.Pairs != 3 || e.Values != 3 || e.Above != 3 || !slices.Equal(e.Missing, []uint64{1, 3}) {
		t.Errorf("%+v", e)
	}
	// Differences 1, 1.2, 1.4: mean 1.2, SD 0.2, and of the 27 resamples the lowest
	// and highest means are 1 and 1.4, each once in 27.
	if d := e.Difference.Value; math.Abs(d-1.2) > 1e-12 || math.Abs(e.Effect.Value-6) > 1e-9 {
		t.Errorf("difference %v, effect %v", e.Difference, e.Effect)
	}
	if low, high := e.DifferenceInterval.Low.Value, e.DifferenceInterval.High.Value; math.Abs(low-1.0667) > 0.07 ||
		math.Abs(high-1.3333) > 0.07 || low >= high {
		t.Errorf("interval %v to %v", low, high)
	}
	if b := effectOf(t, r, "base"); b.Difference.Valid || b.Pairs != 0 || b.Mean.Value != 200 {
		t.Errorf("baseline %+v", b)
	}
	if err := r.Table.Validate(); err != nil {
		t.Error(err)
	}
	if m := r.Table.Column("missing_seeds").Strings; strings.TrimSpace(m[1]) != "1 3" {
		t.Errorf("missing seeds %q", m)
	}
	codes := ""
	for _, w := range r.Warnings {
		codes += w.Code + " "
	}
	if codes != "few_seeds missing_seeds " {
		t.Errorf("warnings %s", codes)
	}
	if _, err := compare.Paired(stats, "none", 0); err == nil || !strings.Contains(err.Error(), `baseline is "none"`) {
		t.Errorf("unknown baseline: %v", err)
	}
	if _, err := compare.Paired(nil, "", 0); err == nil {
		t.Error("no statistics are enough")
	}
}

// The interval covers the true difference nearly as often as it says where there
// are many seeds, and about four times in five for five of them, which is what the
// warning says.
func TestIntervalCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	for _, c := range []struct {
		seeds, trials int
		low, high     float64
	}{{5, 300, 0.74, 0.90}, {30, 100, 0.86, 1}} {
		covered := 0
		for range c.trials {
			var stats []compare.RunStatistics
			for seed := range uint64(c.seeds) {
				v := 10 * rng.NormFloat64()
				stats = append(stats, statistics("base", seed, v), statistics("other", seed, v+3+rng.NormFloat64()))
			}
			r, err := compare.Paired(stats, "base", 1)
			if err != nil {
				t.Fatal(err)
			}
			i := effectOf(t, r, "other").DifferenceInterval
			if i.Low.Value <= 3 && 3 <= i.High.Value {
				covered++
			}
		}
		if share := float64(covered) / float64(c.trials); share < c.low || share > c.high {
			t.Errorf("%d seeds: the interval covers the difference in %.2f of the trials; want %.2f to %.2f", c.seeds,
				share, c.low, c.high)
		}
	}
}

func TestAgreement(t *testing.T) {
	a, b := descend(t, "slow", 0.05, 4, 1), descend(t, "fast", 0.3, 4, 1)
	give := func(classes ...int32) compare.Predictor {
		return func(_ context.Context, _ []float32, to []int32) error { copy(to, classes); return nil }
	}
	probe := compare.Probe{Labels: []int32{0, 1, 2, 0}, Classes: 3, Own: map[string]compare.Predictor{
		a.Name: give(0, 1, 1, -1), b.Name: give(0, 2, 1, -1),
	}}
	r, err := compare.Agreement(context.Background(), []compare.Run{a, b}, probe)
	if err != nil {
		t.Fatal(err)
	}
	// fast is before slow by name. It gets 1 of 4 right, slow 2 of 4; both call the
	// third example 1, wrongly; what NaN left out agrees with nothing.
	for name, want := range map[string]float64{
		"agreement": 0.5, "both_wrong_same": 0.25, "accuracy_a": 0.25, "accuracy_b": 0.5,
		"independent": 0.25*0.5 + 0.75*0.5/2,
	} {
		if v := r.Column(name).Floats[0]; v != want {
			t.Errorf("%s is %v; want %v", name, v, want)
		}
	}
	if _, err := compare.Agreement(context.Background(), []compare.Run{a}, compare.Probe{}); err == nil {
		t.Error("no probe set is enough")
	}
}
