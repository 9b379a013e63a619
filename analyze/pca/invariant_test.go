package pca_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Whatever finite rows there are, repeated, zero, tiny, huge, on a line: Fit gives
// a result that keeps its promises, or one line that says why not.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, p := rapid.IntRange(1, 9).Draw(rt, "n"), rapid.IntRange(1, 20).Draw(rt, "p")
		element := rapid.OneOf(rapid.Just(float32(0)), rapid.Float32Range(-1, 1), rapid.Float32Range(-1e-30, 1e-30),
			rapid.Float32Range(-1e15, 1e15), rapid.SampledFrom([]float32{1, -1, 2, 1000, 1e-45}))
		rows := make([][]float32, n)
		for i := range rows {
			if i > 0 && rapid.Bool().Draw(rt, "repeat") {
				rows[i] = rows[rapid.IntRange(0, i-1).Draw(rt, "of")]
				continue
			}
			rows[i] = rapid.SliceOfN(element, p, p).Draw(rt, "row")
		}
		m, err := record.NewMemory(&record.Header{
			Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
			Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, p}}),
		})
		if err != nil {
			rt.Fatal(err)
		}
		step := int64(0)
		for _, theta := range rows {
			if err := m.Append(&record.Step{Step: step, Theta: theta}); err != nil {
				rt.Fatal(err)
			}
			step += int64(rapid.SampledFrom([]int{1, 1, 1, 10}).Draw(rt, "spacing"))
		}
		center := rapid.SampledFrom([]pca.Center{pca.Mean, pca.Final, pca.Init}).Draw(rt, "center")
		k := rapid.IntRange(1, 5).Draw(rt, "k")
		r, err := pca.Fit(context.Background(), m, pca.Options{Components: k, Center: center, Surrogates: 2})
		if err != nil {
			for _, reason := range []string{"need at least 2", "are the same", "differ by less than the rounding"} {
				if strings.Contains(err.Error(), reason) {
					return
				}
			}
			rt.Fatal(err)
		}
		check(rt, rows, r, k)
	})
}

func check(t *rapid.T, rows [][]float32, r *pca.Result, k int) {
	if err := r.Table.Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r.Summary); err != nil {
		t.Fatal(err)
	}
	if len(r.Components) < 1 || len(r.Components) > min(k, len(rows)-1) {
		t.Fatalf("%d components of %d rows, asked for %d", len(r.Components), len(rows), k)
	}
	var sum float64
	last := math.Inf(1)
	for c, share := range r.ExplainedVarianceRatio {
		if !(share > 0 && share <= last*(1+1e-9)) {
			t.Fatalf("shares %v", r.ExplainedVarianceRatio)
		}
		sum, last = sum+share, share
		for e := range c + 1 {
			var dot, want float64
			if e == c {
				want = 1
			}
			for j, v := range r.Components[c] {
				dot += float64(v) * float64(r.Components[e][j])
			}
			near(t, "inner product of components", dot, want, 1e-6)
		}
	}
	if sum > 1+1e-6 {
		t.Fatalf("shares %v add up to %g", r.ExplainedVarianceRatio, sum)
	}
	if pr := r.Participation; !(pr >= 1-1e-9 && pr <= float64(len(rows))) {
		t.Fatalf("participation ratio %g of %d rows", pr, len(rows))
	}
	scale := math.Sqrt(r.TotalVariance * float64(len(rows)))
	for i := range rows {
		var squares float64
		for c := range min(2, len(r.Scores)) {
			squares += r.Scores[c][i] * r.Scores[c][i]
		}
		near(t, "residual and scores against the distance", math.Hypot(r.Residuals[i], math.Sqrt(squares)),
			r.Distances[i], 1e-5*scale)
	}
}
