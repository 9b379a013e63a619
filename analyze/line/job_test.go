package line_test

import (
	"testing"

	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/analyze/line"
)

func TestJob(t *testing.T) {
	loss := &counter{f: first(func(x float64) float64 { return (x*x - 1) * (x*x - 1) })}
	o := line.Options{Alphas: grid(t, "-1:2:22"), Also: []line.Measure{{Name: "again", Loss: loss}}}
	jobtest.Check(t, func() job.Job[*line.Result] {
		j, err := line.NewJob([]float32{-1}, []float32{1}, loss, o)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, func(r *line.Result) []byte { return jobtest.Encode(r.Summary, &r.Losses) })
}
