package figure

import (
	"math"
	"slices"
	"testing"
)

// TestFloorIsBelowTheCurve: whatever the floors are, no floor is drawn above the loss on its
// segment.
func TestFloorIsBelowTheCurve(t *testing.T) {
	w := &Walk{
		Steps: []int{0, 1, 5}, Alphas: []float64{0, 0.5, 1},
		Losses: [][]float64{{3, 1, 2}, {2, 1.5, 1}, {1, 0.5, math.NaN()}},
		Floor:  []float64{0.9, 1.8, math.NaN()}, // the second is above its segment
	}
	s := w.series()
	for i, step := range w.Steps {
		k := 3 * i // its two ends and a gap
		for _, x := range s.floorX[k : k+2] {
			if x < float64(step) || x > float64(step+1) {
				t.Errorf("the floor of segment %d is drawn at %v", i, x)
			}
		}
		floor := s.floor[k]
		if math.IsNaN(w.Floor[i]) && math.IsNaN(floor) { // a gap
			continue
		}
		if floor != s.floor[k+1] || !(floor <= slices.Min(w.Losses[i])) {
			t.Errorf("segment %d: the floor is drawn from %v to %v, with losses %v", i, floor, s.floor[k+1], w.Losses[i])
		}
	}
}

// TestThinned compares the band of dense values with all of them.
func TestThinned(t *testing.T) {
	s := Series{Name: "noise"}
	for i := range 1000 {
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(i%10))
	}
	if same, every := thinned(s, 1000); every != 1 || len(same.X) != 1000 || same.Low != nil {
		t.Errorf("a wide frame has %d values, every %d", len(same.X), every)
	}
	s.Y[3] = math.NaN()
	out, every := thinned(s, 200)
	if every != 10 || len(out.X) != 100 {
		t.Fatalf("%d values for every %d", len(out.X), every)
	}
	for i := range out.X {
		mean := 4.5
		if i == 0 {
			mean = 42. / 9
		}
		if math.Abs(out.Y[i]-mean) > 1e-12 || out.Low[i] != 0 || out.Top[i] != 9 {
			t.Errorf("place %d: %v in the band %v to %v", i, out.Y[i], out.Low[i], out.Top[i])
		}
	}
	s.Points = true
	if _, every := thinned(s, 200); every != 1 {
		t.Error("marked values were thinned")
	}
}
