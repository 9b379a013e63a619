package live

import (
	"math"

	"sgdwalk/record"
)

// MaxLosses is the number of points of a curve of Losses.
const MaxLosses = 1000

// Curve has the values of one loss over the steps.
type Curve struct {
	Step  []int64           `json:"step"`
	Value []record.Optional `json:"value"`
}

func (c *Curve) add(step int64, v float64) {
	c.Step, c.Value = append(c.Step, step), append(c.Value, record.Some(v))
}

// Losses are the losses of a run in a range of steps.
type Losses struct {
	Rows  int   `json:"rows"` // of the run, also outside of the range
	First int64 `json:"first"`
	Last  int64 `json:"last"` // the steps of the first and of the last iterate of the run
	// Mean is the number of values in a point of Batch, each at the last of their steps: 1 where
	// every iterate has its own point.
	Mean  int   `json:"mean"`
	Batch Curve `json:"batch"`
	Full  Curve `json:"full"`
	Test  Curve `json:"test"`
}

// Losses returns the losses from step from to step to, both included, with at most MaxLosses
// points a curve. The mean of neighbouring mini-batch losses is one point where there are too
// many. Of the measured losses, which are not noisy, it returns every n-th.
func (l *Log) Losses(from, to int64) Losses {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Losses{Rows: l.rows, Mean: 1}
	if l.iterates == 0 {
		return out
	}
	newest := l.last()
	out.Last = newest.Step
	if out.First = newest.Step; len(l.points) > 0 {
		out.First = l.points[0].Step
	}
	each := func(f func(p *Point)) {
		for i := range l.points {
			if p := &l.points[i]; p.Step >= from && p.Step <= to {
				f(p)
			}
		}
		if newest.Step >= from && newest.Step <= to {
			f(&newest)
		}
	}
	batches, full, test := 0, 0, 0
	count := func(n *int, o record.Optional) {
		if o.Valid {
			*n++
		}
	}
	each(func(p *Point) {
		count(&batches, p.BatchLoss)
		count(&full, p.FullLoss)
		count(&test, p.TestLoss)
	})
	out.Mean = max(1, (batches+MaxLosses-1)/MaxLosses)
	fullEvery, testEvery := (full+MaxLosses-1)/MaxLosses, (test+MaxLosses-1)/MaxLosses
	sum, n := 0.0, 0
	full, test = 0, 0
	last := newest.Step
	each(func(p *Point) {
		if p.BatchLoss.Valid {
			sum, n, last = sum+p.BatchLoss.Value, n+1, p.Step
			if n == out.Mean {
				out.Batch.add(p.Step, sum/float64(n))
				sum, n = 0, 0
			}
		}
		if p.FullLoss.Valid {
			if full%fullEvery == 0 {
				out.Full.add(p.Step, p.FullLoss.Value)
			}
			full++
		}
		if p.TestLoss.Valid {
			if test%testEvery == 0 {
				out.Test.add(p.Step, p.TestLoss.Value)
			}
			test++
		}
	})
	if n > 0 {
		out.Batch.add(last, sum/float64(n))
	}
	return out
}

// wholeRun is the range of all steps.
const wholeRun = math.MaxInt64
