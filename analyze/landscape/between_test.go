package landscape_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/landscape"
	"sgdwalk/record"
)

// TestBetweenPoints: three orders of three units are one function. After the alignment there
// is no distance and no barrier, also between two permuted points.
func TestBetweenPoints(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{3, 1}, Axes: []string{"h", "input"}},
		record.Tensor{Name: "v", Kind: record.Weight, Shape: []int{1, 3}, Axes: []string{"output", "h"}},
	)
	state := record.Pack(record.Tensor{Name: "m", Kind: record.RunningMean, Shape: []int{3}, Axes: []string{"h"}})
	s, err := align.New(layout, state)
	if err != nil {
		t.Fatal(err)
	}
	// The distance from sum v_i w_i = 14 is a function that the order of the units does not change.
	loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		sum := -14.0
		for i := range 3 {
			sum += float64(theta[i]) * float64(theta[3+i])
		}
		return sum * sum, nil
	})
	theta := []float32{1, 2, 3, 1, 2, 3}
	points := []landscape.Point{{Name: "p", Theta: theta, State: []float32{4, 5, 6}}}
	for _, p := range []align.Permutations{{{1, 2, 0}}, {{2, 1, 0}}} {
		x := landscape.Point{Name: "q", Theta: s.Theta(p, theta), State: s.State(p, points[0].State)}
		if x.Match, err = align.Match(t.Context(), s, theta, x.Theta, align.Options{}); err != nil {
			t.Fatal(err)
		}
		points = append(points, x)
	}
	points[2].Name = "r"
	b, err := landscape.BetweenPoints(t.Context(), s, points, loss, analyze.NoStore{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Summary) != 3 || b.Lines.Len() != 90 || b.Tensors.Len() != 4 || b.Places.Len() != 6 || len(b.Warnings) > 0 {
		t.Fatalf("%d lines, %d rows, %d tensors, %d places, warnings %v", len(b.Summary), b.Lines.Len(), b.Tensors.Len(),
			b.Places.Len(), b.Warnings)
	}
	for i, want := range []string{"p q", "p r", "q r"} {
		x := &b.Summary[i]
		if got := x.From + " " + x.To; got != want {
			t.Errorf("line %d is %s; want %s", i, got, want)
		}
		if x.Line.BarrierOverEnds.Value < 0.2 || x.Aligned.BarrierOverEnds.Value > 1e-9 || x.Aligned.Distance > 1e-6 ||
			math.Abs(x.Aligned.LossEnd.Value) > 1e-9 || (x.Alignment != nil) != (x.From == "p") {
			t.Errorf("%s: %+v", want, x)
		}
	}
	summary := landscape.Summary{Between: b.Summary}
	text := strings.Join(analyze.Texts(summary.Findings()), "\n")
	for _, want := range []string{
		"p to q: alignment permutes 3 of 3 hidden units", "q to r: the barrier above the higher end is ",
		"both are aligned with p and not with each other",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("findings\n%s\nlack %s", text, want)
		}
	}
}

// TestThroughAligned: the plane goes through the permuted copies, and says so.
func TestThroughAligned(t *testing.T) {
	run := recording(t, [][]float32{{0, 0}})
	o := landscape.PlaneOptions{
		Kind: landscape.ThroughPlane, Through: []string{"a", "b", "c"},
		Point: func(text string) ([]float32, string, error) {
			return map[string][]float32{"a": {0, 0}, "b": {9, 9}, "c": {8, 8}}[text], text, nil
		},
		Align: func(points [][]float32) ([][]float32, error) {
			return [][]float32{points[0], {2, 0}, {0, 3}}, nil
		},
	}
	p, err := landscape.ChoosePlane(t.Context(), run, o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Plane.U[0] != 2 || p.Plane.V[1] != 3 || !p.Recipe.Aligned || p.Recipe.Directions[1] != "c, aligned" ||
		!strings.Contains(p.Labels[0], "1: b, aligned") {
		t.Errorf("%+v", p)
	}
}
