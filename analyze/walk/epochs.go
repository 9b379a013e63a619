package walk

import (
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// epochQuantity is a column of the table of epochs: the share or the mean of one
// of the segments.
type epochQuantity struct {
	of, name string
	// null says that a quadratic has it too. Its flat directions have no length, so
	// that the length of a step, and what is divided by it, are not comparable.
	null bool

	mean, low, high, simulated column.Floats
}

// epochTable groups the segments by epoch, in the order of the recording: epoch,
// segments, the shares floor_interior_ratio, rises_ratio and barrier_ratio, the
// number of barriers, and the means of floor_position, height_start, height_end,
// height_mean, step_length and eta_sharpness. Shares and means are over the
// segments that have a finite value, and each is followed by the ends NAME_low and
// NAME_high of its 95 % interval (see analyze.MeanInterval), which treats one
// epoch as stationary, and by null_NAME, the same of a stationary noisy quadratic
// that is matched to the epoch as Comparison says, where it has one.
// null_eigenvalue and null_directions are what was matched.
func epochTable(segments *record.Table, o *Options) (record.Table, error) {
	quantities := []epochQuantity{
		{of: "floor_interior", name: "floor_interior_ratio", null: true},
		{of: "rises", name: "rises_ratio", null: true},
		{of: "barrier", name: "barrier_ratio", null: true},
		{of: "floor_position", name: "floor_position", null: true},
		{of: "height_start", name: "height_start", null: true},
		{of: "height_end", name: "height_end", null: true},
		{of: "height_mean", name: "height_mean", null: true},
		{of: "step_length", name: "step_length"},
		{of: "eta_sharpness", name: "eta_sharpness"},
	}
	epochs := segments.Column("epoch").Ints
	var epoch, count, barriers []int64
	var eigenvalue, directions column.Floats
	for from := 0; from < len(epochs); {
		to := from
		for to < len(epochs) && epochs[to] == epochs[from] {
			to++
		}
		epoch, count = append(epoch, epochs[from]), append(count, int64(to-from))
		part := rowsOf(segments, from, to)
		c, null, err := simulate(&part, o, epochNullSteps, rand.New(rand.NewPCG(o.Seed, nullSteps+uint64(epochs[from]))))
		if err != nil {
			return record.Table{}, err
		}
		eigenvalue.Add(record.Optional{Value: c.Eigenvalue, Valid: null != nil})
		directions.Add(record.Optional{Value: float64(c.Directions), Valid: null != nil})
		// The generator belongs to the epoch: other epochs change no interval.
		rng := rand.New(rand.NewPCG(o.Seed, uint64(epochs[from])))
		for i := range quantities {
			quantities[i].add(&part, null, rng)
		}
		n := int64(0)
		for _, b := range part.Column("barrier").Bools {
			if b {
				n++
			}
		}
		barriers = append(barriers, n)
		from = to
	}
	t := record.Table{Columns: []record.Column{
		column.Ints("epoch", epoch), column.Ints("segments", count), column.Ints("barriers", barriers),
	}}
	for i := range quantities {
		q := &quantities[i]
		t.Columns = append(t.Columns, q.mean.Column(q.name), q.low.Column(q.name+"_low"), q.high.Column(q.name+"_high"))
		if q.null {
			t.Columns = append(t.Columns, q.simulated.Column("null_"+q.name))
		}
	}
	t.Columns = append(t.Columns, eigenvalue.Column("null_eigenvalue"), directions.Column("null_directions"))
	return t, nil
}

// add adds an epoch; null may be nil.
func (q *epochQuantity) add(segments *record.Table, null *NullResult, rng *rand.Rand) {
	of := segments.Column(q.of)
	values := present(of)
	interval := analyze.MeanInterval(values, rng)
	q.mean.Add(meanOf(values))
	q.low.Add(interval.Low)
	q.high.Add(interval.High)
	simulated := record.Optional{}
	if null != nil {
		simulated = meanOf(present(null.Segments.Column(q.of)))
	}
	q.simulated.Add(simulated)
}

func meanOf(values []float64) record.Optional {
	mean := record.Optional{Valid: len(values) > 0}
	for _, v := range values {
		mean.Value += v / float64(len(values))
	}
	return mean
}

// rowsOf returns the rows from one up to another of a table, sharing its memory.
func rowsOf(t *record.Table, from, to int) record.Table {
	var out record.Table
	for _, c := range t.Columns {
		part := record.Column{Name: c.Name}
		if c.Ints != nil {
			part.Ints = c.Ints[from:to]
		}
		if c.Floats != nil {
			part.Floats = c.Floats[from:to]
		}
		if c.Strings != nil {
			part.Strings = c.Strings[from:to]
		}
		if c.Bools != nil {
			part.Bools = c.Bools[from:to]
		}
		if c.Valid != nil {
			part.Valid = c.Valid[from:to]
		}
		out.Columns = append(out.Columns, part)
	}
	return out
}

// present returns the finite values of a column; a truth value counts 0 or 1.
func present(c *record.Column) []float64 {
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
