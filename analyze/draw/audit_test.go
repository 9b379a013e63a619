package draw

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze/audit"
	"sgdwalk/analyze/figure"
)

// audited is a result of four checkpoints, of which one is equal to the first one and one
// cannot be read.
func audited() *audit.Result {
	nan, fits := math.NaN(), int64(0)
	return &audit.Result{
		Summary: audit.Summary{Checkpoints: 9, List: []audit.Finding{
			{Check: audit.SameCheckpoint, Severity: audit.Fault, Step: 20, Steps: []int64{0, 20}, FitsStep: &fits},
			{Check: audit.WrongOrder, Severity: audit.Fault, Step: 40, Steps: []int64{40, 50}},
			{Check: audit.Rounded, Severity: audit.Warning, Step: 10, Steps: []int64{10, 20}, Tensors: []string{"a", "b"}},
			{Check: audit.Frozen, Severity: audit.Warning, Step: -1, Tensors: []string{"c"}},
			{Check: audit.OtherSeries, Severity: audit.Warning, Step: 7, FitsStep: &fits},
			{Check: audit.Faster, Severity: audit.Event, Step: 5},
		}},
		Distances: audit.Distances{
			Steps:  []int64{0, 10, 20, 30},
			Values: [][]float64{{0, 1, 0, nan}, {1, 0, 1, nan}, {0, 1, 0, nan}, {nan, nan, nan, nan}},
		},
	}
}

func TestAuditMarks(t *testing.T) {
	f := Distances("t", audited())
	valid(t, f)
	want := []figure.Mark{
		{Step: 5, Kind: figure.MarkEvent, Text: "(faster)"},
		{Step: 7, Kind: figure.MarkWarning, Text: "(other series)"},
		{Step: 10, Kind: figure.MarkWarning, Text: "(rounded, 2 tensors)"},
		{Step: 20, Kind: figure.MarkError, Text: "(fits 0)"},
		{Step: 40, Kind: figure.MarkError, Text: "(wrong order)"},
		{Step: 50, Kind: figure.MarkError, Text: "(wrong order)"},
	}
	if diff := cmp.Diff(want, f.Marks); diff != "" {
		t.Error(diff)
	}
	if f.Notes[0] != "4 of 9 checkpoints are shown." {
		t.Errorf("notes %q", f.Notes)
	}
}

func TestAuditNeighbours(t *testing.T) {
	r := audited()
	r.Distances.Values[1][2], r.Distances.Values[2][1] = 0, 0
	if f := Neighbours("t", r); len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "the one before: 1.") {
		t.Errorf("notes %q", f.Notes)
	}
	f := Neighbours("t", audited())
	valid(t, f)
	want := []figure.Series{
		{Name: "to the checkpoint before", X: []float64{10, 20}, Y: []float64{1, 1}},
		{Name: "error", X: []float64{20}, Y: []float64{1}, Points: true, Apart: true},
		{Name: "to the first checkpoint", X: []float64{10}, Y: []float64{1}},
		{Name: "warning", X: []float64{10}, Y: []float64{1}, Points: true, Apart: true},
	}
	if diff := cmp.Diff(want, f.Series); diff != "" {
		t.Error(diff)
	}
}

// TestAuditNames: a result without distances has no figure, one of two checkpoints has the
// matrix only, and no figure has the name of the table.
func TestAuditNames(t *testing.T) {
	names := func(r *audit.Result) []string {
		var out []string
		for _, n := range Audit("t", r) {
			valid(t, n.Figure)
			out = append(out, n.Name)
		}
		return out
	}
	r := audited()
	if got := names(r); !slices.Equal(got, []string{"distances", "neighbours"}) {
		t.Errorf("figures %v", got)
	}
	r.Distances.Steps, r.Distances.Values = r.Distances.Steps[:2], [][]float64{{0, 1}, {1, 0}}
	if got := names(r); !slices.Equal(got, []string{"distances"}) {
		t.Errorf("two checkpoints: figures %v", got)
	}
	if got := names(&audit.Result{}); got != nil {
		t.Errorf("no checkpoints: figures %v", got)
	}
}
