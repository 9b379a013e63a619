package sketch

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// walk is noisy gradient descent on a quadratic with eigenvalues from 1 to
// 1/100, in p dimensions: a path with drift, noise and a dominant direction.
func walk(p, steps int) [][]float32 {
	rng := rand.New(rand.NewPCG(5, 0))
	theta := make([]float64, p)
	for i := range theta {
		theta[i] = rng.NormFloat64()
	}
	path := make([][]float32, steps+1)
	for k := range path {
		path[k] = make([]float32, p)
		for i, x := range theta {
			path[k][i] = float32(x)
			lambda := math.Pow(100, -float64(i)/float64(p))
			theta[i] -= 0.1 * (lambda*x + 0.3*rng.NormFloat64())
		}
	}
	return path
}

// geometry is what path and PCA compute from inner products.
type geometry struct {
	lengths, cosines []float64 // of the updates; of consecutive ones
	ratios           []float64 // explained variance ratios of the first three principal directions
}

func geometryOf(t *testing.T, tr record.Trajectory) geometry {
	t.Helper()
	n := tr.Len()
	rows := make([][]float64, n)
	for k := range rows {
		s, err := tr.Read(k, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range s.Theta {
			rows[k] = append(rows[k], float64(x))
		}
	}
	inner := func(a, b []float64) float64 { return mat.Dot(mat.NewVecDense(len(a), a), mat.NewVecDense(len(b), b)) }
	var g geometry
	var last []float64
	for k := 1; k < n; k++ {
		update := make([]float64, len(rows[k]))
		for i := range update {
			update[i] = rows[k][i] - rows[k-1][i]
		}
		g.lengths = append(g.lengths, math.Sqrt(inner(update, update)))
		if last != nil {
			g.cosines = append(g.cosines, inner(update, last)/(g.lengths[k-1]*g.lengths[k-2]))
		}
		last = update
	}
	gram := mat.NewSymDense(n, nil)
	mean := make([]float64, len(rows[0]))
	for _, r := range rows {
		for i := range mean {
			mean[i] += r[i] / float64(n)
		}
	}
	for _, r := range rows {
		for i := range mean {
			r[i] -= mean[i]
		}
	}
	trace := 0.0
	for i := range n {
		for j := i; j < n; j++ {
			gram.SetSym(i, j, inner(rows[i], rows[j]))
		}
		trace += gram.At(i, i)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, false) {
		t.Fatal("no eigenvalues")
	}
	values := eigen.Values(nil)
	for i := range 3 {
		g.ratios = append(g.ratios, values[n-1-i]/trace)
	}
	return g
}

// A run on disk that was projected from 8,000 parameters to 1,024 has the
// geometry of the full one, to the stated error.
func TestGeometry(t *testing.T) {
	const p, k, steps = 8_000, 1024, 40
	h := &record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true}, Steps: steps,
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{200, p / 200}}),
	}
	full := memory(t, h, nil)
	dir := filepath.Join(t.TempDir(), "run")
	sink, reduced, err := Sink(func(h *record.Header) (record.Sink, error) {
		return arrowfile.Create(dir, h, arrowfile.Options{})
	}, h, Spec{Project: k, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, theta := range walk(p, steps) {
		s := &record.Step{Step: int64(i), Theta: theta}
		for _, to := range []record.Sink{full, sink} {
			if err := to.Append(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if got := run.Header(); got.Sketch == nil || got.Sketch.Spec != reduced.Sketch.Spec || got.CheckEvaluable() == nil {
		t.Errorf("the header on disk does not say what was done: %+v", got.Sketch)
	}
	want, got := geometryOf(t, full), geometryOf(t, run)
	// Standard errors: of a norm 1/sqrt(2k) of it, of a cosine 1/sqrt(k); none of
	// about 40 should be off by more than 4 of them.
	for i := range want.lengths {
		if e := got.lengths[i]/want.lengths[i] - 1; math.Abs(e) > 4/math.Sqrt(2*k) {
			t.Errorf("step %d: length off by %.3f of it", i, e)
		}
	}
	for i := range want.cosines {
		if e := got.cosines[i] - want.cosines[i]; math.Abs(e) > 4/math.Sqrt(k) {
			t.Errorf("step %d: cosine off by %.3f", i, e)
		}
	}
	for i := range want.ratios {
		if e := got.ratios[i] - want.ratios[i]; math.Abs(e) > 0.02 {
			t.Errorf("direction %d: explained variance ratio %.4f, want %.4f", i, got.ratios[i], want.ratios[i])
		}
	}
	if want.ratios[0] < 0.4 || want.ratios[0] > 0.999 {
		t.Errorf("the test's path has ratio %.4f; nothing would be seen", want.ratios[0])
	}
}
