package path

import (
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
		{Summary{}, ""},
		{Summary{Updates: 1, PathLength: one, Displacement: one}, "1 update: path length 1, displacement from theta_0 1"},
		{Summary{Updates: 2, PathLength: one, Displacement: one}, "2 updates: path length 1, displacement from theta_0 1"},
		{Summary{Rows: 2, LastStep: 9, MissingSteps: 8, Displacement: one}, "2 rows between steps 0 and 9: displacement from the first to the last 1"},
		{Summary{Rows: 3, Updates: 1, LastStep: 9, MissingSteps: 7, Displacement: one, PathLength: one}, "3 rows between steps 0 and 9: displacement from the first to the last 1\n1 of the 9 updates is recorded at both ends: its length is 1"},
		{Summary{GradCos: cosine(1), GradCosNegativeRatio: one}, "1 recorded pair of consecutive mini-batch gradients: cosine -0.250"},
		{Summary{UpdateCos: cosine(2), UpdateCosNegativeRatio: one}, "consecutive updates: mean cosine -0.250, 100 % of the cosines below 0"},
		{Summary{UpdateCos: cosine(2), UpdateCosNegativeRatio: one, MissingSteps: 1}, "2 recorded pairs of consecutive updates: mean cosine -0.250, 100 % of the cosines below 0"},
	} {
		if got := strings.Join(c.s.Findings(), "\n"); got != c.want {
			t.Errorf("%q; want %q", got, c.want)
		}
	}
	if got := (&DiffusionSummary{}).Sentence(); got != "" {
		t.Errorf("without persistence: %q", got)
	}
	if got := (&DiffusionSummary{Persistence: record.Some(4)}).Sentence(); !strings.Contains(got, "came 2 times as far") {
		t.Errorf("persistence 4: %q", got)
	}
	n := NoiseSummary{NoiseScale: record.Some(30), InBatches: true, FullNoiseScale: record.Some(40), FullRows: 1}
	if got := strings.Join(n.Findings(), "; "); !strings.Contains(got, "30 batches") || !strings.Contains(got, "at 1 iterate: 40 examples") {
		t.Errorf("noise: %q", got)
	}
}

// The reason changes where more than half of the inner products are below 0, and full
// gradients are named to runs that can have them.
func TestNoEstimate(t *testing.T) {
	for negative, want := range map[float64]string{0.5: "a few large ones decide", 0.51: "turn against the one before"} {
		if got := noEstimate(-1, negative, true); !strings.Contains(got, want) || !strings.Contains(got, "--full-gradients") {
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
	if rebuilt(&record.Header{Model: record.ImportedModel, Data: record.Data{Spec: "digits"}, Columns: record.Columns{Theta: true}}) {
		t.Error("an imported run has a loss")
	}
}
