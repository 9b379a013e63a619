package path

import (
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Every sentence is said when it is true, in the singular of one.
func TestFindings(t *testing.T) {
	cosine := func(n int) analyze.Distribution {
		return analyze.Distribution{Count: n, Mean: record.Some(-0.25)}
	}
	one := record.Some(1)
	for _, c := range []struct {
		s    Summary
		want string
	}{
		{Summary{}, "recorded iterates: 0, steps 0 to 0; missing steps between them: 0"},
		{Summary{Updates: 1, PathLength: one, Displacement: one}, "1 update: path length 1, displacement from " +
			"theta_0 1"},
		{Summary{Updates: 2, PathLength: one, Displacement: one}, "2 updates: path length 1, displacement from " +
			"theta_0 1"},
		{
			Summary{Rows: 2, LastStep: 9, MissingSteps: 8, Displacement: one},
			"2 rows between steps 0 and 9: displacement from the first to the last 1",
		},
		{
			Summary{Rows: 3, Updates: 1, LastStep: 9, MissingSteps: 7, Displacement: one, PathLength: one},
			"3 rows between steps 0 and 9: displacement from the first to the last 1\nboth ends are recorded of 1 of " +
				"the 9 updates: total length 1",
		},
		{Summary{GradCos: cosine(1), GradCosNegativeRatio: one}, "1 recorded pair of consecutive mini-batch " +
			"gradients: cosine -0.250"},
		{Summary{UpdateCos: cosine(2), UpdateCosNegativeRatio: one}, "consecutive updates: mean cosine -0.250, 100 % " +
			"of the cosines below 0, so they turn back more often than not"},
		{
			Summary{UpdateCos: cosine(2), UpdateCosNegativeRatio: one, MissingSteps: 1},
			"2 recorded pairs of consecutive updates: mean cosine -0.250, 100 % of the cosines below 0, so they turn " +
				"back more often than not",
		},
	} {
		if got := strings.Join(analyze.Texts(c.s.Findings()), "\n"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q; want %q", got, c.want)
		}
	}
	many := Summary{Diffusion: &DiffusionSummary{Persistence: record.Some(4)}, NonfiniteLosses: 2}
	many.Noise = &NoiseSummary{
		NoiseScale: record.Some(30), InBatches: true, FullNoiseScale: record.Some(40),
		FullRows: 1,
	}
	got := strings.Join(analyze.Texts(many.Findings()), "; ")
	for _, want := range []string{
		"came 2 times as far", "30 batches", "at 1 iterate: 40 examples",
		"2 mini-batch losses are NaN or infinite",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	many.Diffusion = new(DiffusionSummary)
	if got := strings.Join(analyze.Texts(many.Findings()), "; "); strings.Contains(got, "as far") {
		t.Errorf("without persistence: %q", got)
	}
}

// Consecutive vectors turn back where more than half of their cosines are below 0.
func TestTurning(t *testing.T) {
	for below, want := range map[float64]string{
		0: "keep their direction", math.Nextafter(0.5, 0): "keep their direction", 0.5: "as often as not",
		math.Nextafter(0.5, 1): "turn back more often than not", 1: "turn back more often than not",
	} {
		if got := turning(below); !strings.Contains(got, want) {
			t.Errorf("%v below 0: %q; want %q", below, got, want)
		}
	}
}

// The reason changes where more than half of the inner products are below 0, and full
// gradients are named to runs that can have them.
func TestNoEstimate(t *testing.T) {
	for negative, want := range map[float64]string{
		0.5:  "a few large ones decide",
		0.51: "turn against the one before",
	} {
		if got := noEstimate(-1, negative, true); !strings.Contains(got, want) ||
			!strings.Contains(got, "--full-gradients") {
			t.Errorf("%v: %q; want %q", negative, got, want)
		}
	}
	if got := noEstimate(-1, 0.5, false); strings.Contains(got, "--full-gradients") {
		t.Errorf("a run without its data: %q", got)
	}
	for _, c := range []struct {
		theta bool
		spec  string
		want  bool
	}{{true, "digits", true}, {false, "digits", false}, {true, "", false}} {
		h := record.Header{Columns: record.Columns{Theta: c.theta}}
		if h.Data.Spec = c.spec; rebuilt(&h) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
	if rebuilt(&record.Header{
		Model: record.ImportedModel, Data: record.Data{Spec: "digits"},
		Columns: record.Columns{Theta: true},
	}) {
		t.Error("an imported run has a loss")
	}
}
