package analyze_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		n, k int
		want []int
	}{
		{0, 3, nil},
		{5, 0, nil},
		{5, -1, nil},
		{5, 1, []int{4}},
		{5, 2, []int{0, 4}},
		{5, 3, []int{0, 2, 4}},
		{6, 3, []int{0, 3, 5}},
		{3, 9, []int{0, 1, 2}},
	} {
		if got := analyze.Spread(c.n, c.k); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d: %v; want %v", c.k, c.n, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(1, 500).Draw(t, "n"), rapid.IntRange(2, 500).Draw(t, "k")
		l := analyze.Spread(n, k)
		if len(l) != min(n, k) || l[len(l)-1] != n-1 || len(l) > 1 && l[0] != 0 {
			t.Fatalf("%d of %d: %v", k, n, l)
		}
		for i := 1; i < len(l); i++ {
			// Evenly: no gap differs from another by more than one.
			if gap := l[i] - l[i-1]; gap < (n-1)/max(1, len(l)-1) || gap > (n-1)/max(1, len(l)-1)+1 {
				t.Fatalf("%d of %d: gap %d in %v", k, n, gap, l)
			}
		}
	})
}
