package curvature_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

// gradients records one row per gradient, at steps 0, 1, ..., and the row after the last
// update. A nil gradient is not recorded. theta moves by 1 in its first element per step.
func gradients(t fataler, change func(*record.Header), all ...[]float32) *record.Memory {
	p := 1
	for _, g := range all {
		p = max(p, len(g))
	}
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{p}}))
	h.Columns.Grad = true
	if change != nil {
		change(h)
	}
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float32, p)
	for k := range len(all) + 1 {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: theta}
		if k < len(all) {
			s.Grad, s.Examples, s.BatchLoss = all[k], 8, record.Some(1)
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
		theta[0]++
	}
	return m
}

func fisher(t fataler, m record.Trajectory, o curvature.FisherOptions) *curvature.Fisher {
	f, err := curvature.EmpiricalFisher(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Gradients a u and b v with u orthogonal to v, |u|^2 = |v|^2 = 4: the eigenvalues are
// the sums of 4 a^2 / n and of 4 b^2 / n.
func TestFisherOfOrthogonalGradients(t *testing.T) {
	m := gradients(t, nil,
		[]float32{2, 2, 2, 2, 0}, []float32{-2, -2, -2, -2, 0},
		[]float32{1, -1, 1, -1, 0}, []float32{3, -3, 3, -3, 0})
	f := fisher(t, m, curvature.FisherOptions{Step: -1, Gradients: 4})
	s := &f.Summary
	if len(s.Top) != 2 || !near(s.Top[0], 10, 1e-13) || !near(s.Top[1], 8, 1e-13) || s.Rank != 2 {
		t.Errorf("eigenvalues %v, rank %d; they are 10 and 8", s.Top, s.Rank)
	}
	if s.Trace.Mean != record.Some(18) || !near(s.Trace.FrobeniusSquared.Value, 164, 1e-12) ||
		s.Trace.StandardError != record.Some(0) {
		t.Errorf("trace %+v; it is 18, and the sum of the squares is 164", s.Trace)
	}
	if !near(s.MeanGradientShare.Value, 4.0/18, 1e-15) { // the mean gradient is v
		t.Errorf("share of the mean gradient %v; it is 4/18", s.MeanGradientShare)
	}
	if s.Step != 4 || s.FirstStep != 0 || s.LastStep != 3 || s.ThetaMoved != record.Some(3) || s.ExamplesMin != 8 ||
		s.ExamplesMax != 8 {
		t.Errorf("%+v", s)
	}
	for i, want := range [][]float32{{.5, -.5, .5, -.5, 0}, {.5, .5, .5, .5, 0}} {
		u := f.Top[i].Vector
		sign := float32(1)
		if u[0] < 0 {
			sign = -1
		}
		for j := range want {
			if math.Abs(float64(sign*u[j]-want[j])) > 1e-7 {
				t.Errorf("eigenvector %d is %v; it is %v up to the sign", i, u, want)
				break
			}
		}
		if f.Top[i].Residual > 1e-6 { // 10 times the rounding of u to float32
			t.Errorf("residual %v", f.Top[i].Residual)
		}
	}
	if diff := cmp.Diff([]float64{1. / 5, 1. / 5, 3. / 5}, f.Spectrum.Column("weight").Floats); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"eigenvalue", "eigenvalue", "zero"}, f.Spectrum.Column("part").Strings); diff != "" {
		t.Error(diff)
	}
	if !s.Stability.Threshold.Valid && s.Stability.ThresholdAbsent != "" && s.Stability.AboveEdge == nil {
		return
	}
	t.Errorf("stability %+v; no edge applies", s.Stability)
}

