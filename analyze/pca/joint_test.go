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
	if !strings.Contains(warningCodes(r), "no_null") || len(r.Summary.RandomWalk.ExplainedVarianceRatio) != 0 || r.Summary.Surrogates != nil {
		t.Errorf("runs that start apart: warnings %s, null %v", warningCodes(r), r.Summary.RandomWalk)
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
		if _, err := pca.FitJoint(context.Background(), c.runs, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v; want %q", err, c.want)
		}
	}
}
