package pca_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Li et al. ignore biases and normalization parameters; the default does, the
// summary says so, and nothing of them is in the components.
func TestKinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 17))
	tensors := []record.Tensor{
		{Name: "conv", Kind: record.Filter, Shape: []int{2, 1, 3, 3}},
		{Name: "gamma", Kind: record.NormScale, Shape: []int{2}},
		{Name: "linear", Kind: record.Weight, Shape: []int{4, 5}},
		{Name: "bias", Kind: record.Bias, Shape: []int{4}},
	}
	rows := cloud(rng, 20, 18+2+20+4, func(int) float64 { return 1 }, 0)
	for i := range rows {
		rows[i][18] += float32(100 * i) // a scale that moves most of all
	}
	m := recording(t, rows, tensors...)

	r := fit(t, m, pca.Options{Surrogates: -1})
	for j := range rows[0] {
		out := j == 18 || j == 19 || j >= 40
		if zero := r.Components[0][j] == 0 && r.Components[1][j] == 0; zero != out {
			t.Errorf("coordinate %d: zero is %v, left out is %v", j, zero, out)
		}
	}
	if s := r.Summary; s.ParametersIncluded != 38 || s.Parameters != 44 ||
		fmt.Sprint(s.TensorsLeftOut) != "[gamma bias]" || s.Kinds != pca.Weights {
		t.Errorf("the summary says %d of %d, without %v, %q", s.ParametersIncluded, s.Parameters, s.TensorsLeftOut,
			s.Kinds)
	}
	if !strings.Contains(warningCodes(r), "left_out_variance") || r.Summary.LeftOutVarianceRatio < 0.99 {
		t.Errorf("left out %g of the variance; warnings %s", r.Summary.LeftOutVarianceRatio, warningCodes(r))
	}

	// The same as a fit of the run without the others.
	short := make([][]float32, len(rows))
	for i := range rows {
		short[i] = append(append([]float32{}, rows[i][:18]...), rows[i][20:40]...)
	}
	s := fit(t, recording(t, short), pca.Options{Surrogates: -1})
	for i := range rows {
		near(t, "score", r.Scores[0][i], s.Scores[0][i], 1e-5)
	}

	all := fit(t, m, pca.Options{Kinds: pca.All, Surrogates: -1})
	if all.ExplainedVarianceRatio[0] < 0.99 || all.Summary.LeftOutVarianceRatio != 0 {
		t.Errorf("with all coordinates share 1 is %g, left out %g", all.ExplainedVarianceRatio[0],
			all.Summary.LeftOutVarianceRatio)
	}
	one := fit(t, m, pca.Options{Tensors: []string{"bias"}, Surrogates: -1})
	if one.Summary.ParametersIncluded != 4 {
		t.Errorf("one tensor has %d parameters", one.Summary.ParametersIncluded)
	}
	if two := fit(t, m, pca.Options{Kinds: "bias,filter", Surrogates: -1}); two.Summary.ParametersIncluded != 22 {
		t.Errorf("two kinds have %d parameters", two.Summary.ParametersIncluded)
	}
}

