package pca_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// recording returns a run with these iterates. Without tensors theta is one
// weight.
func recording(t testing.TB, rows [][]float32, tensors ...record.Tensor) *record.Memory {
	t.Helper()
	if len(tensors) == 0 {
		tensors = []record.Tensor{{Name: "weight", Kind: record.Weight, Shape: []int{1, len(rows[0])}}}
	}
	m, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32",
		Columns: record.Columns{Theta: true}, Layout: record.Pack(tensors...),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, theta := range rows {
		if err := m.Append(&record.Step{Step: int64(i), Epoch: 1, Theta: theta}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func randomWalk(rng *rand.Rand, n, p int) [][]float32 {
	rows := make([][]float32, n)
	x := make([]float64, p)
	for i := range rows {
		rows[i] = make([]float32, p)
		for j := range x {
			rows[i][j] = float32(x[j])
			x[j] += rng.NormFloat64()
		}
	}
	return rows
}

func cloud(rng *rand.Rand, n, p int, scale func(j int) float64, at float64) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, p)
		for j := range rows[i] {
			rows[i][j] = float32(at + scale(j)*rng.NormFloat64())
		}
	}
	return rows
}

func fit(t testing.TB, m record.Trajectory, o pca.Options) *pca.Result {
	t.Helper()
	r, err := pca.Fit(context.Background(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Table.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t interface {
	Helper()
	Errorf(string, ...any)
}, what string, got, want, tolerance float64,
) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.9g; want %.9g within %.2g", what, got, want, tolerance)
	}
}

// Antognini and Sohl-Dickstein (2018): the shares of a random walk. In P
// dimensions the inner product of two steps has relative standard deviation
// 1/sqrt(P), so eigenvalues deviate by about sqrt(2/P): 1 % at P = 20,000.
// Three of these are allowed.
func TestRandomWalkShares(t *testing.T) {
	const p = 20000
	rows := randomWalk(rand.New(rand.NewPCG(1, 1)), 400, p)
	m := recording(t, rows)
	tolerance := 3 * math.Sqrt(2./p)

	r := fit(t, m, pca.Options{Components: 3, Surrogates: -1})
	for k, want := range []float64{0.6079, 0.1520, 0.0675} {
		near(t, fmt.Sprintf("share %d", k+1), r.ExplainedVarianceRatio[k], want, tolerance*want)
		near(t, fmt.Sprintf("null %d", k+1), r.Summary.RandomWalk.ExplainedVarianceRatio[k], want, 1e-4)
		near(t, "Lissajous correlation", r.Summary.LissajousCorrelation[k].Value, 1, 0.01)
	}
	near(t, "participation ratio", r.Participation, 2.5, 2.5*2*tolerance)
	near(t, "null participation ratio", r.Summary.RandomWalk.ParticipationRatio, 2.5, 1e-4)
	codes := warningCodes(r)
	if !strings.Contains(codes, "no_more_than_random_walk") || !strings.Contains(codes, "lissajous") {
		t.Errorf("a random walk is not called one: %s", codes)
	}

	for _, c := range []pca.Center{pca.Final, pca.Init} {
		r := fit(t, m, pca.Options{Center: c, Components: 2, Surrogates: -1})
		for k, want := range []float64{0.8106, 0.0901} {
			near(t, fmt.Sprintf("%s share %d", c, k+1), r.ExplainedVarianceRatio[k], want, 2*tolerance*want)
			near(t, fmt.Sprintf("%s null %d", c, k+1), r.Summary.RandomWalk.ExplainedVarianceRatio[k], want, 2e-3*want)
			near(t, "correlation", r.Summary.LissajousCorrelation[k].Value, 1, 0.01)
		}
		near(t, "null participation ratio", r.Summary.RandomWalk.ParticipationRatio, 1.5, 0.01)
	}
}

func warningCodes(r *pca.Result) string {
	var codes []string
	for _, w := range r.Warnings {
		codes = append(codes, w.Code)
	}
	return strings.Join(codes, " ")
}

