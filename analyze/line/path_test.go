package line_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

// run records the given iterates.
func run(t fataler, thetas ...[]float32) *record.Memory {
	m, err := record.NewMemory(&record.Header{
		Format: 1, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{len(thetas[0])}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for k, theta := range thetas {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: theta}
		if k < len(thetas)-1 {
			s.BatchLoss, s.LearningRate = record.Some(1), record.Some(0.1)
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func progress(t fataler, m record.Trajectory, from, to []float32, o line.PathOptions) *line.PathResult {
	r, err := line.ProjectPath(context.Background(), m, from, to, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Table.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

func floats(r record.Table, name string) []float64 { return r.Column(name).Floats }

// Trap: coordinates that are wrong by the length of the direction. Progress is in units of
// the difference of the ends, for every length, and its point is the nearest one.
func TestProgressIsInUnitsOfTheLine(t *testing.T) {
	m := run(t, []float32{0, 0}, []float32{1, 2}, []float32{3, -1}, []float32{5, 0})
	r := progress(t, m, nil, nil, line.PathOptions{})
	if d := cmp.Diff([]float64{0, 0.2, 0.6, 1}, floats(r.Table, "progress")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float64{0, 2, 1, 0}, floats(r.Table, "residual")); d != "" {
		t.Error(d)
	}
	s := &r.Summary
	if s.MaxResidual.Value != 2 || s.MaxResidualRatio.Value != 0.4 || s.MaxResidualStep != 1 ||
		s.BackwardRatio.Value != 0 {
		t.Errorf("%+v", s)
	}
}

// Trap: projection and evaluation disagree. Where the residual is zero, the loss on the line
// equals the loss at the iterate.
func TestProjectionOfAPointOnTheLineIsThePoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphas := rapid.SliceOfN(rapid.Float64Range(-2, 3), 1, 8).Draw(t, "alphas")
		n := rapid.IntRange(2, 10).Draw(t, "P")
		// Whole numbers on the line are exact in float32.
		rows := [][]float32{make([]float32, n)}
		to := make([]float32, n)
		for i := range to {
			to[i] = float32(64 * rapid.IntRange(-5, 5).Draw(t, "d"))
		}
		to[0] = 64
		for _, a := range alphas {
			k := float32(math.Round(a * 64))
			row := make([]float32, n)
			for i := range row {
				row[i] = to[i] * k / 64
			}
			rows = append(rows, row)
		}
		rows = append(rows, to)
		loss := &counter{f: func(x []float32) float64 {
			s := 0.0
			for i, v := range x {
				s += math.Sin(float64(v) + float64(i))
			}
			return s
		}}
		r := progress(t, run(t, rows...), nil, nil, line.PathOptions{Loss: loss})
		for i, residual := range floats(r.Table, "residual") {
			if residual > 1e-9 || !near(floats(r.Table, "loss")[i], floats(r.Table, "line_loss")[i], 1e-4) {
				t.Fatalf("row %d: residual %v, loss %v, on the line %v",
					i, residual, floats(r.Table, "loss")[i], floats(r.Table, "line_loss")[i])
			}
		}
	})
}

// Trap: float32 sums for iterates close to each other. A path of steps of 2^-10
// around 1000 keeps all digits.
func TestCloseIteratesKeepTheirDigits(t *testing.T) {
	const n, rows = 1000, 9
	var thetas [][]float32
	for k := range rows {
		theta := make([]float32, n)
		for i := range theta {
			theta[i] = 1000 + float32(k)*0x1p-10
		}
		thetas = append(thetas, theta)
	}
	r := progress(t, run(t, thetas...), nil, nil, line.PathOptions{})
	for k, alpha := range floats(r.Table, "progress") {
		if !near(alpha, float64(k)/(rows-1), 1e-12) || floats(r.Table, "residual")[k] > 1e-12 {
			t.Errorf("row %d: progress %v, residual %v", k, alpha, floats(r.Table, "residual")[k])
		}
	}
}

// A random walk has the distance of the null, and a warning says so.
func TestRandomWalkHasTheResidualOfTheNull(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	theta := make([]float32, 4000)
	var thetas [][]float32
	for range 101 {
		thetas = append(thetas, append([]float32{}, theta...))
		for i := range theta {
			theta[i] += float32(rng.NormFloat64())
		}
	}
	r := progress(t, run(t, thetas...), nil, nil, line.PathOptions{})
	for k, want := range floats(r.Table, "random_walk_residual") {
		if got := floats(r.Table, "residual")[k]; !near(got, want, 0.05*r.Summary.Distance) {
			t.Errorf("row %d: residual %v; a random walk has %v", k, got, want)
		}
	}
	if !near(r.Summary.MaxResidualRatio.Value, 0.5, 0.05) || !strings.Contains(codes(r.Warnings), "random_walk") {
		t.Errorf("ratio %v, warnings %v", r.Summary.MaxResidualRatio, r.Warnings)
	}
}

// Ends of another run, a selection, and NaN iterates.
func TestPathAlongALineOfAnotherRun(t *testing.T) {
	m := run(t, []float32{1, 1}, []float32{2, 1}, []float32{float32(math.NaN()), 0}, []float32{4, 5})
	r := progress(t, m, []float32{0, 0}, []float32{2, 0}, line.PathOptions{})
	if got := floats(r.Table, "progress"); got[0] != 0.5 || got[3] != 2 || !math.IsNaN(got[2]) {
		t.Errorf("progress %v", got)
	}
	if r.Summary.NonfiniteRows != 1 || r.Summary.MaxResidual.Value != 5 ||
		!strings.Contains(codes(r.Warnings), "nonfinite_iterates") {
		t.Errorf("%+v", r.Summary)
	}
	some, err := analyze.ParseSegments("0-1")
	if err != nil {
		t.Fatal(err)
	}
	if r := progress(t, m, nil, nil, line.PathOptions{Rows: some}); r.Summary.Rows != 2 || r.Summary.Distance != 1 {
		t.Errorf("%+v", r.Summary)
	}
	none, _ := analyze.ParseSegments("77")
	for want, f := range map[string]func() error{
		`rows "77"`: func() error {
			_, err := line.ProjectPath(context.Background(), m, nil, nil, line.PathOptions{Rows: none})
			return err
		},
		"3 elements": func() error {
			_, err := line.ProjectPath(context.Background(), m, []float32{1, 2, 3}, []float32{1, 2, 4},
				line.PathOptions{})
			return err
		},
		"points are the": func() error {
			_, err := line.ProjectPath(context.Background(), m, []float32{1, 1}, []float32{1, 1}, line.PathOptions{})
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(want, "points are ")) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Trap: a path without its last iterate.
func TestPathHasItsFirstAndLastIterate(t *testing.T) {
	m := run(t, []float32{0}, []float32{1}, []float32{2}, []float32{10})
	r := progress(t, m, nil, nil, line.PathOptions{})
	if d := cmp.Diff([]int64{0, 1, 2, 3}, r.Table.Column("step").Ints); d != "" {
		t.Error(d)
	}
	if p := floats(r.Table, "progress"); p[0] != 0 || p[3] != 1 {
		t.Errorf("progress %v", p)
	}
}
