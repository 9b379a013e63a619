//go:build !noasm && (amd64 || arm64)

package pca

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"sgdwalk/record"
)

// Without the assembly everything still holds, and the results are the same but
// for the order of sums.
func TestWithoutAssembly(t *testing.T) {
	if !hasAssembly {
		t.Skip("this processor has no instructions of the assembly: the other tests run without it")
	}
	m, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 700}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	theta := make([]float32, 700)
	for i := range 300 {
		for j := range theta {
			theta[j] += float32(rng.NormFloat64())
		}
		if err := m.Append(&record.Step{Step: int64(i), Theta: theta}); err != nil {
			t.Fatal(err)
		}
	}
	with, err := Fit(context.Background(), m, Options{Components: 3})
	if err != nil {
		t.Fatal(err)
	}
	hasAssembly = false
	defer func() { hasAssembly = true }()
	t.Run("products", TestProducts)
	t.Run("panels", TestPanels)
	t.Run("combiner", TestCombiner)
	t.Run("rest", TestRest)
	t.Run("subtract", TestSubtract)
	t.Run("transpose", TestTranspose)
	without, err := Fit(context.Background(), m, Options{Components: 3})
	if err != nil {
		t.Fatal(err)
	}
	for k := range with.Scores {
		for i, v := range with.Scores[k] {
			if math.Abs(v-without.Scores[k][i]) > 1e-5*math.Sqrt(with.TotalVariance) {
				t.Fatalf("score %d of row %d is %g with the assembly, %g without", k+1, i, v, without.Scores[k][i])
			}
		}
	}
}
