package walk

import (
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// epochQuantity is a quantity in the table of epochs: the share or the mean of one column
// of the segments.
type epochQuantity struct {
	column, name string
	// null says that the quantity is also measured on the matched quadratic. The flat
	// directions of the quadratic are not simulated, so its step lengths, and what is
	// divided by them, cannot be compared with the run.
	null bool

	mean, low, high, simulated column.Floats
}

// epochTable groups the segments by epoch, in the order of the recording. Its columns are
// epoch, segments, the number of barriers, the shares floor_interior_ratio, rises_ratio
// and barrier_ratio, and the means of floor_position, height_start, height_end,
// height_mean, step_length and eta_sharpness.
//
// Shares and means are over the segments with a finite value. Each is followed by the ends
// NAME_low and NAME_high of its 95 % interval (analyze.MeanInterval), which treats one
// epoch as stationary, and by null_NAME, the same quantity of a stationary noisy quadratic
// that is matched to the epoch as Comparison describes. null_eigenvalue and
// null_directions say which quadratic was matched. They are absent when none was.
//
// heights are the 5 % and the 95 % quantile of the mean heights of the simulated segments,
// with the columns epoch, height_mean_low and height_mean_high. They are absent when no
// quadratic matches the epoch.
func epochTable(rows []segmentRow, o *Options) (epochs, heights record.Table, err error) {
	quantities := []epochQuantity{
		{column: "floor_interior", name: "floor_interior_ratio", null: true},
		{column: "rises", name: "rises_ratio", null: true},
		{column: "barrier", name: "barrier_ratio", null: true},
		{column: "floor_position", name: "floor_position", null: true},
		{column: "height_start", name: "height_start", null: true},
		{column: "height_end", name: "height_end", null: true},
		{column: "height_mean", name: "height_mean", null: true},
		{column: "step_length", name: "step_length"},
		{column: "eta_sharpness", name: "eta_sharpness"},
	}
	var epoch, count, barriers []int64
	var eigenvalue, directions, low, high column.Floats
	for len(rows) > 0 {
		n, barred := 0, int64(0)
		for n < len(rows) && rows[n].Epoch == rows[0].Epoch {
			if rows[n].barrier.Value {
				barred++
			}
			n++
		}
		number := uint64(rows[0].Epoch)
		part := column.Of(rows[:n])
		c, null, err := simulate(&part, o, epochNullSteps, rand.New(rand.NewPCG(o.Seed, nullSteps+number)))
		if err != nil {
			return epochs, heights, err
		}
		var simulated []float64
		if null != nil {
			simulated = finite(null.Segments.Column("height_mean"))
			slices.Sort(simulated)
		}
		for _, q := range []struct {
			column *column.Floats
			share  float64
		}{{&low, 0.05}, {&high, 0.95}} {
			value := record.Optional{Valid: len(simulated) > 0}
			if value.Valid {
				value.Value = stat.Quantile(q.share, stat.LinInterp, simulated, nil)
			}
			q.column.Add(value)
		}
		eigenvalue.Add(record.Optional{Value: c.Eigenvalue, Valid: null != nil})
		directions.Add(record.Optional{Value: float64(c.Directions), Valid: null != nil})
		// Each epoch has its own generator, so the selection of other epochs does not change
		// an interval.
		rng := rand.New(rand.NewPCG(o.Seed, number))
		for i := range quantities {
			quantities[i].add(&part, null, rng)
		}
		epoch, count = append(epoch, int64(rows[0].Epoch)), append(count, int64(n))
		barriers = append(barriers, barred)
		rows = rows[n:]
	}
	heights.Columns = []record.Column{
		column.Ints("epoch", epoch), low.Column("height_mean_low"), high.Column("height_mean_high"),
	}
	epochs = record.Table{Columns: []record.Column{
		column.Ints("epoch", epoch), column.Ints("segments", count), column.Ints("barriers", barriers),
	}}
	for i := range quantities {
		q := &quantities[i]
		epochs.Columns = append(epochs.Columns, q.mean.Column(q.name), q.low.Column(q.name+"_low"), q.high.Column(q.name+"_high"))
		if q.null {
			epochs.Columns = append(epochs.Columns, q.simulated.Column("null_"+q.name))
		}
	}
	epochs.Columns = append(epochs.Columns, eigenvalue.Column("null_eigenvalue"), directions.Column("null_directions"))
	return epochs, heights, nil
}

// add adds an epoch. null is nil when no quadratic matches the epoch.
func (q *epochQuantity) add(segments *record.Table, null *NullResult, rng *rand.Rand) {
	values := finite(segments.Column(q.column))
	interval := analyze.MeanInterval(values, rng)
	q.mean.Add(mean(values))
	q.low.Add(interval.Low)
	q.high.Add(interval.High)
	simulated := record.Optional{}
	if null != nil {
		simulated = mean(finite(null.Segments.Column(q.column)))
	}
	q.simulated.Add(simulated)
}

// mean returns the mean of values, summed in their order. The mean of no value is absent.
func mean(values []float64) record.Optional {
	mean := record.Optional{Valid: len(values) > 0}
	for _, v := range values {
		mean.Value += v / float64(len(values))
	}
	return mean
}

// finite returns the present, finite values of a column. A truth value counts as 0 or 1.
func finite(c *record.Column) []float64 {
	var values []float64
	for i := range c.Len() {
		switch {
		case c.Valid != nil && !c.Valid[i]:
		case c.Bools != nil && c.Bools[i]:
			values = append(values, 1)
		case c.Bools != nil:
			values = append(values, 0)
		case c.Floats[i]-c.Floats[i] == 0:
			values = append(values, c.Floats[i])
		}
	}
	return values
}
