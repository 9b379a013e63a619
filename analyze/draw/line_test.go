package draw

import (
	"context"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/line"
)

// TestAlignedLines: a figure of a line has the losses before and after the alignment, and a
// figure of several pairs has one panel for each.
func TestAlignedLines(t *testing.T) {
	loss := analyze.LossFunc(firstSquare)
	o := line.Options{Mode: line.Connectivity, Aligned: []float32{0, 1}}
	r, err := line.Between(t.Context(), []float32{1, 0}, []float32{-1, 0}, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	f := Line("title", &r.Losses, line.Ends{From: 0, To: 3})
	if err := f.Validate(); err != nil || len(f.Series) != 3 || f.Series[1].Name != "full training loss, aligned" ||
		f.Series[0].Y[29] != 1 || f.Series[1].Y[29] != 0 || len(f.Notes) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	plain, err := line.Between(t.Context(), []float32{1, 0}, []float32{-1, 0}, loss, line.Options{Mode: line.Connectivity})
	if err != nil {
		t.Fatal(err)
	}
	if f := Line("title", &plain.Losses, line.Ends{From: 0, To: 3}); len(f.Series) != 2 || f.Notes != nil {
		t.Errorf("%+v", f)
	}
	var pairs []align.Pair
	var results []*line.Result
	for _, to := range []string{"b", "c", "d", "e", "f"} {
		pairs, results = append(pairs, align.Pair{From: "a", To: to}), append(results, r)
	}
	table := line.Pairs(pairs, results)
	p := Pairs("title", &table)
	if err := p.Validate(); err != nil || len(p.Panels) != mostPairs || p.Panels[3].Series[1].Y[29] != 0 ||
		!strings.Contains(strings.Join(p.Notes, "; "), "pair 4: a to e; the first 4 of 5 pairs") {
		t.Errorf("%v; %+v", err, p.Notes)
	}
	one := line.Pairs(pairs[:1], []*line.Result{plain})
	if p := Pairs("title", &one); len(p.Panels) != 1 || len(p.Panels[0].Series) != 1 || !strings.Contains(p.XLabel, "1 is b") {
		t.Errorf("%+v", p)
	}
}

func firstSquare(_ context.Context, theta []float32) (float64, error) {
	return float64(theta[0]) * float64(theta[0]), nil
}
