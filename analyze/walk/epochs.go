package walk

import (
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// epochTable groups the segments by epoch, in the order of the recording: epoch,
// segments, the shares floor_interior_ratio, rises_ratio and barrier_ratio, the
// number of barriers, and the means of floor_position, height_start, height_end,
// height_mean, step_length and eta_sharpness. Shares and means are over the
// segments that have a finite value, and each is followed by the ends NAME_low and
// NAME_high of its 95 % interval (see analyze.MeanInterval), which treats one
// epoch as stationary.
func epochTable(segments *record.Table, seed uint64) record.Table {
	quantities := []struct{ of, name string }{
		{"floor_interior", "floor_interior_ratio"},
		{"rises", "rises_ratio"},
		{"barrier", "barrier_ratio"},
		{"floor_position", "floor_position"},
		{"height_start", "height_start"},
		{"height_end", "height_end"},
		{"height_mean", "height_mean"},
		{"step_length", "step_length"},
		{"eta_sharpness", "eta_sharpness"},
	}
	epochs := segments.Column("epoch").Ints
	var epoch, count, barriers []int64
	type triple struct{ mean, low, high column.Floats }
	columns := make([]triple, len(quantities))
	for from := 0; from < len(epochs); {
		to := from
		for to < len(epochs) && epochs[to] == epochs[from] {
			to++
		}
		epoch, count = append(epoch, epochs[from]), append(count, int64(to-from))
		// The generator belongs to the epoch: other epochs change no interval.
		rng := rand.New(rand.NewPCG(seed, uint64(epochs[from])))
		for i, q := range quantities {
			values := present(segments.Column(q.of), from, to)
			mean := record.Optional{Valid: len(values) > 0}
			for _, v := range values {
				mean.Value += v / float64(len(values))
			}
			interval := analyze.MeanInterval(values, rng)
			columns[i].mean.Add(mean)
			columns[i].low.Add(interval.Low)
			columns[i].high.Add(interval.High)
		}
		n := int64(0)
		for _, b := range segments.Column("barrier").Bools[from:to] {
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
	for i, q := range quantities {
		c := &columns[i]
		t.Columns = append(t.Columns, c.mean.Column(q.name), c.low.Column(q.name+"_low"), c.high.Column(q.name+"_high"))
	}
	return t
}

// present returns the finite values of rows from to to of a column; a truth value
// counts 0 or 1.
func present(c *record.Column, from, to int) []float64 {
	var values []float64
	for i := from; i < to; i++ {
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
