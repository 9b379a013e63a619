package path

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// ChangesOptions of Changes. The zero value is the documented default.
type ChangesOptions struct {
	// Margin is the fewest values before and after a change, at least 3; 0 means a twentieth of the values, and at
	// least 10.
	Margin int `json:"margin"`
	// Resamples is the number of resamples, for the interval and for the null each, at least 100; 0 means 400.
	Resamples int `json:"resamples"`
	// Seed seeds the resamples.
	Seed uint64 `json:"seed"`
}

// Validate names the first field whose value is not allowed.
func (o *ChangesOptions) Validate() error {
	switch {
	case o.Margin < 0 || o.Margin == 1 || o.Margin == 2:
		return fmt.Errorf("path: margin is %d; it must be at least 3, or 0 for a twentieth of the values", o.Margin)
	case o.Resamples < 0 || o.Resamples > 0 && o.Resamples < 100:
		return fmt.Errorf("path: resamples is %d; it must be at least 100, or 0 for 400", o.Resamples)
	}
	return nil
}

// Effective returns the options with the defaults filled in, except the margin, which depends on the run.
func (o ChangesOptions) Effective() ChangesOptions {
	if o.Resamples == 0 {
		o.Resamples = 400
	}
	return o
}

// Change is the step at which the level of a quantity changes most.
type Change struct {
	Quantity string `col:"quantity" json:"quantity"` // a column of Result.Table
	Values   int    `col:"values" json:"values"`     // finite values of the quantity
	// Step is the first step with the new level, and StepLow to StepHigh its 95 % interval.
	Step     int64 `col:"step" json:"step"`
	StepLow  int64 `col:"step_low" json:"step_low"`
	StepHigh int64 `col:"step_high" json:"step_high"`
	// Before and After are the fitted levels right before and after the change.
	Before float64 `col:"before" json:"before"`
	After  float64 `col:"after" json:"after"`
	// Statistic is F of the change, next to a straight trend without a change.
	Statistic float64 `col:"statistic" json:"statistic"`
	// AtLeast is the share of trends without a change, with the same noise, that give this statistic or more.
	AtLeast float64 `col:"at_least" json:"at_least"`
	// RateBefore is the learning rate of the last recorded update before StepLow-1, because a cosine of step k also has
	// the update before. RateAfter is the one of the update StepHigh.
	RateBefore record.Optional `col:"learning_rate_before" json:"learning_rate_before"`
	RateAfter  record.Optional `col:"learning_rate_after" json:"learning_rate_after"`
}

// quantity is a column of Result.Table, and its name in a sentence.
type quantity struct {
	column, words string
	isLength      bool
}

// changing are the quantities in which Changes looks for a change. Lengths are compared as logarithms.
var changing = []quantity{
	{"update_norm", "step length", true},
	{"update_cos", "cosine of consecutive updates", false},
	{"grad_norm", "length of the mini-batch gradient", true},
	{"grad_cos", "cosine of consecutive mini-batch gradients", false},
}

// Changes returns, for step lengths, lengths of gradients and the cosines of both, the step at which the level changes
// most. It does not use the learning rates to find it.
//
// The model of a quantity is a straight line over the steps with one jump; least squares gives the step of the jump.
// The null is the line without a jump: the residuals, in blocks of ceil(n^(1/3)) neighbours as in
// [analyze.MeanInterval], are put on it, and each resample gives the largest F that noise alone has. The interval of
// the step comes from resamples around the line with the jump, in which each side keeps its own noise.
//
// A smooth bend is not a line: it also exceeds the null, with a wide interval. Lengths are compared as logarithms. A
// quantity with too few finite values, or without variation, has no row. The result depends on the table and the
// options alone; the cost is Resamples times the number of rows.
func Changes(t *record.Table, opts ChangesOptions) ([]Change, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	steps := t.Column("step").Ints
	var out []Change
	for i, q := range changing {
		var x, y []float64
		values := t.Column(q.column)
		for row := range steps {
			v := values.Floats[row]
			if values.Valid != nil && !values.Valid[row] {
				continue
			}
			if q.isLength {
				v = math.Log(v)
			}
			if v-v == 0 {
				x, y = append(x, float64(steps[row])), append(y, v)
			}
		}
		margin := opts.Margin
		if margin == 0 {
			margin = max(10, (len(x)+19)/20)
		}
		if len(x) < 2*margin {
			continue
		}
		s := newJumps(x, margin)
		// A stream of its own for each quantity: the result does not depend on which other quantities are recorded.
		c, found := s.change(y, opts.Resamples, rand.New(rand.NewPCG(opts.Seed, uint64(i))))
		if !found {
			continue
		}
		c.Quantity = q.column
		if q.isLength {
			c.Before, c.After = math.Exp(c.Before), math.Exp(c.After)
		}
		c.RateBefore, c.RateAfter = rateBefore(t, c.StepLow-1), rateBefore(t, c.StepHigh+1)
		out = append(out, c)
	}
	return out, nil
}

// ChangesTable returns changes as a table, whose columns are the fields of Change.
func ChangesTable(changes []Change) record.Table {
	var b column.Builder[Change]
	for _, c := range changes {
		b.Add(c)
	}
	return b.Table()
}

// rateBefore returns the learning rate of the last recorded update before a step.
func rateBefore(t *record.Table, step int64) record.Optional {
	steps, rates := t.Column("step").Ints, t.Column("learning_rate")
	row := sort.Search(len(steps), func(i int) bool { return steps[i] >= step }) - 1
	if row < 0 || rates.Valid != nil && !rates.Valid[row] {
		return record.Optional{}
	}
	return record.Some(rates.Floats[row])
}

