package live

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure"
)

// Named is a figure with its name.
type Named struct {
	Name    string
	Heading string
	Figure  figure.Figure
}

// Figures draws what is known so far; a quantity that was not recorded, or not
// yet, has no figure. The order is that of the page.
// They are drawn by others, and must not be changed.
func (l *Log) Figures() []Named {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.figures == nil || l.drawn != l.rows {
		l.figures, l.drawn = l.draw(), l.rows
	}
	return l.figures
}

func (l *Log) draw() []Named {
	var out []Named
	add := func(name, heading, ylabel string, scale figure.Scale, series ...figure.Series) {
		kept := series[:0]
		for _, s := range series {
			if len(s.X) > 0 && (len(kept) == 0 || !same(&kept[0], &s)) {
				kept = append(kept, s)
			}
		}
		if len(kept) > 0 {
			out = append(out, Named{name, heading, &figure.Curves{
				Title: l.header.Title(), XLabel: "step", XWhole: true, YLabel: ylabel, YScale: scale, Series: kept, Notes: l.notes(),
			}})
		}
	}
	line := func(name string, get func(*Point) float64) figure.Series { return l.series(name, false, get) }
	sparse := func(name string, get func(*Point) float64) figure.Series { return l.series(name, true, get) }
	add("loss", "Loss", "loss", figure.Auto,
		line("mini-batch", func(p *Point) float64 { return p.BatchLoss }),
		sparse("full training set", func(p *Point) float64 { return p.FullLoss }),
		sparse("held out", func(p *Point) float64 { return p.TestLoss }))
	add("step_length", "Step length", "length", figure.Auto,
		line("update", func(p *Point) float64 { return p.StepLength }),
		line("mini-batch gradient", func(p *Point) float64 { return p.GradNorm }))
	add("cosine", "Cosine with the step before", "cosine with the one before", figure.Linear,
		line("mini-batch gradients", func(p *Point) float64 { return p.GradCos }),
		line("updates", func(p *Point) float64 { return p.UpdateCos }))
	add("distance", "Distance from the start", "distance from \u03b8_{0}", figure.Linear, line("", func(p *Point) float64 { return p.Displacement }))
	if rate := line("", func(p *Point) float64 { return p.LearningRate }); varies(rate.Y) {
		add("learning_rate", "Learning rate", "learning rate", figure.Auto, rate)
	}
	if path, shares, ok := l.plane.fit(); ok {
		axis := func(k int) string {
			return fmt.Sprintf("PC%d: %.1f %% of variance so far", k+1, 100*shares[k])
		}
		out = append(out, Named{"path", "The path so far", &figure.Trajectory{
			Path: path, Title: l.header.Title(), XLabel: axis(0), YLabel: axis(1),
			Notes: []string{fmt.Sprintf("Principal directions of %d iterates, up to step %d; they turn as the run goes on. A random walk shows such shares too: see pca.", len(path), path[len(path)-1].Step)},
		}})
	}
	return out
}

func (l *Log) notes() []string {
	if l.stride == 1 {
		return nil
	}
	return []string{fmt.Sprintf("Every %d. iterate is drawn.", l.stride)}
}

// series takes one quantity of the points. A sparse one has the places only where
// it was measured; another begins where it is known first, and keeps gaps.
func (l *Log) series(name string, sparse bool, get func(*Point) float64) figure.Series {
	s := figure.Series{Name: name, Points: sparse}
	last := -1
	for i := range l.points {
		v := get(&l.points[i])
		if math.IsNaN(v) && (sparse || len(s.X) == 0) {
			continue
		}
		if !math.IsNaN(v) {
			last = len(s.X)
		}
		s.X, s.Y = append(s.X, float64(l.points[i].Step)), append(s.Y, v)
	}
	s.X, s.Y = s.X[:last+1], s.Y[:last+1]
	s.Apart = sparse && len(s.X) < 3
	return s
}

func varies(v []float64) bool {
	for i := range v {
		if v[i] != v[0] {
			return true
		}
	}
	return false
}

// same tells whether two quantities differ by rounding only where both are known,
// as the cosines of gradients and of updates do under plain SGD.
func same(a, b *figure.Series) bool {
	common := 0
	for i, j := 0, 0; i < len(a.X) && j < len(b.X); {
		switch {
		case a.X[i] < b.X[j]:
			i++
		case a.X[i] > b.X[j]:
			j++
		default:
			x, y := a.Y[i], b.Y[j]
			if math.Abs(x-y) > 1e-3*(math.Abs(x)+math.Abs(y))+1e-6 {
				return false
			}
			if !math.IsNaN(x - y) {
				common++
			}
			i, j = i+1, j+1
		}
	}
	return common > 0
}
