package pca

import (
	"testing"

	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/record"
)

func TestJob(t *testing.T) {
	runs := []record.Trajectory{slabRun(1, 12, 5*narrowSlabs-1000)}
	jobtest.Check(t, func() job.Job[*Result] {
		j, err := NewJob(runs, Options{Components: 3, Surrogates: 3})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, func(r *Result) []byte { return jobtest.Encode(r.Summary, &r.Table) })
}