// Tensors that take part and tensors that do not, across the borders of blocks
// and of pieces of blocks: the same as a run that has the former only, and the
// distances are over both.
func TestManyTensors(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 31))
	var tensors []record.Tensor
	var taken []bool // per coordinate
	for i, n := range []int{7, 300, 13, 16000, 90, 255, 1, 256, 20000, 5, 11} {
		kind := record.Bias
		if i%2 == 1 {
			kind = record.Weight
		}
		tensors = append(tensors, record.Tensor{Name: fmt.Sprint("t", i), Kind: kind, Shape: []int{1, n}})
		for range n {
			taken = append(taken, i%2 == 1)
		}
	}
	const n = 12
	rows, short := randomWalk(rng, n, len(taken)), make([][]float32, n)
	var mean []float64
	for j, in := range taken {
		m := 0.0
		for i := range rows {
			m += float64(rows[i][j]) / n
			if in {
				short[i] = append(short[i], rows[i][j])
			}
		}
		mean = append(mean, m)
	}
	o := pca.Options{Components: 7, Surrogates: -1} // more than one call of a kernel makes
	r, s := fit(t, recording(t, rows, tensors...), o), fit(t, recording(t, short), o)
	near(t, "total variance", r.TotalVariance, s.TotalVariance, 1e-9*s.TotalVariance)
	for k := range r.Components {
		near(t, "variance", r.ExplainedVariance[k], s.ExplainedVariance[k], 1e-9*s.TotalVariance)
		at := 0
		for j, in := range taken {
			want := float32(0)
			if in {
				want = s.Components[k][at]
				at++
			}
			if got := r.Components[k][j]; math.Abs(float64(got-want)) > 1e-7 {
				t.Fatalf("component %d, coordinate %d is %g, want %g", k+1, j, got, want)
			}
		}
	}
	for i := range rows {
		var distance, off float64
		for j, in := range taken {
			d := float64(rows[i][j]) - mean[j]
			distance += d * d
			if near(t, "reference", float64(r.Reference[j]), mean[j], 1e-6*(1+math.Abs(mean[j]))); !in {
				off += d * d
			}
		}
		near(t, "distance", r.Distances[i], math.Sqrt(distance), 1e-6*math.Sqrt(distance))
		want := math.Sqrt(s.Residuals[i]*s.Residuals[i] + off)
		near(t, "residual", r.Residuals[i], want, 1e-6*want)
	}
}

func TestRowsAndSubsteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 29))
	rows := randomWalk(rng, 12, 30)
	m := recording(t, rows)
	o := pca.Options{Surrogates: -1}
	if err := o.Rows.UnmarshalText([]byte("3-7")); err != nil {
		t.Fatal(err)
	}
	r := fit(t, m, o)
	if fmt.Sprint(r.Steps, r.Rows) != "[3 4 5 6 7] [3 4 5 6 7]" {
		t.Errorf("steps %v, rows %v", r.Steps, r.Rows)
	}
	_ = o.Rows.UnmarshalText([]byte("90-99"))
	if _, err := pca.Fit(context.Background(), m, o); err == nil || !strings.Contains(err.Error(), "90-99") {
		t.Errorf("rows outside the recording: %v", err)
	}

	withInner := m.Header().Clone()
	withInner.Columns.Substep = true
	inner, err := record.NewMemory(withInner)
	if err != nil {
		t.Fatal(err)
	}
	for i, theta := range rows {
		if err := inner.Append(&record.Step{Step: int64(i / 3), Substep: int32(i % 3), Theta: theta}); err != nil {
			t.Fatal(err)
		}
	}
	if r := fit(t, inner, pca.Options{}); len(r.Rows) != 4 || r.Rows[1] != 3 {
		t.Errorf("outer iterates are rows %v", r.Rows)
	}
	if r := fit(t, inner, pca.Options{Substeps: true}); len(r.Rows) != 12 {
		t.Errorf("%d rows with inner iterates", len(r.Rows))
	}
}

// Peers leave the last iterate out, or put the running statistics of
// normalization layers in. Here the rows are theta_0 to theta_T, and state is no
// part of theta.
func TestAllIteratesAndNoState(t *testing.T) {
	m, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true, State: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 2}}),
		State:  record.Pack(record.Tensor{Name: "mean", Kind: record.RunningMean, Shape: []int{1}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	const updates = 5
	for k := range updates + 1 {
		s := record.Step{
			Step: int64(k), Epoch: 1, Theta: []float32{float32(k), float32(k % 2)},
			State: []float32{float32(1000 * k * k)},
		}
		if k < updates {
			s.BatchLoss = record.Some(1)
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	r := fit(t, m, pca.Options{Kinds: pca.All, Surrogates: -1})
	if len(r.Rows) != updates+1 || r.Steps[0] != 0 || r.Steps[updates] != updates || len(r.Reference) != 2 {
		t.Errorf("rows %v, steps %v, %d parameters", r.Rows, r.Steps, len(r.Reference))
	}
	near(t, "variance", r.TotalVariance, (17.5+1.5)/updates, 1e-9)
}
