package walk_test

import (
	"context"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

func TestJob(t *testing.T) {
	check := func(m *record.Memory, loss analyze.Loss, o walk.Options) {
		t.Helper()
		jobtest.Check(t, func() job.Job[*walk.Result] {
			return must[*walk.Job](t)(walk.NewJob(m, loss, o))
		}, func(r *walk.Result) []byte { return jobtest.Encode(r.Summary, &r.Segments, &r.Losses, &r.Epochs) })
	}
	m := positions(t, 5, -3, 2, -1, 0.5, 4)
	check(m, &counter{f: square}, walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 2}})
	own := walk.Measure{Name: "own", At: func(s *record.Step) (analyze.Loss, error) {
		return analyze.LossFunc(func(context.Context, []float32) (float64, error) { return float64(s.Step), nil }), nil
	}}
	check(m, &counter{f: square}, walk.Options{
		Also:   []walk.Measure{own, {Name: "again", Loss: &counter{f: square}}},
		Alphas: analyze.Range{Min: -1, Max: 2, N: 7},
	})
	short, _, _, _ := short(t, 1e-6) // its curvatures are units that depend on the losses
	check(short, &bowl{}, walk.Options{})
}
