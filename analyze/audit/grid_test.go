package audit

import (
	"math"
	"slices"
	"testing"
)

// pythia returns the steps 0, 1, 2, 4 ... 512, 1000, 2000 ... 143000.
func pythia() []int64 {
	steps := []int64{0}
	for s := int64(1); s <= 512; s *= 2 {
		steps = append(steps, s)
	}
	for s := int64(1000); s <= 143000; s += 1000 {
		steps = append(steps, s)
	}
	return steps
}

func TestMissingSteps(t *testing.T) {
	grid := pythia()
	if len(grid) != 154 {
		t.Fatalf("the grid has %d steps, want 154", len(grid))
	}
	for i := 1; i < len(grid)-1; i++ {
		without := slices.Delete(slices.Clone(grid), i, i+1)
		if got := missingSteps(without); !slices.Equal(got, grid[i:i+1]) {
			t.Errorf("without step %d: missing %v", grid[i], got)
		}
	}
	for _, c := range []struct {
		name        string
		steps, want []int64
	}{
		{"two in a row", []int64{0, 10, 20, 30, 60, 70, 80, 90}, []int64{40, 50}},
		{"the end of a short series", []int64{100, 200, 300, 400, 600}, []int64{500}},
	} {
		if got := missingSteps(c.steps); !slices.Equal(got, c.want) {
			t.Errorf("%s: missing %v, want %v", c.name, got, c.want)
		}
	}
}

// Sound series have no missing step.
func TestNoMissingSteps(t *testing.T) {
	sound := map[string][]int64{
		"pythia": pythia(), "few": {0, 1000}, "none": nil, "one": {7},
		"irregular": {0, 3, 10, 12, 40, 41, 99, 250}, "finer first": {0, 10, 20, 30, 40, 50, 100, 150, 200, 250},
		"coarser first": {0, 100, 200, 300, 310, 320, 330, 340}, "with the end": {0, 500, 1000, 1500, 2000, 2345},
		"late start": {5000, 6000, 7000, 8000, 9000}, "doubled": {1, 2, 4, 8, 16, 32, 64, 128, 256},
		"tenfold": {1, 10, 100, 1000, 10000}, "1-2-5": {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
	}
	for _, n := range []int{8, 20, 40, 60, 100} {
		var steps []int64
		for k := range n + 1 {
			steps = append(steps, int64(math.Round(math.Pow(10000, float64(k)/float64(n)))))
		}
		sound["logarithmic"+string(rune('a'+n%26))] = slices.Compact(steps)
	}
	for name, steps := range sound {
		if got := missingSteps(steps); len(got) > 0 {
			t.Errorf("%s: missing %v", name, got)
		}
	}
}
