package average

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// Result is the loss of averages along a run. The caller owns it.
type Result struct {
	// Averages has the iterate and its averages at every evaluated step, step by step:
	//
	//	row, step, epoch  the place in the recording
	//	average           the name: "iterate", "window 64", "lawa 5:100", "swa 500", "ema 0.99"
	//	scheme            iterate, window, lawa, swa or ema
	//	iterates          number of averaged iterates
	//	first_step        step of the oldest of them
	//	effective         1 / sum of the squared weights: the number of independent values whose mean
	//	                  has the same variance
	//	age               weighted mean number of steps by which they are older than the step
	//	loss              the loss at the average
	//	gain              loss of the iterate of the same step minus loss
	//	null_gain         the gain in a stationary walk on a quadratic, see the package
	//
	// and then a column for each of Options.Also.
	Averages record.Table
	// Gains has one row for each average, with means over the steps from Summary.MeansFrom on:
	//
	//	average, scheme
	//	effective                        at the last of these steps
	//	steps                            their number: those at which both losses are finite
	//	iterate_loss, loss               means
	//	gain, gain_low, gain_high        mean and 95 % interval
	//	positive_ratio                   share of the steps with a gain above 0
	//	null_gain, null_low, null_high   of the null
	//	lag                              what the average loses because its iterates are older, while the
	//	                                 loss falls by Summary.Descent a step
	//	excess, excess_low, excess_high  gain - (null_gain - lag), where gain and null are known
	Gains record.Table
	// Branches has one row for each of Options.Branches.
	Branches record.Table
	Summary  Summary
	Warnings []analyze.Warning
	// Evaluated is the number of points that this process evaluated.
	Evaluated int
}

// averageRow is a row of Result.Averages.
type averageRow struct {
	Row       int             `col:"row"`
	Step      int64           `col:"step"`
	Epoch     int32           `col:"epoch"`
	Average   string          `col:"average"`
	Scheme    string          `col:"scheme"`
	Iterates  int             `col:"iterates"`
	FirstStep int64           `col:"first_step"`
	Effective float64         `col:"effective"`
	Age       float64         `col:"age"`
	Loss      float64         `col:"loss"`
	Gain      record.Optional `col:"gain"`
	NullGain  record.Optional `col:"null_gain"`
}

// Compute evaluates the loss at averages of the iterates of a run. Every iterate is read
// once, unless Options.MaxMemory is too small for the sums of all averages.
//
// Compute returns an error when the options are wrong, when a row cannot be read, and when
// the loss, its gradient or the store fails. After a cancellation it returns the error of the
// context. Finished units are then in the store. A NaN loss is not an error.
func Compute(ctx context.Context, t record.Trajectory, loss analyze.Loss, opts Options) (*Result, error) {
	j, err := NewJob(t, loss, opts)
	if err != nil {
		return nil, err
	}
	return job.Run(ctx, j, job.Driver{Store: opts.Store, Progress: opts.Progress})
}

// found has the values of the units that are available.
type found struct {
	iterates map[int][]float64 // by mark
	averages map[int][]float64 // by point
	nulls    map[int]float64   // by point
	branches map[int64][]float64
}

// Finish returns the tables and the summary of the available units.
func (j *Job) Finish(ctx context.Context, values job.Values) (*Result, error) {
	f := found{make(map[int][]float64), make(map[int][]float64), make(map[int]float64), make(map[int64][]float64)}
	err := values(ctx, "average", j.Units(), func(u job.Unit, v []float64) error {
		v = append([]float64{}, v...)
		switch of := j.units[u.Index]; of.kind {
		case iterateKind:
			f.iterates[of.mark] = v
		case averageKind:
			f.averages[of.point] = v
		case branchKind:
			f.branches[of.from] = v
		case nullKind:
			for i, point := range j.nullAt[of] {
				f.nulls[point] = v[i]
			}
		}
		return nil
	})
	if err == nil && len(f.iterates) == 0 {
		err = fmt.Errorf("average: the loss of none of the %d iterates is available: %w", len(j.marks), job.ErrIncomplete)
	}
	if err != nil {
		return nil, err
	}
	r := &Result{Evaluated: j.evaluated}
	rows := j.tabulate(r, &f)
	j.summarize(r, rows, &f)
	j.warn(r)
	return r, nil
}

