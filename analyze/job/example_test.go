package job_test

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// valley is a whole analysis: it finds the lowest loss on a line through the origin. Its
// units are points of the line.
type valley struct {
	loss   analyze.Loss
	alphas []float64
}

func (v *valley) Units() []job.Unit {
	units := make([]job.Unit, len(v.alphas))
	for i, alpha := range v.alphas {
		units[i] = job.Unit{Name: fmt.Sprint("alpha ", alpha), Index: i}
	}
	return units
}

func (*valley) Fits(_ job.Unit, values []float64) bool { return len(values) == 1 }

func (v *valley) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	origin, direction := [][]float32{{0}}, [][]float32{{1}}
	at := func(u job.Unit) record.Coordinates { return record.Coordinates{Along: []float64{0, v.alphas[u.Index]}} }
	return job.AtPoints(ctx, []job.Measure{{Loss: v.loss}}, record.Span{Points: origin, Directions: direction}, at,
		units, save)
}

func (v *valley) Finish(ctx context.Context, values job.Values) (lowest float64, err error) {
	lowest = math.Inf(1)
	err = values(ctx, "valley", v.Units(), func(_ job.Unit, loss []float64) error {
		lowest = min(lowest, loss[0])
		return nil
	})
	return lowest, err
}

func bowl(_ context.Context, theta []float32) (float64, error) {
	x := float64(theta[0]) - 1
	return x*x + 3, nil
}

// An analysis says what its units are and how they are evaluated. The driver does the
// rest: with a journal as its store the work can resume, with the store of a worker it is
// one shard of many, and the loss may evaluate several points together.
func Example() {
	v := &valley{analyze.LossFunc(bowl), []float64{0, 0.5, 1, 1.5, 2}}
	lowest, err := job.Run(context.Background(), v, job.Driver{})
	fmt.Println(lowest, err)
	// Output: 3 <nil>
}
