package dataset

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustOrder(t interface{ Fatal(...any) }, seed uint64, examples, batch int) *Order {
	o, err := NewOrder(seed, examples, batch)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOrderCoversEveryExampleOnceAnEpoch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		examples := rapid.IntRange(1, 300).Draw(t, "examples")
		batch := rapid.IntRange(1, examples).Draw(t, "batch")
		seed := rapid.Uint64().Draw(t, "seed")
		epoch := rapid.IntRange(1, 1000).Draw(t, "epoch")
		o := mustOrder(t, seed, examples, batch)
		var all []int
		for b := range o.Batches() {
			indices := o.Batch(epoch, b)
			if want := min(batch, examples-b*batch); len(indices) != want {
				t.Fatalf("batch %d has %d examples, want %d", b, len(indices), want)
			}
			all = append(all, indices...)
		}
		slices.Sort(all)
		for i, v := range all {
			if i != v {
				t.Fatalf("example %d does not occur exactly once", i)
			}
		}
		// Any batch can be requested first, or after any other batch.
		b := rapid.IntRange(0, o.Batches()-1).Draw(t, "b")
		want := slices.Clone(o.Batch(epoch, b))
		o.Batch(epoch+7, 0)
		if !slices.Equal(want, o.Batch(epoch, b)) ||
			!slices.Equal(want, mustOrder(t, seed, examples, batch).Batch(epoch, b)) {
			t.Fatal("the batch depends on earlier requests")
		}
	})
}

// TestOrderIsPinned: old recordings need this order, because their header has the
// seed only.
func TestOrderIsPinned(t *testing.T) {
	o := mustOrder(t, 1, 10, 10)
	got := [][]int{slices.Clone(o.Batch(1, 0)), slices.Clone(o.Batch(2, 0))}
	want := [][]int{{1, 2, 0, 9, 3, 7, 5, 6, 4, 8}, {3, 6, 7, 5, 0, 8, 9, 4, 1, 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the order of seed 1 has changed:\n%s", diff)
	}
}

// TestOrderIsUniform counts how often each of 4 examples comes to each place, over
// consecutive epochs and consecutive seeds. 16 cells have 9 degrees of freedom;
// chi-squared exceeds 33.7 once in 10,000 cases.
func TestOrderIsUniform(t *testing.T) {
	const draws = 20000
	for name, at := range map[string]func(i int) []int{
		"epochs": func(i int) []int { return mustOrder(t, 1, 4, 4).Batch(i+1, 0) },
		"seeds":  func(i int) []int { return mustOrder(t, uint64(i), 4, 4).Batch(1, 0) },
	} {
		var counts [4][4]int
		for i := range draws {
			for place, example := range at(i) {
				counts[place][example]++
			}
		}
		chi := 0.0
		for _, row := range counts {
			for _, n := range row {
				chi += math.Pow(float64(n)-draws/4, 2) / (draws / 4)
			}
		}
		if chi > 33.7 {
			t.Errorf("%s: chi-squared is %v, counts %v", name, chi, counts)
		}
	}
}

func TestOrderErrors(t *testing.T) {
	for _, c := range []struct {
		examples, batch int
		want            string
	}{
		{100, 0, "dataset: batch is 0; allowed is 1 to 100, the number of training examples"},
		{100, 101, "dataset: batch is 101; allowed is 1 to 100, the number of training examples"},
		{100, -5, "dataset: batch is -5; allowed is 1 to 100, the number of training examples"},
		{0, 1, "dataset: number of examples is 0; allowed is at least 1"},
	} {
		_, err := NewOrder(1, c.examples, c.batch)
		var oe *OptionError
		if !errors.As(err, &oe) || err.Error() != c.want {
			t.Errorf("NewOrder(1, %d, %d): %v, want %q", c.examples, c.batch, err, c.want)
		}
	}
}

func TestBatchAllocatesNothing(t *testing.T) {
	o := mustOrder(t, 1, 1000, 100)
	epoch := 0
	if n := testing.AllocsPerRun(20, func() { epoch++; o.Batch(epoch, 3) }); n != 0 {
		t.Errorf("%v allocations per epoch", n)
	}
}