// tabulate fills in the table of averages and returns its rows.
func (j *Job) tabulate(r *Result, f *found) []averageRow {
	at := make(map[int][]int)
	for i := range j.points {
		at[j.points[i].mark] = append(at[j.points[i].mark], i)
	}
	var rows []averageRow
	also := make([][]float64, len(j.measures)-1)
	add := func(row averageRow, v []float64) {
		row.Loss = v[0]
		rows = append(rows, row)
		for k := range also {
			also[k] = append(also[k], v[1+k])
		}
	}
	for _, m := range j.marks {
		it := &j.list[m]
		row := averageRow{
			Row: it.row, Step: it.step, Epoch: it.epoch, Average: string(Iterate), Scheme: string(Iterate), Iterates: 1,
			FirstStep: it.step, Effective: 1,
		}
		own, ok := f.iterates[m]
		if ok {
			add(row, own)
		}
		for _, i := range at[m] {
			v, there := f.averages[i]
			if !there {
				continue
			}
			pt := &j.points[i]
			row.Average, row.Scheme, row.Iterates = pt.String(), string(pt.Scheme), pt.len()
			row.FirstStep, row.Age = j.agesOf(pt)
			row.Effective = pt.effective(pt.len())
			row.Gain, row.NullGain = record.Optional{}, record.Optional{}
			if ok && isFinite(own[0]) && isFinite(v[0]) {
				row.Gain = record.Some(own[0] - v[0])
			}
			if gain, known := f.nulls[i]; known {
				row.NullGain = record.Some(gain)
			}
			add(row, v)
		}
	}
	r.Averages = column.Of(rows)
	for k, values := range also {
		r.Averages.Columns = append(r.Averages.Columns, record.Column{Name: j.measures[1+k].Name, Floats: values})
	}
	return rows
}

// agesOf returns the step of the oldest iterate of a point, and the weighted mean age in
// steps.
func (p *plan) agesOf(pt *point) (first int64, age float64) {
	at := p.list[pt.mark].step
	if pt.stream < 0 {
		weight, sum, total := 1.0, 0.0, 0.0
		for i := pt.hi; i >= 0 && weight > 1e-18; i-- { // the others change no bit
			sum += weight * float64(at-p.list[i].step)
			total += weight
			weight *= pt.Decay
		}
		return p.list[0].step, sum / total
	}
	s := &p.streams[pt.stream]
	sum := s.steps[pt.hi+1] - s.steps[pt.lo]
	return p.list[s.members[pt.lo]].step, float64(at) - float64(sum)/float64(pt.len())
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// gainRow is a row of Result.Gains.
type gainRow struct {
	Average       string          `col:"average"`
	Scheme        string          `col:"scheme"`
	Effective     float64         `col:"effective"`
	Steps         int             `col:"steps"`
	IterateLoss   record.Optional `col:"iterate_loss"`
	Loss          record.Optional `col:"loss"`
	Gain          record.Optional `col:"gain"`
	GainLow       record.Optional `col:"gain_low"`
	GainHigh      record.Optional `col:"gain_high"`
	PositiveRatio record.Optional `col:"positive_ratio"`
	NullGain      record.Optional `col:"null_gain"`
	NullLow       record.Optional `col:"null_low"`
	NullHigh      record.Optional `col:"null_high"`
	Lag           record.Optional `col:"lag"`
	Excess        record.Optional `col:"excess"`
	ExcessLow     record.Optional `col:"excess_low"`
	ExcessHigh    record.Optional `col:"excess_high"`
}

// branchRow is a row of Result.Branches.
type branchRow struct {
	From         int64           `col:"from_step"`
	End          int64           `col:"end_step"`
	Steps        int64           `col:"steps"`
	Decay        string          `col:"decay"`
	StartLoss    record.Optional `col:"start_loss"`
	BranchLoss   float64         `col:"branch_loss"`
	IterateLoss  record.Optional `col:"iterate_loss"`
	Average      string          `col:"average"`
	AverageLoss  record.Optional `col:"average_loss"`
	Lowest       string          `col:"lowest"`
	LowestLoss   record.Optional `col:"lowest_loss"`
	BranchGain   record.Optional `col:"branch_gain"`
	AverageGain  record.Optional `col:"average_gain"`
	ReachedRatio record.Optional `col:"reached_ratio"`
}

// slope returns the least-squares slope of y over x and its standard error, which needs three
// values.
func slope(x, y []float64) (b, standardError record.Optional) {
	n := float64(len(x))
	if n < 2 {
		return b, standardError
	}
	mx, my := 0.0, 0.0
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	xx, xy, rest := 0.0, 0.0, 0.0
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	for i := range x {
		d := y[i] - my - xy/xx*(x[i]-mx)
		rest += d * d
	}
	if n > 2 {
		standardError = record.Some(math.Sqrt(rest / (n - 2) / xx))
	}
	return record.Some(xy / xx), standardError
}

// mean returns the mean of values and its interval. The state of the generator depends on the
// seed and on what is averaged only.
func mean(values []float64, seed, of uint64) (m record.Optional, i analyze.Interval) {
	if len(values) == 0 {
		return m, i
	}
	sum := 0.0
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return record.Some(sum), analyze.MeanInterval(values, rand.New(rand.NewPCG(seed, of)))
}