// jumps fits a line with one jump to values at fixed places.
type jumps struct {
	x      []float64 // centered steps
	xx     float64   // sum of x^2
	first  float64   // what was subtracted from the steps
	margin int
	norm2  []float64 // squared length of the jump at k without its line
	tail   []float64 // sum of x from k on
}

func newJumps(steps []float64, margin int) *jumps {
	n := len(steps)
	j := &jumps{x: slices.Clone(steps), margin: margin, norm2: make([]float64, n), tail: make([]float64, n+1)}
	for _, x := range steps {
		j.first += x / float64(n)
	}
	for i := range j.x {
		j.x[i] -= j.first
		j.xx += j.x[i] * j.x[i]
	}
	for k := n - 1; k >= 0; k-- {
		j.tail[k] = j.tail[k+1] + j.x[k]
		after := float64(n - k)
		j.norm2[k] = after*(float64(n)-after)/float64(n) - j.tail[k]*j.tail[k]/j.xx
	}
	return j
}

// line subtracts the least-squares line from y, and returns its mean and slope.
func (j *jumps) line(y []float64) (mean, slope float64) {
	for i, v := range y {
		mean += v / float64(len(y))
		slope += v * j.x[i] / j.xx
	}
	for i := range y {
		y[i] -= mean + slope*j.x[i]
	}
	return mean, slope
}

// best returns the jump that leaves the smallest residual, for values without their line: its place and height, and
// the F statistic of the jump.
func (j *jumps) best(y []float64) (k int, height, statistic float64) {
	n, sum, rest := len(y), 0.0, 0.0
	gain := -1.0
	for i := n - 1; i >= 0; i-- {
		sum += y[i]
		rest += y[i] * y[i]
		if i < j.margin || i > n-j.margin {
			continue
		}
		if g := sum * sum / j.norm2[i]; g > gain {
			k, gain, height = i, g, sum/j.norm2[i]
		}
	}
	return k, height, gain / (max(rest-gain, math.SmallestNonzeroFloat64) / float64(n-3))
}

// change returns the largest change of y. It reports false for values that lie on a line.
func (j *jumps) change(y []float64, resamples int, rng *rand.Rand) (Change, bool) {
	n := len(y)
	total := 0.0
	for _, v := range y {
		total += v * v
	}
	rest := slices.Clone(y)
	mean, slope := j.line(rest)
	left := 0.0
	for _, v := range rest {
		left += v * v
	}
	if left <= 1e-24*total {
		return Change{}, false
	}
	k, height, statistic := j.best(rest)
	// Least squares with the jump: the line moves when the jump is in the model.
	mean -= height * float64(n-k) / float64(n)
	slope -= height * j.tail[k] / j.xx
	fit := func(i int, isAfter bool) float64 {
		v := mean + slope*j.x[i]
		if isAfter {
			v += height
		}
		return v
	}
	for i := range rest {
		rest[i] = y[i] - fit(i, i >= k)
	}
	block := int(math.Ceil(math.Cbrt(float64(n))))
	resample := make([]float64, n)
	// fill puts blocks of the residuals from low to high, as a circle, to the same places of the resample.
	fill := func(low, high int) {
		for to := low; to < high; {
			start := rng.IntN(high - low)
			for i := range min(block, high-to) {
				resample[to+i] = rest[low+(start+i)%(high-low)]
			}
			to += min(block, high-to)
		}
	}
	atLeast := 1
	places := make([]int, resamples)
	for r := range resamples {
		fill(0, n)
		j.line(resample)
		if _, _, f := j.best(resample); f >= statistic {
			atLeast++
		}
		fill(0, k)
		fill(k, n)
		for i := k; i < n; i++ {
			resample[i] += height
		}
		j.line(resample)
		places[r], _, _ = j.best(resample)
	}
	slices.Sort(places)
	at := func(k int) int64 { return int64(math.Round(j.x[k] + j.first)) }
	quantile := func(q float64) int { return places[int(math.Round(q*float64(resamples-1)))] }
	return Change{
		Values: n, Step: at(k), StepLow: at(min(k, quantile(0.025))), StepHigh: at(max(k, quantile(0.975))),
		Before: fit(k, false), After: fit(k, true), Statistic: statistic,
		AtLeast: float64(atLeast) / float64(resamples+1),
	}, true
}

// finding adds the change.
func (c *Change) finding(f *analyze.Findings) {
	i := slices.IndexFunc(changing, func(q quantity) bool { return q.column == c.Quantity })
	if i < 0 {
		return
	}
	rate := ""
	if c.RateBefore.Valid && c.RateAfter.Valid {
		rate = fmt.Sprintf("; the learning rate there is %.4g, as before", c.RateAfter.Value)
		if c.RateBefore != c.RateAfter {
			rate = fmt.Sprintf("; the learning rate goes from %.4g to %.4g there", c.RateBefore.Value, c.RateAfter.Value)
		}
	}
	f.Add(analyze.Motion, "%s: the largest change of level is at step %d (95 %% interval %d to %d), from %.3g to %.3g; "+
		"noise on a straight trend gives as large a change with probability %.2g%s", changing[i].words, c.Step, c.StepLow,
		c.StepHigh, c.Before, c.After, c.AtLeast, rate)
}
