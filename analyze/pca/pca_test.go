package pca_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	r, s := fit(t, recording(t, rows), pca.Options{Components: 4}), fit(t, recording(t, negated),
		pca.Options{Components: 4})
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

// A walk without a goal is told from its sign flips by nothing; one that drifts
// is told by its share.
func TestSignFlipsWarn(t *testing.T) {
	rows := randomWalk(rand.New(rand.NewPCG(37, 37)), 60, 400)
	if r := fit(t, recording(t, rows), pca.Options{}); !strings.Contains(warningCodes(r), "no_more_than_sign_flips") {
		t.Errorf("a random walk: %s, surrogates %+v", warningCodes(r), *r.Summary.Surrogates)
	}
	for i := range rows {
		rows[i][3] += 10 * float32(i)
	}
	if r := fit(t, recording(t, rows), pca.Options{}); strings.Contains(warningCodes(r), "no_more_than") {
		t.Errorf("a drifting walk: %v", r.Warnings)
	}
}

// The share of the first direction says nothing of where the walk goes, and neither
// does the sentence: a straight walk whose steps shrink is no further from its sign
// flips than a random one.
func TestNoMoreThanSignFlipsSaysNothingOfTheWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	rows, at, length := [][]float32{}, make([]float64, 60), 1.0
	for i := range 60 {
		row := make([]float32, len(at))
		for j := range at {
			row[j] = float32(at[j])
			at[j] += 0.02 * length * rng.NormFloat64()
		}
		at[0] += length * math.Cos(float64(i)/40)
		at[1] += length * math.Sin(float64(i)/40)
		length *= 0.97
		rows = append(rows, row)
	}
	r := fit(t, recording(t, rows), pca.Options{})
	if b := r.Summary.Surrogates.SignFlips[0]; b.AtLeast <= 0.05 {
		t.Fatalf("the surrogates of this walk tell: %+v", b)
	}
	for _, w := range r.Warnings {
		if strings.Contains(w.Text, "nowhere") {
			t.Errorf("%s", w.Text)
		}
	}
}

// A run with more rows than one fit takes is thinned, and the result says so.
func TestLongRunsAreThinned(t *testing.T) {
	n := pca.MaxRows + 10
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = []float32{float32(i), float32(i % 7)}
	}
	r := fit(t, recording(t, rows), pca.Options{Components: 1, ScoresOnly: true})
	if len(r.Rows) != (n+1)/2 || r.Steps[1] != 2 || !strings.Contains(warningCodes(r), "rows_thinned") {
		t.Errorf("%d rows, second step %d, warnings %s", len(r.Rows), r.Steps[1], warningCodes(r))
	}
}
