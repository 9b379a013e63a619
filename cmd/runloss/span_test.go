package runloss

import (
	"bytes"
	"math"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
	"sgdwalk/train/nn"
)

// TestSharedWork: walks and lines whose points share work have the same bytes however they
// are interrupted or divided, with any number of workers. Each value agrees with the one
// that is evaluated point by point.
func TestSharedWork(t *testing.T) {
	in := nn.Input{Height: 13, Width: 12, Channels: 1, Classes: 5}
	for _, c := range []struct {
		spec   string
		policy nn.Policy
	}{
		{"mlp:7", nn.Running},
		{"mlp:", nn.Running},
		{"lenet", nn.Running},
		{"resnet:8", nn.Running},
		{"resnet:8", nn.Batch},
	} {
		var walked, lined []byte
		for _, workers := range []int{1, 2, 5} {
			run, loss := randomRun(t, c.spec, in, 30, []float64{1e-1, 1e-3, 1e-6}, nn.EvalOptions{Workers: workers, Policy: c.policy})
			newWalk := func(plain bool) func() job.Job[*walk.Result] {
				return func() job.Job[*walk.Result] {
					m := &analyze.Measured{Evaluator: loss, Plain: plain}
					j, err := walk.NewJob(run, m, walk.Options{
						Alphas: analyze.Range{Min: -0.5, Max: 1.5, N: 5},
						Also:   []walk.Measure{{Name: "accuracy", Loss: m.Accuracy()}},
					})
					if err != nil {
						t.Fatal(err)
					}
					return j
				}
			}
			from, to := thetaOf(t, run, 0), thetaOf(t, run, run.Len()-1)
			newLine := func() job.Job[*line.Result] {
				j, err := line.NewJob(from, to, &analyze.Measured{Evaluator: loss},
					line.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 6}})
				if err != nil {
					t.Fatal(err)
				}
				return j
			}
			encodeWalk := func(r *walk.Result) []byte { return jobtest.Encode(r.Summary, &r.Segments, &r.Losses) }
			encodeLine := func(r *line.Result) []byte { return jobtest.Encode(r.Summary, &r.Losses) }
			w, l := result(t, newWalk(false)()), result(t, newLine())
			switch workers {
			case 1:
				walked, lined = encodeWalk(w), encodeLine(l)
				plain := result(t, newWalk(true)())
				for i, want := range plain.Losses.Column("loss").Floats {
					if got := w.Losses.Column("loss").Floats[i]; !(math.Abs(got-want) <= 1e-6*want) {
						t.Errorf("%s, %s: loss %v, point by point %v", c.spec, c.policy, got, want)
					}
					want = plain.Losses.Column("accuracy").Floats[i]
					if got := w.Losses.Column("accuracy").Floats[i]; math.Abs(got-want) > 1.0/30 { // a tie
						t.Errorf("%s, %s: accuracy %v, point by point %v", c.spec, c.policy, got, want)
					}
				}
				continue
			case 2:
				jobtest.Check(t, newWalk(false), encodeWalk)
				jobtest.Check(t, newLine, encodeLine)
			}
			if !bytes.Equal(encodeWalk(w), walked) || !bytes.Equal(encodeLine(l), lined) {
				t.Errorf("%s, %s: %d workers have other bytes than one", c.spec, c.policy, workers)
			}
		}
	}
}

// result runs a job.
func result[R any](t *testing.T, j job.Job[R]) R {
	t.Helper()
	r, err := job.Run(t.Context(), j, job.Driver{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// thetaOf returns an iterate.
func thetaOf(t *testing.T, run record.Trajectory, row int) []float32 {
	t.Helper()
	theta, err := record.ThetaOf(run, row)
	if err != nil {
		t.Fatal(err)
	}
	return theta
}
