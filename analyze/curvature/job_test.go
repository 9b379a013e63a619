package curvature_test

import (
	"testing"

	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
)

// The rows start from the eigenvectors of others, which every worker computes for itself.
func TestJob(t *testing.T) {
	s := newSoftmax(6, 4, 3, 40)
	m := descent(t, s, s.start(), sgd(0.5), 4)
	jobtest.Check(t, func() job.Job[*curvature.Run] {
		j, err := curvature.NewJob(m, s, curvature.AlongOptions{Each: curvature.Options{Top: 2, MaxProducts: 20}})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, func(r *curvature.Run) []byte { return jobtest.Encode(r.Summary, &r.Table, &r.Eigenvalues) })
}