// The components, scores and variances agree with gonum's singular value
// decomposition of the centred float64 matrix.
func TestAgainstSingularValueDecomposition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		n, p := rapid.IntRange(3, 40).Draw(rt, "n"), rapid.IntRange(3, 60).Draw(rt, "p")
		k := rapid.IntRange(1, min(n-1, p, 4)).Draw(rt, "k")
		// Well separated variances, so that directions are comparable.
		rows := cloud(rng, n, p, func(j int) float64 { return math.Pow(0.6, float64(j)) }, rng.NormFloat64())
		x := mat.NewDense(n, p, nil)
		for i := range rows {
			for j, v := range rows[i] {
				x.Set(i, j, float64(v))
			}
		}
		var want stat.PC
		if !want.PrincipalComponents(x, nil) {
			rt.Fatal("gonum did not converge")
		}
		variances := want.VarsTo(nil)
		var vectors mat.Dense
		want.VectorsTo(&vectors)

		r := fit(t, recording(t, rows), pca.Options{Components: k, Surrogates: -1})
		var total float64
		for _, v := range variances {
			total += v
		}
		near(rt, "total variance", r.TotalVariance, total, 1e-5*total)
		for c := range r.Components {
			// The error of the Gram matrix is about 1e-7 of the total.
			near(rt, "variance", r.ExplainedVariance[c], variances[c], 1e-5*variances[c]+1e-6*total)
			var cos float64
			for j, v := range r.Components[c] {
				cos += float64(v) * vectors.At(j, c)
			}
			gap := math.Inf(1)
			for e, v := range variances {
				if e != c {
					gap = math.Min(gap, math.Abs(v-variances[c]))
				}
			}
			if gap > 1e-3*total {
				near(rt, "cosine with gonum's component", math.Abs(cos), 1, 1e-5)
			}
		}
	})
}

// Scores and explained variances do not change under a rotation of theta.
func TestRotation(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	const n, p = 30, 24
	rows := cloud(rng, n, p, func(j int) float64 { return 1 / float64(j+1) }, 0)
	g := mat.NewDense(p, p, nil)
	for i := range p {
		for j := range p {
			g.Set(i, j, rng.NormFloat64())
		}
	}
	var qr mat.QR
	qr.Factorize(g)
	var q mat.Dense
	qr.QTo(&q)
	turned := make([][]float32, n)
	for i := range rows {
		turned[i] = make([]float32, p)
		for a := range p {
			var s float64
			for b := range p {
				s += q.At(a, b) * float64(rows[i][b])
			}
			turned[i][a] = float32(s)
		}
	}
	o := pca.Options{Components: 4, Surrogates: -1}
	r, s := fit(t, recording(t, rows), o), fit(t, recording(t, turned), o)
	for k := range 4 {
		near(t, "variance", s.ExplainedVariance[k], r.ExplainedVariance[k], 1e-5*r.ExplainedVariance[0])
		for i := range n {
			near(t, "score", s.Scores[k][i], r.Scores[k][i], 1e-4)
		}
	}
	for i := range n {
		near(t, "residual", s.Residuals[i], r.Residuals[i], 1e-5)
	}
}

// What the components claim holds for the iterates themselves, in several blocks
// of columns and with the iterative eigensolver.
func TestComponentsScoresResiduals(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, size := range [][2]int{{40, 40000}, {600, 300}} {
		n, p := size[0], size[1]
		rows := cloud(rng, n, p, func(j int) float64 { return math.Pow(float64(j+1), -0.7) }, 0.3)
		m := recording(t, rows)
		for _, c := range []pca.Center{pca.Mean, pca.Final, pca.Init} {
			r := fit(t, m, pca.Options{Components: 3, Center: c, Surrogates: -1})
			for a := range 3 {
				for b := range 3 {
					var dot float64
					for j := range p {
						dot += float64(r.Components[a][j]) * float64(r.Components[b][j])
					}
					want := 0.0
					if a == b {
						want = 1
					}
					near(t, "inner product of components", dot, want, 1e-6)
				}
			}
			plane, err := r.Plane(1, 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				a, b, residual := plane.Project(rows[i])
				near(t, "score 1", a, r.Scores[0][i], 1e-5)
				near(t, "score 2", b, r.Scores[1][i], 1e-5)
				near(t, "residual", residual, r.Residuals[i], 1e-5)
			}
		}
	}
}

