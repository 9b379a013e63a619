package pca_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"sgdwalk/analyze/pca"
)

// BenchmarkFit measures the leading ten components of a run in memory.
func BenchmarkFit(b *testing.B) {
	b.Run("T=1000/P=1e5", func(b *testing.B) { benchmarkFit(b, 1000, 100_000) })
	b.Run("T=200/P=1e5", func(b *testing.B) { benchmarkFit(b, 200, 100_000) })
}

func benchmarkFit(b *testing.B, n, p int) {
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, p)
		for j := range rows[i] {
			if i > 0 {
				rows[i][j] = rows[i-1][j]
			}
			rows[i][j] += rng.Float32() - 0.5
		}
	}
	m := recording(b, rows)
	b.SetBytes(4 * int64(n) * int64(p))
	for b.Loop() {
		if _, err := pca.Fit(context.Background(), m, pca.Options{Components: 10, Surrogates: -1}); err != nil {
			b.Fatal(err)
		}
	}
}
