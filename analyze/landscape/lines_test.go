package landscape_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
)

// The first random direction equals the first direction of the plane with the same seed. The
// directions differ, and every direction has the norms of the parameters.
func TestRandomDirections(t *testing.T) {
	layout, theta := network()
	u, _, err := landscape.Directions(theta, layout, landscape.DirectionOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	all, err := landscape.RandomDirections(theta, layout, 3, landscape.DirectionOptions{Seed: 3})
	if err != nil || len(all) != 3 || !slices.Equal(all[0], u) || slices.Equal(all[1], u) ||
		slices.Equal(all[1], all[2]) {
		t.Fatalf("%d directions, error %v", len(all), err)
	}
	again, err := landscape.Normalize(u, theta, layout, landscape.DirectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range u {
		near(t, "normalized twice", float64(again[i]), float64(u[i]), 1e-6*math.Abs(float64(u[i])))
	}
	if _, err := landscape.Normalize(u[1:], theta, layout, landscape.DirectionOptions{}); err == nil {
		t.Error("a short direction is normalized")
	}
}

// On a bowl the loss along a line is a parabola in closed form, and so is the band over the
// lines.
func TestLines(t *testing.T) {
	origin := []float32{1, 0, 0}
	var lines []analyze.Line
	for _, u := range [][]float32{{1, 0, 0}, {0, 2, 0}, {0, 0, 3}} {
		l, err := analyze.NewLine(origin, u)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	r, err := landscape.ComputeLines(context.Background(), lines, bowl(2, 2, 2),
		landscape.LineOptions{X: analyze.Range{Min: -1, Max: 1, N: 5}})
	if err != nil {
		t.Fatal(err)
	}
	for k, a := range []float64{-1, -0.5, 0, 0.5, 1} {
		want := []float64{(1 + a) * (1 + a), 1 + 4*a*a, 1 + 9*a*a}
		for i := range want {
			near(t, fmt.Sprintf("line %d at %g", i, a), r.Loss[i][k], want[i], 1e-6)
			row := i*5 + k
			if r.Table.Column("line").Ints[row] != int64(i+1) || r.Table.Column("loss").Floats[row] != r.Loss[i][k] {
				t.Errorf("row %d of the table", row)
			}
		}
		near(t, "mean", r.Band.Column("loss_mean").Floats[k], (want[0]+want[1]+want[2])/3, 1e-6)
		near(t, "lowest", r.Band.Column("loss_min").Floats[k], slices.Min(want), 1e-6)
		near(t, "highest", r.Band.Column("loss_max").Floats[k], slices.Max(want), 1e-6)
	}
	if err := errors.Join(r.Table.Validate(), r.Band.Validate()); err != nil {
		t.Error(err)
	}
	s := r.Summary
	near(t, "loss at the origin", s.LossAtOrigin.Value, 1, 1e-6)
	near(t, "longest direction", s.Norms.Max.Value, 3, 1e-12)
	if s.Lines != 3 || !s.SpreadRatio.Valid {
		t.Errorf("summary %+v", s)
	}
}

// Interrupted lines resume where they stopped and have the same numbers in the end.
func TestLinesResume(t *testing.T) {
	layout, theta := network()
	lines, err := landscape.RandomLines(theta, layout, 4, landscape.DirectionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		calls++
		return float64(theta[0]) + float64(theta[5]*theta[7]), nil
	})
	o := landscape.LineOptions{X: analyze.Range{Min: -1, Max: 1, N: 9}}
	want, err := landscape.ComputeLines(context.Background(), lines, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	calls = 0
	store := &memory{units: map[string][]float64{}}
	o.Store = store
	for {
		ctx, cancel := context.WithCancel(context.Background())
		store.left, store.stop = 5, cancel
		got, err := landscape.ComputeLines(ctx, lines, loss, o)
		cancel()
		if err == nil {
			if !reflect.DeepEqual(got.Loss, want.Loss) || !reflect.DeepEqual(got.Summary, want.Summary) || calls != 36 {
				t.Errorf("%d evaluations, or other losses", calls)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func TestLinesRefuse(t *testing.T) {
	line, err := analyze.NewLine([]float32{1, 2}, []float32{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	other, err := analyze.NewLine([]float32{1}, []float32{1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lines []analyze.Line
		x     analyze.Range
		want  string
	}{
		{nil, analyze.Range{}, "no lines"},
		{[]analyze.Line{{}}, analyze.Range{}, "no lines"},
		{[]analyze.Line{line}, analyze.Range{Min: 0, Max: 1, N: 1}, "n is 1"},
		{[]analyze.Line{line}, analyze.Range{Min: 1, Max: 1, N: 3}, "min must be less than max"},
		{[]analyze.Line{line, other}, analyze.Range{}, "line 2 has 1 parameters and the first line has 2"},
	} {
		if r, err := landscape.ComputeLines(context.Background(), c.lines, bowl(1, 1),
			landscape.LineOptions{X: c.x}); err == nil || r != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v; want %q", err, c.want)
		}
	}
}
