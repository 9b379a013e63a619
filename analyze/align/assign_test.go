package align

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// bruteForce returns the smallest sum over all permutations.
func bruteForce(cost []float64, n int) float64 {
	best := math.Inf(1)
	columns := make([]int, n)
	for i := range columns {
		columns[i] = i
	}
	var try func(i int, sum float64)
	try = func(i int, sum float64) {
		if i == n {
			best = min(best, sum)
			return
		}
		for k := i; k < n; k++ {
			columns[i], columns[k] = columns[k], columns[i]
			try(i+1, sum+cost[i*n+columns[i]])
			columns[i], columns[k] = columns[k], columns[i]
		}
	}
	try(0, 0)
	return best
}

// prove checks that the assignment is a permutation and that the dual variables prove that it
// is optimal: no assignment can cost less than the sum of the dual variables.
func prove(t interface{ Fatalf(string, ...any) }, cost []float64, n int) (columns []int, sum float64) {
	columns, u, v := assign(cost, n)
	largest := 1.0
	for _, c := range cost {
		largest = max(largest, math.Abs(c))
	}
	seen, dual, rounding := make([]bool, n), 0.0, 1e-12*largest*float64(n+1)
	for i, j := range columns {
		if seen[j] {
			t.Fatalf("column %d is assigned twice: %v", j, columns)
		}
		seen[j] = true
		sum += cost[i*n+j]
		dual += u[i] + v[i]
		for k := range n {
			if u[i]+v[k] > cost[i*n+k]+rounding {
				t.Fatalf("dual variables of row %d and column %d add up to %v; the cost is %v", i, k, u[i]+v[k], cost[i*n+k])
			}
		}
	}
	if math.Abs(sum-dual) > rounding*float64(n+1) {
		t.Fatalf("the assignment costs %v; the dual variables prove %v", sum, dual)
	}
	return columns, sum
}

func TestAssignAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 7).Draw(t, "n")
		// Few different numbers make ties, which are where such code goes wrong.
		element := rapid.OneOf(
			rapid.Map(rapid.IntRange(-2, 2), func(i int) float64 { return float64(i) }),
			rapid.Float64Range(-1e3, 1e3),
		)
		cost := rapid.SliceOfN(element, n*n, n*n).Draw(t, "cost")
		if _, got := prove(t, cost, n); math.Abs(got-bruteForce(cost, n)) > 1e-9 {
			t.Fatalf("cost %v; the best of all permutations costs %v", got, bruteForce(cost, n))
		}
	})
}

// TestAssignLarge proves the optimum of random matrices, of matrices with ties, and of a
// hidden permutation.
func TestAssignLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 63, 512} {
		normal, ties, hidden := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
		want := r.Perm(n)
		for k := range normal {
			normal[k], ties[k], hidden[k] = r.NormFloat64(), float64(r.IntN(5)), 0.1*r.NormFloat64()
		}
		for i, j := range want {
			hidden[i*n+j] -= 10
		}
		prove(t, normal, n)
		prove(t, ties, n)
		if got, _ := prove(t, hidden, n); !slices.Equal(got, want) {
			t.Errorf("n = %d: the hidden permutation is not found", n)
		}
		if !slices.Equal(Assign(ties, n), Assign(slices.Clone(ties), n)) {
			t.Errorf("n = %d: two calls differ", n)
		}
	}
	// Equal costs: every assignment is optimal, and the result is one.
	prove(t, make([]float64, 50*50), 50)
}

func TestAssignPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a matrix of the wrong size is accepted")
		}
	}()
	Assign(make([]float64, 3), 2)
}

func BenchmarkAssign(b *testing.B) {
	for _, n := range []int{128, 512, 1024} {
		b.Run(map[int]string{128: "128", 512: "512", 1024: "1024"}[n], func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			cost := make([]float64, n*n)
			for k := range cost {
				cost[k] = r.NormFloat64()
			}
			for b.Loop() {
				Assign(cost, n)
			}
		})
	}
}