// All eigenvalues agree with the dense matrix, with fewer and with more gradients than
// parameters, however few rows are held in memory.
func TestFisherAgreesWithDenseMatrix(t *testing.T) {
	const p = 9
	for _, n := range []int{4, 30} {
		var all [][]float32
		dense := mat.NewSymDense(p, nil)
		for k := range n {
			g := gaussian(p, uint64(100+k))
			all = append(all, g)
			for i := range p {
				for j := i; j < p; j++ {
					dense.SetSym(i, j, dense.At(i, j)+float64(g[i])*float64(g[j])/float64(n))
				}
			}
		}
		var e mat.EigenSym
		if !e.Factorize(dense, false) {
			t.Fatal("no eigenvalues")
		}
		want := e.Values(nil)
		slices.Reverse(want)
		rank := min(n, p)
		m := gradients(t, nil, all...)
		whole := fisher(t, m, curvature.FisherOptions{Step: -1, Gradients: n, Top: p})
		if whole.Summary.Rank != rank || len(whole.Summary.Top) != rank {
			t.Fatalf("n = %d: rank %d, %d eigenvalues; both are %d", n, whole.Summary.Rank, len(whole.Summary.Top),
				rank)
		}
		for i, v := range whole.Summary.Top {
			// Both decompositions are good to some 2^-52 times the row sums.
			if !near(v, want[i], 1e-13*want[0]) {
				t.Errorf("n = %d: eigenvalue %d is %v, of the dense matrix %v", n, i+1, v, want[i])
			}
			if r := whole.Top[i].Residual; r > 1e-6*want[0] { // u is rounded to float32
				t.Errorf("n = %d: residual %d is %v", n, i+1, r)
			}
		}
		if f := mat.Norm(dense, 2); !near(whole.Summary.Trace.FrobeniusSquared.Value, f*f, 1e-12*f*f) ||
			!near(whole.Summary.Trace.Mean.Value, dense.Trace(), 1e-13*dense.Trace()) {
			t.Errorf("n = %d: %+v; trace %v and norm %v", n, whole.Summary.Trace, dense.Trace(), f)
		}
		for _, vectors := range []int64{1, 2, 5} {
			few := fisher(t, m, curvature.FisherOptions{Step: -1, Gradients: n, Top: p, MaxMemory: vectors * 4 * p})
			if diff := cmp.Diff(whole, few); diff != "" {
				t.Errorf("n = %d with memory for %d vectors: %s", n, vectors, diff)
			}
		}
	}
}

// Over all mini-batches of B = 2 out of three examples, with replacement, the matrix is
// G G' + C/B: so say the manual and the doc comment.
func TestFisherOfMiniBatchesIsMeanAndCovariance(t *testing.T) {
	examples := [][]float32{{1, 2}, {-3, 1}, {5, 0}}
	var all [][]float32
	mean, second := [2]float64{}, [2][2]float64{}
	for _, a := range examples {
		for i := range 2 {
			mean[i] += float64(a[i]) / 3
			for j := range 2 {
				second[i][j] += float64(a[i]) * float64(a[j]) / 3
			}
		}
		for _, b := range examples {
			all = append(all, []float32{(a[0] + b[0]) / 2, (a[1] + b[1]) / 2})
		}
	}
	want := mat.NewSymDense(2, nil)
	for i := range 2 {
		for j := i; j < 2; j++ {
			g := mean[i] * mean[j]
			want.SetSym(i, j, g+(second[i][j]-g)/2)
		}
	}
	var e mat.EigenSym
	e.Factorize(want, false)
	v := e.Values(nil)
	if s := fisher(t, gradients(t, nil, all...), curvature.FisherOptions{}).Summary; !near(s.Top[0], v[1], 1e-13) ||
		!near(s.Top[1], v[0], 1e-13) {
		t.Errorf("eigenvalues %v; those of the mean and the covariance are %v", s.Top, v)
	}
}

func TestFisherTakesTheNearestGradients(t *testing.T) {
	var all [][]float32
	for k := range 20 {
		all = append(all, []float32{float32(k), 1})
	}
	all[9] = nil // a step without a gradient
	m := gradients(t, nil, all...)
	for _, c := range []struct {
		step int64
		n    int
		want []int64
	}{
		{-1, 3, []int64{17, 18, 19}},
		{20, 2, []int64{18, 19}},
		{0, 3, []int64{0, 1, 2}},
		{5, 4, []int64{3, 4, 5, 6}},
		{9, 3, []int64{7, 8, 10}},
		{18, 5, []int64{15, 16, 17, 18, 19}},
	} {
		f := fisher(t, m, curvature.FisherOptions{Step: c.step, Gradients: c.n})
		if diff := cmp.Diff(c.want, f.Gradients.Column("step").Ints); diff != "" {
			t.Errorf("step %d: %s", c.step, diff)
		}
	}
	f := fisher(t, m, curvature.FisherOptions{Step: 5})
	if got := codes(f.Warnings); f.Summary.Gradients != 19 || !strings.Contains(got, "gradients_missing") ||
		!strings.Contains(got, "minibatch_fisher") {
		t.Errorf("%d gradients, warnings %s", f.Summary.Gradients, got)
	}
	if norm := f.Gradients.Column("norm").Floats[3]; !near(norm, math.Sqrt(10), 1e-14) {
		t.Errorf("the gradient of step 3 has norm %v", norm)
	}
}

