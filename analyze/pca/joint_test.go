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

// A joint fit is the fit of one recording that has the rows of all.
func TestJoint(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 41))
	a, b := randomWalk(rng, 20, 50), cloud(rng, 15, 50, func(int) float64 { return 2 }, 1)
	o := pca.Options{Components: 3, Surrogates: 3}
	all := fit(t, recording(t, append(append([][]float32{}, a...), b...)), o)
	r, err := pca.FitJoint(context.Background(), []record.Trajectory{recording(t, a), recording(t, b)}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Table.Validate(); err != nil {
		t.Fatal(err)
	}
	for k := range r.Scores {
		for i := range r.Scores[k] {
			if r.Scores[k][i] != all.Scores[k][i] {
				t.Fatalf("score %d of row %d is %g, want %g", k+1, i, r.Scores[k][i], all.Scores[k][i])
			}
		}
	}
	if r.Summary.Runs != 2 || r.Runs[19] != 0 || r.Runs[20] != 1 || r.Rows[20] != 0 || r.Summary.LastStep != 19 {
		t.Errorf("runs %v, rows %v, summary %+v", r.Runs, r.Rows, r.Summary)
	}
	if run := r.Table.Column("run").Ints; fmt.Sprint(run[19:21]) != "[1 2]" {
		t.Errorf("column run is %v", run)
	}
	if !strings.Contains(warningCodes(r), "no_null") || len(r.Summary.RandomWalk.ExplainedVarianceRatio) != 0 ||
		r.Summary.Surrogates != nil {
		t.Errorf("runs that start apart: warnings %s, null %v", warningCodes(r), r.Summary.RandomWalk)
	}
}

// Runs of equal weight are those of a fit in which the rows of the shorter one
// stand twice.
func TestEqualRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(47, 47))
	a, b := randomWalk(rng, 20, 40), cloud(rng, 10, 40, func(int) float64 { return 1 }, 1)
	var twice [][]float32
	for _, row := range b {
		twice = append(twice, row, row)
	}
	ra, rb := recording(t, a), recording(t, b)
	for _, same := range []bool{false, true} {
		if same { // a shared start allows the other center
			b[0] = a[0]
			twice[0], twice[1] = a[0], a[0]
			rb = recording(t, b)
		}
		for _, c := range []pca.Center{pca.Mean, pca.Init} {
			if c == pca.Init && !same {
				continue
			}
			o := pca.Options{Components: 3, Center: c}
			want, err := pca.FitJoint(context.Background(), []record.Trajectory{ra, recording(t, twice)}, o)
			if err != nil {
				t.Fatal(err)
			}
			o.EqualRuns = true
			r, err := pca.FitJoint(context.Background(), []record.Trajectory{ra, rb}, o)
			if err != nil {
				t.Fatal(err)
			}
			for k := range r.Components {
				near(t, "share", r.ExplainedVarianceRatio[k], want.ExplainedVarianceRatio[k], 1e-6)
				for i := range 20 {
					near(t, "score", r.Scores[k][i], want.Scores[k][i], 1e-4)
				}
				near(t, "score of the shorter run", r.Scores[k][29], want.Scores[k][39], 1e-4)
			}
			for i := range 20 {
				near(t, "residual", r.Residuals[i], want.Residuals[i], 1e-4)
			}
			near(t, "residual of the shorter run", r.Residuals[29], want.Residuals[39], 1e-4)
			near(t, "left out", r.Summary.LeftOutVarianceRatio, want.Summary.LeftOutVarianceRatio, 1e-6)
			if !strings.Contains(warningCodes(r), "no_null") {
				t.Errorf("warnings are %s", warningCodes(r))
			}
		}
	}
	// Runs of one length have equal weights anyway: not a bit differs.
	plain, err := pca.FitJoint(context.Background(), []record.Trajectory{ra, recording(t, twice)}, pca.Options{})
	if err != nil {
		t.Fatal(err)
	}
	equal, err := pca.FitJoint(context.Background(), []record.Trajectory{ra, recording(t, twice)},
		pca.Options{EqualRuns: true})
	if err != nil || fmt.Sprint(plain.Scores) != fmt.Sprint(equal.Scores) {
		t.Errorf("equal lengths: %v", err)
	}
}

// Independent random walks from one point show the shares of their null: three
// equal ones, each of a third of one walk's around the start.
func TestJointNull(t *testing.T) {
	const n, p = 60, 10000
	rng := rand.New(rand.NewPCG(43, 43))
	var runs []record.Trajectory
	for range 3 {
		runs = append(runs, recording(t, randomWalk(rng, n, p)))
	}
	for _, c := range []pca.Center{pca.Init, pca.Mean} {
		r, err := pca.FitJoint(context.Background(), runs, pca.Options{Components: 3, Center: c})
		if err != nil {
			t.Fatal(err)
		}
		for k, share := range r.ExplainedVarianceRatio {
			null := r.Summary.RandomWalk.ExplainedVarianceRatio[k]
			// Equal eigenvalues are pushed apart by a relative sqrt(1/p) and more.
			near(t, fmt.Sprintf("%s: share %d", c, k+1), share, null, 0.05*null)
			if c == pca.Init {
				near(t, "null", null, 0.8106/3, 2e-3)
			}
		}
	}
}

func TestJointRefuses(t *testing.T) {
	a, b := recording(t, [][]float32{{1, 2}, {3, 4}}), recording(t, [][]float32{{0, 2}, {5, 5}})
	wide := recording(t, [][]float32{{1, 2, 3}, {3, 4, 5}})
	bad := recording(t, [][]float32{{1, 2}, {3, float32(math.NaN())}})
	for _, c := range []struct {
		runs []record.Trajectory
		o    pca.Options
		want string
	}{
		{nil, pca.Options{}, "no run is given"},
		{[]record.Trajectory{a, wide}, pca.Options{}, "run 2 has another layout than run 1"},
		{[]record.Trajectory{a, b}, pca.Options{Center: pca.Final}, `center is "final"`},
		{[]record.Trajectory{a, b}, pca.Options{Center: pca.Init}, "do not start at the same iterate"},
		{[]record.Trajectory{a, bad}, pca.Options{}, "run 2: row 1 (step 1): element 1 of weight is NaN"},
	} {
		if _, err := pca.FitJoint(context.Background(), c.runs, c.o); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v; want %q", err, c.want)
		}
	}
}
