package line

import (
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// pairRow is a row of Pairs.
type pairRow struct {
	align.Pair
	Alpha           float64         `col:"alpha"`
	Distance        float64         `col:"distance"`
	Loss            float64         `col:"loss"`
	AlignedDistance record.Optional `col:"aligned_distance"`
	AlignedLoss     record.Optional `col:"aligned_loss"`
}

// Pairs joins the losses on the lines of several pairs of points in one table: from, to,
// alpha, distance, loss, aligned_distance, aligned_loss. The last two are absent for a line
// without an aligned end.
func Pairs(pairs []align.Pair, results []*Result) record.Table {
	var t column.Builder[pairRow]
	for k, r := range results {
		value := func(name string, i int) record.Optional {
			if c := r.Losses.Column(name); c != nil {
				return record.Some(c.Floats[i])
			}
			return record.Optional{}
		}
		for i := range r.Losses.Len() {
			t.Add(pairRow{
				pairs[k], value("alpha", i).Value, value("distance", i).Value, value("loss", i).Value,
				value(alignedPrefix+"distance", i), value(alignedPrefix+"loss", i),
			})
		}
	}
	return t.Table()
}
