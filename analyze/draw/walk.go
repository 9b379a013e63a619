package draw

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// Walks draws the figures of a walk and of the geometry of the same iterates.
func Walks(run string, r *walk.Result, p *path.Result) []Named {
	return []Named{{"walk", Walk(run, r, p)}, {"profile", Profile(run, r)}}
}

// Walk puts the walk and the geometry of the same iterates into the three panels of
// Xing et al.: the loss on the way with its valley floor, the cosine of consecutive
// gradients, the distance from the start. One more panel compares the height above the floor
// with the heights on a noisy quadratic.
func Walk(run string, r *walk.Result, p *path.Result) *figure.Walk {
	t := &r.Segments
	f := &figure.Walk{
		Title:    fmt.Sprintf("Training loss between iterates, steps %d to %d", r.Summary.FirstStep, r.Summary.LastStep+1),
		Subtitle: run, CosineLabel: "cosine of gradients", Cosine2Label: "cosine of updates",
	}
	rows, steps := t.Column("row").Ints, t.Column("step").Ints
	atRow := make(map[int64]int, p.Table.Len())
	for i, row := range p.Table.Column("row").Ints {
		atRow[row] = i
	}
	n := r.Summary.Alphas
	alphas := r.Losses.Column("alpha").Floats[:n]
	losses := r.Losses.Column("loss").Floats
	// The panels show the way from iterate to iterate; samples beyond it have a
	// figure of their own.
	zero, one := slices.Index(alphas, 0), slices.Index(alphas, 1)
	f.Alphas = alphas[zero : one+1]
	cosine, cosine2 := Values(&p.Table, "grad_cos"), Values(&p.Table, "update_cos")
	distance := Values(&p.Table, "displacement")
	at := func(v []float64, i int) float64 {
		if v == nil || i >= len(v) {
			return math.NaN()
		}
		return v[i]
	}
	add := func(i int) {
		f.Cosine, f.Cosine2 = append(f.Cosine, at(cosine, i)), append(f.Cosine2, at(cosine2, i))
		f.Distance = append(f.Distance, at(distance, i))
	}
	for i, row := range rows {
		f.Steps = append(f.Steps, int(steps[i]))
		f.Losses = append(f.Losses, losses[i*n+zero:i*n+one+1])
		add(atRow[row])
	}
	if last := atRow[rows[len(rows)-1]] + 1; last < p.Table.Len() {
		add(last)
	}
	f.Floor, f.FloorAlpha = Values(t, "floor_loss"), Values(t, "floor_position")
	for i, s := range f.FloorAlpha {
		if s < 0 || s > 1 {
			f.Floor[i], f.FloorAlpha[i] = math.NaN(), math.NaN()
		}
	}
	f.Barriers = t.Column("barrier").Bools
	f.Height = Values(t, "height_mean")
	f.NullLow, f.NullHigh = nullHeights(t.Column("epoch").Ints, &r.NullHeights)
	f.NullName = "noisy quadratic: middle 90 % of the heights"
	if cosine == nil {
		f.Cosine, f.CosineLabel = f.Cosine2, "cosine of updates"
	}
	// Under plain SGD both cosines are the same line.
	if cosine == nil || cosine2 == nil || same(f.Cosine, f.Cosine2) {
		f.Cosine2 = nil
	}
	return f
}

// nullHeights returns the band of the null for segments of these epochs; nil when no epoch has
// one.
func nullHeights(epochs []int64, t *record.Table) (low, high []float64) {
	lows, highs := Values(t, "height_mean_low"), Values(t, "height_mean_high")
	if lows == nil || highs == nil {
		return nil, nil
	}
	of := t.Column("epoch").Ints
	for _, e := range epochs {
		i := slices.Index(of, e)
		low, high = append(low, lows[i]), append(high, highs[i])
	}
	return low, high
}

// same reports whether two series agree, where both have values, to what the
// rounding of the updates to float32 leaves: all but a few updates that are too short for it.
func same(a, b []float64) bool {
	both, different := 0, 0
	for i := range min(len(a), len(b)) {
		if d := math.Abs(a[i] - b[i]); d-d == 0 {
			if both++; d > 1e-3 {
				different++
			}
		}
	}
	return both > 0 && different <= both/20
}

// Profile draws the loss along the step, relative to where it starts, over
// all segments: the median and the middle half.
func Profile(run string, r *walk.Result) *figure.Curves {
	n := r.Summary.Alphas
	alphas, losses := r.Losses.Column("alpha").Floats[:n], r.Losses.Column("loss").Floats
	zero := slices.Index(alphas, 0)
	s := figure.Series{Name: "median, with the middle half of the segments", X: alphas, Points: true}
	for i := range alphas {
		var change []float64
		for k := 0; k < len(losses); k += n {
			if d := losses[k+i] - losses[k+zero]; d-d == 0 {
				change = append(change, d)
			}
		}
		slices.Sort(change)
		q := func(p float64) float64 {
			if len(change) == 0 {
				return math.NaN()
			}
			return stat.Quantile(p, stat.LinInterp, change, nil)
		}
		s.Y, s.Low, s.Top = append(s.Y, q(0.5)), append(s.Low, q(0.25)), append(s.Top, q(0.75))
	}
	return &figure.Curves{
		Title: "Training loss along a step, relative to its start", Subtitle: run, XLabel: "position on the step, \u03b1", YLabel: "full training loss, change from \u03b1 = 0",
		YScale: figure.Linear, Series: []figure.Series{s},
		Notes: []string{fmt.Sprintf("%d segments, steps %d to %d.", r.Summary.Segments, r.Summary.FirstStep,
			r.Summary.LastStep)},
	}
}
