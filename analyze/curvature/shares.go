package curvature

import (
	"fmt"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// gradientName is the direction that is always split.
const gradientName = "gradient"

// split is the decomposition of one direction.
type split struct {
	name            string
	norm            float64
	share           record.Optional // of the squared length in the dominant space
	cosines         []float64       // with every top eigenvector; nil for a zero vector
	whole, top, low record.Optional // change of the loss at the end of d, of its dominant and of its bulk part
}

// split decomposes the gradient and every direction of the options.
func (c *computation) split() error {
	r := &c.result
	directions := append([]Direction{{Name: gradientName, Vector: r.Gradient}}, c.opts.Directions...)
	for _, d := range directions {
		s, err := c.decompose(d)
		if err != nil {
			return err
		}
		r.splits = append(r.splits, s)
	}
	r.Shares, r.Overlaps = splitTables(r.splits)
	return nil
}

// decompose projects onto the eigenvectors one after the other; they are
// orthonormal up to float32 rounding.
func (c *computation) decompose(d Direction) (split, error) {
	s := split{name: d.Name, norm: norm32(d.Vector)}
	if s.norm == 0 || s.norm-s.norm != 0 {
		return s, nil // a vector without a direction has no share
	}
	dominant := make([]float64, len(c.theta))
	squares := 0.0
	for _, p := range c.result.Top {
		x := dot32(p.Vector, d.Vector)
		addScaled(dominant, x, p.Vector)
		s.cosines = append(s.cosines, x/s.norm)
		squares += float64(x / s.norm * (x / s.norm))
	}
	s.share = record.Some(squares)
	if !d.Walk {
		return s, nil
	}
	point := make([]float32, len(c.theta))
	for _, e := range []struct {
		to   *record.Optional
		part func(i int) float64
	}{
		{&s.whole, func(i int) float64 { return float64(d.Vector[i]) }},
		{&s.top, func(i int) float64 { return dominant[i] }},
		{&s.low, func(i int) float64 { return float64(d.Vector[i]) - dominant[i] }},
	} {
		for i, t := range c.theta {
			point[i] = float32(float64(t) + e.part(i))
		}
		if err := c.ctx.Err(); err != nil {
			return s, fmt.Errorf("curvature: stopped at direction %q: %w", d.Name, err)
		}
		loss, err := c.g.Loss(c.ctx, point)
		if err != nil {
			return s, fmt.Errorf("curvature: direction %q: %w", d.Name, err)
		}
		*e.to = record.Some(loss - c.result.Loss)
	}
	return s, nil
}

func splitTables(splits []split) (shares, overlaps record.Table) {
	var names, overlapNames []string
	var ranks []int64
	var lengths, share, whole, top, low, cosines column.Floats
	for _, s := range splits {
		names = append(names, s.name)
		lengths.Add(record.Some(s.norm))
		share.Add(s.share)
		whole.Add(s.whole)
		top.Add(s.top)
		low.Add(s.low)
		for i, v := range s.cosines {
			overlapNames, ranks = append(overlapNames, s.name), append(ranks, int64(i+1))
			cosines.Add(record.Some(v))
		}
	}
	shares = record.Table{Columns: []record.Column{
		column.Strings("direction", names), lengths.Column("norm"), share.Column("dominant_share"),
		whole.Column("loss_change"), top.Column("loss_change_dominant"), low.Column("loss_change_bulk"),
	}}
	overlaps = record.Table{Columns: []record.Column{
		column.Strings("direction", overlapNames), column.Ints("rank", ranks), cosines.Column("cosine"),
	}}
	return shares, overlaps
}