// Peers lose iterates that are close to each other and far from zero: in float32
// a Gram matrix of entries near 1e6 P cannot hold differences of 1e-6 P.
func TestIteratesFarFromZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	const n, p = 50, 3000
	rows := cloud(rng, n, p, func(int) float64 { return 1e-3 }, 1000)
	for i := range rows { // one real direction, three times as strong as all noise
		for j := range rows[i] {
			rows[i][j] += float32(math.Sqrt(3) * 1e-3 * math.Cos(float64(i)) * math.Sqrt2)
		}
	}
	x := mat.NewDense(n, p, nil)
	for i := range rows {
		for j, v := range rows[i] {
			x.Set(i, j, float64(v)-1000)
		}
	}
	var want stat.PC
	if !want.PrincipalComponents(x, nil) {
		t.Fatal("gonum did not converge")
	}
	variances := want.VarsTo(nil)
	r := fit(t, recording(t, rows), pca.Options{Components: 5, Surrogates: -1})
	for k, v := range r.ExplainedVariance {
		near(t, "variance", v, variances[k], 1e-5*variances[k])
	}
	if r.ExplainedVarianceRatio[0] < 0.7 {
		t.Errorf("share 1 is %g; three quarters of the variance are in one direction", r.ExplainedVarianceRatio[0])
	}
}

// A path in two dimensions has two components whatever is asked for, and no
// residual.
func TestRankDeficientPath(t *testing.T) {
	const n, p = 30, 500
	rng := rand.New(rand.NewPCG(13, 13))
	u, v := cloud(rng, 2, p, func(int) float64 { return 1 }, 0), make([][]float32, n)
	for i := range v {
		v[i] = make([]float32, p)
		a, b := math.Cos(float64(i)/4), 0.01*math.Sin(float64(i)/3)
		for j := range v[i] {
			v[i][j] = float32(a*float64(u[0][j]) + b*float64(u[1][j]))
		}
	}
	r := fit(t, recording(t, v), pca.Options{Components: 6, Surrogates: -1})
	if len(r.Components) != 2 || !strings.Contains(warningCodes(r), "rank_deficient") {
		t.Fatalf("%d components, warnings %s; want 2 and rank_deficient", len(r.Components), warningCodes(r))
	}
	for i := range r.Residuals {
		// Rounding of theta to float32.
		near(t, "residual", r.Residuals[i], 0, 3e-8*math.Sqrt(p)*2)
	}
	near(t, "shares", r.ExplainedVarianceRatio[0]+r.ExplainedVarianceRatio[1], 1, 1e-9)

	// On a line there is one, also for two rows, and no plane.
	for _, rows := range [][][]float32{{{0, 0}, {3, 4}}, {{0, 0}, {3, 4}, {6, 8}, {9, 12}}} {
		r := fit(t, recording(t, rows), pca.Options{})
		near(t, "share", r.ExplainedVarianceRatio[0], 1, 1e-12)
		near(t, "score", math.Abs(r.Scores[0][0]), 2.5*float64(len(rows)-1), 1e-6)
		if len(r.Components) != 1 {
			t.Errorf("%d components of a line", len(r.Components))
		}
		if _, err := r.Plane(1, 2, nil); err == nil || !strings.Contains(err.Error(), "component 2") {
			t.Errorf("a line gave a plane, or said %v", err)
		}
	}
}

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
	if s := r.Summary; s.ParametersIncluded != 38 || s.Parameters != 44 || fmt.Sprint(s.TensorsLeftOut) != "[gamma bias]" || s.Kinds != pca.Weights {
		t.Errorf("the summary says %d of %d, without %v, %q", s.ParametersIncluded, s.Parameters, s.TensorsLeftOut, s.Kinds)
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
		t.Errorf("with all coordinates share 1 is %g, left out %g", all.ExplainedVarianceRatio[0], all.Summary.LeftOutVarianceRatio)
	}
	one := fit(t, m, pca.Options{Tensors: []string{"bias"}, Surrogates: -1})
	if one.Summary.ParametersIncluded != 4 {
		t.Errorf("one tensor has %d parameters", one.Summary.ParametersIncluded)
	}
	if two := fit(t, m, pca.Options{Kinds: "bias,filter", Surrogates: -1}); two.Summary.ParametersIncluded != 22 {
		t.Errorf("two kinds have %d parameters", two.Summary.ParametersIncluded)
	}
}