// Gradients of 0 have the eigenvalue 0 and no eigenvector.
func TestFisherOfZeroGradients(t *testing.T) {
	f := fisher(t, gradients(t, nil, []float32{0, 0}, []float32{0, 0}), curvature.FisherOptions{})
	if s := &f.Summary; s.Rank != 0 || len(f.Top) != 0 || s.LambdaMax != record.Some(0) || s.LambdaMaxResidual.Valid ||
		s.MeanGradientShare.Valid {
		t.Errorf("%+v", f.Summary)
	}
}

func TestFisherRefusesWhatItCannotUse(t *testing.T) {
	ctx := context.Background()
	one, inf := []float32{1, 2}, []float32{1, float32(math.Inf(1))}
	for _, c := range []struct {
		name   string
		change func(*record.Header)
		all    [][]float32
		o      curvature.FisherOptions
		want   string
		is     error
	}{
		{
			"not recorded", func(h *record.Header) { h.Columns.Grad = false },
			[][]float32{nil, nil},
			curvature.FisherOptions{},
			"train --grad", curvature.ErrNoGradients,
		},
		{
			"one", nil,
			[][]float32{one, nil, nil},
			curvature.FisherOptions{},
			"it has 1, and at least 2",
			curvature.ErrNoGradients,
		},
		{
			"not finite", nil,
			[][]float32{one, one, one, inf},
			curvature.FisherOptions{},
			"step 3 (row 3)",
			curvature.ErrNotFinite,
		},
		{
			"projected", func(h *record.Header) {
				h.Sketch = &record.Sketch{Spec: "project:2", Parameters: 3, Layout: record.Pack(record.Tensor{
					Name: "w",
					Kind: record.Weight, Shape: []int{3},
				})}
			},
			[][]float32{one, one},
			curvature.FisherOptions{},
			`reduced by "project:2" from 3 parameters to 2`,
			curvature.ErrNoGradients,
		},
		{
			"no such step", nil,
			[][]float32{one, one},
			curvature.FisherOptions{Step: 7},
			"step 7 is not in the recording", nil,
		},
		{
			"one gradient requested", nil,
			[][]float32{one, one},
			curvature.FisherOptions{Gradients: 1},
			"gradients is 1",
			nil,
		},
		{"too many", nil, [][]float32{one, one}, curvature.FisherOptions{Gradients: 4097}, "gradients is 4097", nil},
		{"top", nil, [][]float32{one, one}, curvature.FisherOptions{Top: -1}, "top is -1", nil},
		{"memory", nil, [][]float32{one, one}, curvature.FisherOptions{MaxMemory: -1}, "max memory is -1", nil},
	} {
		_, err := curvature.EmpiricalFisher(ctx, gradients(t, c.change, c.all...), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v; it must say %q", c.name, err, c.want)
		}
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := curvature.EmpiricalFisher(stopped, gradients(t, nil, one, one),
		curvature.FisherOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if f := fisher(t, gradients(t, nil, one, one, inf),
		curvature.FisherOptions{Gradients: 2}); f.Summary.LastStep != 1 {
		t.Error("a gradient outside of the window must not matter")
	}
	half := gradients(t, func(h *record.Header) { h.Format, h.DType = 2, record.BFloat16 }, one, one)
	if got := codes(fisher(t, half, curvature.FisherOptions{Gradients: 2}).Warnings); !strings.Contains(got,
		"rounded_gradients") {
		t.Errorf("warnings of 16-bit gradients: %s", got)
	}
	o := curvature.Options{Matrix: curvature.FisherMatrix}
	if err := o.Validate(); err == nil {
		t.Error("Compute must refuse the empirical Fisher matrix, which it has no gradients for")
	}
}
