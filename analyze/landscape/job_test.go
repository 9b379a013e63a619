package landscape_test

import (
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/analyze/landscape"
)

func TestJob(t *testing.T) {
	run := recording(t, [][]float32{{1, 1}, {0.5, 0.25}, {0.25, 0}, {0, 0}})
	p := plane(t, []float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	encode := func(r *landscape.Result) []byte { return jobtest.Encode(r.Summary, &r.Table, &r.Path) }
	check := func(loss analyze.Loss, o landscape.Options) {
		t.Helper()
		jobtest.Check(t, func() job.Job[*landscape.Result] {
			j, err := landscape.NewJob(t.Context(), p, loss, o)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}, encode)
	}
	x := analyze.Range{N: 6}
	check(bowl(1, 4), landscape.Options{X: x, Y: x, Path: run})
	check(bowl(1, 4), landscape.Options{X: x, Y: x, Path: run, Refine: 2})
	check(newPlanar(func(a, b float64) float64 { return a - 2*b }), landscape.Options{X: x, Y: x, Path: run})
}

func TestLinesJob(t *testing.T) {
	var lines []analyze.Line
	for _, u := range [][]float32{{1, 0}, {0, 2}, {1, 1}} {
		l, err := analyze.NewLine([]float32{1, 0}, u)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	jobtest.Check(t, func() job.Job[*landscape.Lines] {
		j, err := landscape.NewLinesJob(lines, bowl(1, 4),
			landscape.LineOptions{X: analyze.Range{Min: -1, Max: 1, N: 7}})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, func(r *landscape.Lines) []byte { return jobtest.Encode(r.Summary, &r.Table, &r.Band) })
}
