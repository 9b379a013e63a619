package walk

import (
	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// epochTable groups the segments by epoch, in the order of the recording: epoch,
// segments, the shares floor_interior_ratio, rises_ratio and barrier_ratio, the
// number of barriers, and the means of floor_position, height_start, height_end,
// height_mean, step_length and eta_sharpness over the finite values.
func epochTable(segments *record.Table) record.Table {
	means := []string{"floor_position", "height_start", "height_end", "height_mean", "step_length", "eta_sharpness"}
	shares := []struct{ of, name string }{{"floor_interior", "floor_interior_ratio"}, {"rises", "rises_ratio"}, {"barrier", "barrier_ratio"}}

	epochs := segments.Column("epoch").Ints
	var epoch, count, barriers []int64
	mean, share := make([]column.Floats, len(means)), make([]column.Floats, len(shares))
	for from := 0; from < len(epochs); {
		to := from
		for to < len(epochs) && epochs[to] == epochs[from] {
			to++
		}
		epoch, count = append(epoch, epochs[from]), append(count, int64(to-from))
		for i, name := range means {
			mean[i].Add(analyze.Describe(slice(segments.Column(name), from, to)).Mean)
		}
		for i, s := range shares {
			share[i].Add(analyze.Share(slice(segments.Column(s.of), from, to)))
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
	t := record.Table{Columns: []record.Column{column.Ints("epoch", epoch), column.Ints("segments", count)}}
	for i, s := range shares {
		t.Columns = append(t.Columns, share[i].Column(s.name))
	}
	t.Columns = append(t.Columns, column.Ints("barriers", barriers))
	for i, name := range means {
		t.Columns = append(t.Columns, mean[i].Column(name))
	}
	return t
}

// slice returns rows from to to of a column, sharing its values.
func slice(c *record.Column, from, to int) *record.Column {
	s := record.Column{Name: c.Name}
	if c.Floats != nil {
		s.Floats = c.Floats[from:to]
	}
	if c.Bools != nil {
		s.Bools = c.Bools[from:to]
	}
	if c.Valid != nil {
		s.Valid = c.Valid[from:to]
	}
	return &s
}
