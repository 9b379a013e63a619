package draw

import (
	"context"
	"math"
	"slices"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// bowl is x^2/2 with its gradient.
type bowl struct{}

func (bowl) Loss(_ context.Context, theta []float32) (float64, error) {
	return float64(theta[0]) * float64(theta[0]) / 2, nil
}

func (b bowl) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	grad[0] = theta[0]
	return b.Loss(ctx, theta)
}

// TestAverages draws a run that jumps between the walls of a valley, at -1 and 1: the mean of
// an even number of iterates is on the floor.
func TestAverages(t *testing.T) {
	m, err := record.NewMemory(record.NewHeader(record.Pack(record.Tensor{
		Name: "w", Kind: record.Weight, Shape: []int{1},
	})))
	if err != nil {
		t.Fatal(err)
	}
	for k := range int64(64) {
		if err := m.Append(&record.Step{Step: k, Epoch: 1, Theta: []float32{float32(1 - 2*(k%2))}}); err != nil {
			t.Fatal(err)
		}
	}
	at, err := analyze.ParseSegments("every:3")
	if err != nil {
		t.Fatal(err)
	}
	o := average.Options{At: at, Branches: average.Branches{
		From: []int64{10}, Steps: 5, Decay: "linear",
		Train: func(context.Context, int64) ([]float32, []float32, error) { return []float32{0.5}, nil, nil },
	}}
	for _, w := range []int{2, 3, 4, 6, 8, 16} {
		o.Averages = append(o.Averages, average.Average{Scheme: average.Window, Length: w})
	}
	o.Averages = append(o.Averages, average.Average{Scheme: average.EMA, Decay: 0.5})
	r, err := average.Compute(t.Context(), m, bowl{}, o)
	if err != nil {
		t.Fatal(err)
	}
	figures := make(map[string]*figure.Curves)
	var names []string
	for _, f := range Averages("bounce", r) {
		valid(t, f.Figure)
		figures[f.Name] = f.Figure.(*figure.Curves)
		names = append(names, f.Name)
	}
	if want := []string{"average", "length", "gain"}; !slices.Equal(names, want) {
		t.Fatalf("the figures are %v; want %v", names, want)
	}
	steps := figures["average"]
	names = nil
	for _, s := range steps.Series {
		names = append(names, s.Name)
	}
	if want := []string{
		"iterate", "window 2", "window 6", "window 16", "ema 0.5", "end of a branch, rate decayed to 0 (linear)",
	}; !slices.Equal(names, want) {
		t.Errorf("the losses are of %q; want %q", names, want)
	}
	if own := steps.Series[0]; own.Y[3] != 0.5 || own.X[3] != 9 || steps.Series[2].Y[2] != 0 {
		t.Errorf("the iterate has %v at step %v; want 0.5 at 9", own.Y[3], own.X[3])
	}
	if b := steps.Series[5]; b.X[0] != 15 || b.Y[0] != 0.125 || !b.Apart {
		t.Errorf("the branch is %+v; want 0.125 at step 15", b)
	}
	if want := []string{"The table has 3 more averages."}; !slices.Equal(steps.Notes, want) {
		t.Errorf("the notes are %q; want %q", steps.Notes, want)
	}
	length := figures["length"].Series[0]
	if want := []float64{1, 2, 3, 4, 6, 8, 16}; !slices.Equal(length.X, want) || length.Y[0] != 0.5 || length.Y[1] != 0 ||
		math.Abs(length.Y[2]-1./18) > 1e-7 || len(figures["length"].Series) != 4 {
		t.Errorf("over the length the losses are %v at %v", length.Y, length.X)
	}
	gain := figures["gain"]
	for i, want := range []float64{0.5, 0.5 - 1./18, 0.5, 0.5, 0.5, 0.5} {
		own, null := gain.Series[0], gain.Series[1]
		if math.Abs(own.Y[i]-want) > 1e-7 || math.Abs(null.Y[i]-want) > 1e-7 || !(own.Low[i] <= own.Y[i]) {
			t.Errorf("window %v gains %v and the null %v; want %v", own.X[i], own.Y[i], null.Y[i], want)
		}
	}

	// Without a null, with one window and without intervals.
	o.NoNull, o.Branches, o.Averages = true, average.Branches{}, o.Averages[:2]
	if o.At, err = analyze.ParseSegments("40,50,63"); err != nil {
		t.Fatal(err)
	}
	if r, err = average.Compute(t.Context(), m, bowl{}, o); err != nil {
		t.Fatal(err)
	}
	for _, f := range Averages("", r) {
		valid(t, f.Figure)
		if c := f.Figure.(*figure.Curves); f.Name == "gain" && (len(c.Series) != 1 || c.Series[0].Low != nil) {
			t.Errorf("without a null and intervals the gains are %+v", c.Series)
		}
	}
	if list := Averages("", &average.Result{Averages: r.Averages}); len(list) == 0 {
		t.Error("without a summary nothing is drawn")
	} else {
		valid(t, list[0].Figure)
	}
}
