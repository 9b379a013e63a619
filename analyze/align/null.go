package align

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// NullSummary has what alignment does to pairs of points that have nothing to do with each
// other. Two ends are only closer modulo permutations than chance makes them if their
// distance shrinks more.
type NullSummary struct {
	Points        string               `json:"points"` // what the points of a pair are, in words
	Pairs         int                  `json:"pairs"`
	DistanceRatio analyze.Distribution `json:"distance_ratio"` // after / before, over the pairs
}

// NullOptions are the options of Null. The zero value is the documented default.
type NullOptions struct {
	// Draw returns a random point for a seed (required); Points says in words what two of them
	// are, such as "two random initializations".
	Draw   func(seed uint64) ([]float32, error) `json:"-"`
	Points string                               `json:"points"`
	Pairs  int                                  `json:"pairs"` // 1 to 1000 (default: 3)
	Match  Options                              `json:"match"`
}

// nullSeed separates the seeds of the null from the seeds of runs, which are small numbers.
const nullSeed = 0x616c69676e // "align"

// Null aligns pairs of random points in the same way as Match aligns two ends.
func Null(ctx context.Context, s *Specification, o NullOptions) (*NullSummary, error) {
	if o.Draw == nil || o.Pairs < 0 || o.Pairs > 1000 {
		return nil, fmt.Errorf("align: null: pairs is %d; it must be 1 to 1000, or 0 for 3, and draw must be set", o.Pairs)
	}
	if o.Pairs == 0 {
		o.Pairs = 3
	}
	progress := o.Match.Effective().Progress
	o.Match.Progress = nil
	progress.Begin("null of the alignment", o.Pairs)
	ratios := make([]float64, o.Pairs)
	for i := range ratios {
		var ends [2][]float32
		for k := range ends {
			var err error
			if ends[k], err = o.Draw(nullSeed + uint64(2*i+k)); err != nil {
				return nil, fmt.Errorf("align: null: %w", err)
			}
		}
		r, err := Match(ctx, s, ends[0], ends[1], o.Match)
		if err != nil {
			return nil, err
		}
		ratios[i] = r.Summary.DistanceRatio.Value
		progress.Add(1)
	}
	return &NullSummary{
		Points: o.Points, Pairs: o.Pairs, DistanceRatio: analyze.Describe(&record.Column{Floats: ratios}),
	}, nil
}

// DrawNormal returns a function that draws points whose tensors have independent normal
// elements, with the mean and the standard deviation of the elements of the same tensor of
// the given points. It is a null for models whose initialization is not known.
func DrawNormal(layout record.Layout, points ...[]float32) func(seed uint64) ([]float32, error) {
	type moments struct{ mean, sd float64 }
	all := make([]moments, len(layout))
	for i, t := range layout {
		m, n := &all[i], float64(len(points)*t.Len())
		for _, p := range points {
			for _, x := range t.View(p) {
				m.mean += float64(x) / n
			}
		}
		for _, p := range points {
			for _, x := range t.View(p) {
				d := float64(x) - m.mean
				m.sd += float64(d * d / n)
			}
		}
		m.sd = math.Sqrt(m.sd)
	}
	return func(seed uint64) ([]float32, error) {
		r := rand.New(rand.NewPCG(seed, nullSeed))
		theta := make([]float32, layout.Len())
		for i, t := range layout {
			v := t.View(theta)
			for j := range v {
				v[j] = float32(all[i].mean + float64(all[i].sd*r.NormFloat64()))
			}
		}
		return theta, nil
	}
}