// The same bits for any number of workers.
func TestWorkersChangeNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 19))
	for _, size := range [][2]int{{70, 20000}, {530, 200}} {
		m := recording(t, randomWalk(rng, size[0], size[1]))
		var first string
		for _, workers := range []int{1, 2, 5} {
			r := fit(t, m, pca.Options{Components: 3, Workers: workers, Surrogates: 3})
			var b strings.Builder
			if err := r.Table.WriteCSV(&b); err != nil {
				t.Fatal(err)
			}
			summary, err := json.Marshal(r.Summary)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(summary, []byte(`"explained_variance_ratio":[0.`)) {
				t.Fatalf("no explained_variance_ratio in %s", summary)
			}
			fmt.Fprintf(&b, "%v %v %s", r.Components, r.Reference, summary)
			switch {
			case first == "":
				first = b.String()
			case first != b.String():
				t.Fatalf("%d workers give another result than 1", workers)
			}
		}
	}
}

// The sign rule: positive is where the walk goes.
func TestSign(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 23))
	rows := randomWalk(rng, 100, 500)
	negated := make([][]float32, len(rows))
	for i := range rows {
		negated[i] = make([]float32, len(rows[i]))
		for j, v := range rows[i] {
			negated[i][j] = -v
		}
	}
	r, s := fit(t, recording(t, rows), pca.Options{Components: 4}), fit(t, recording(t, negated), pca.Options{Components: 4})
	for k := range r.Scores {
		low, high := math.Inf(1), math.Inf(-1)
		for i, v := range r.Scores[k] {
			low, high = math.Min(low, v), math.Max(high, v)
			near(t, "score of the mirrored walk", s.Scores[k][i], v, 1e-4)
		}
		if first := r.Scores[k][0]; high-first < first-low {
			t.Errorf("component %d: from %g the walk goes to %g and %g", k+1, first, low, high)
		}
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

	inner, err := record.NewMemory(m.Header())
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

func TestRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	bias := []record.Tensor{{Name: "b", Kind: record.Bias, Shape: []int{2}}}
	mixed := []record.Tensor{{Name: "w", Kind: record.Weight, Shape: []int{1, 1}}, {Name: "b", Kind: record.Bias, Shape: []int{1}}}
	for _, c := range []struct {
		name string
		m    *record.Memory
		o    pca.Options
		want string
	}{
		{"one row", recording(t, [][]float32{{1, 2}}), pca.Options{}, "1 of the recording's 1 rows"},
		{"all equal", recording(t, [][]float32{{1, 2}, {1, 2}, {1, 2}}), pca.Options{}, "all 3 rows are the same"},
		{"NaN", recording(t, [][]float32{{1, 2}, {1, 3}, {4, nan}, {5, 6}}), pca.Options{}, "row 2 (step 2): element 1 of weight is NaN"},
		{"infinity", recording(t, [][]float32{{1, 2}, {inf, 3}, {4, 2}, {5, 6}}), pca.Options{}, "row 1 (step 1): element 0 of weight is +Inf"},
		{"NaN in the reference row", recording(t, [][]float32{{1, 2}, {nan, 3}, {4, 2}}), pca.Options{}, "row 1 (step 1): element 0 of weight is NaN"},
		{"NaN outside", recording(t, [][]float32{{1, 2}, {3, nan}}, mixed...), pca.Options{}, "row 1 (step 1): element 0 of b is NaN"},
		{"overflow of a difference", recording(t, [][]float32{{-3e38, 2}, {3e38, 3}, {4, 2}}), pca.Options{Center: pca.Init}, "row 1 (step 1) is so far from the others"},
		{"overflow of a product", recording(t, append(randomWalk(rand.New(rand.NewPCG(1, 1)), 300, 2), []float32{1e30, 0})), pca.Options{}, "row 300 (step 300) is so far from the others"},
		{"no weights", recording(t, [][]float32{{1, 2}, {1, 3}}, bias...), pca.Options{}, `kinds is "weights"`},
		{"components", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Components: -1}, "components is -1"},
		{"center", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Center: "median"}, `center is "median"`},
		{"kinds", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Kinds: "filter,legs"}, `kinds has "legs"`},
		{"tensors", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Tensors: []string{"nose"}}, `tensors has "nose"; the run has ["weight"]`},
	} {
		_, err := pca.Fit(context.Background(), c.m, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "pca: ") {
			t.Errorf("%s: got %v; want one line with %q", c.name, err, c.want)
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pca.Fit(done, recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gave %v", err)
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
		s := record.Step{Step: int64(k), Epoch: 1, Theta: []float32{float32(k), float32(k % 2)}, State: []float32{float32(1000 * k * k)}}
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
