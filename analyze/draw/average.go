package draw

import (
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

const (
	// mostAverages is how many averages a figure of losses shows, and mostLengths how many
	// steps a figure of window lengths shows: more lines hide each other.
	mostAverages = 4
	mostLengths  = 4
)

// Averages draws the loss of the averages over the steps, the loss over the length of the
// window, and the gain over the length compared with its null. A figure without data is left
// out.
func Averages(title string, r *average.Result) []Named {
	a := &averages{r: r, title: title}
	var out []Named
	for _, f := range []struct {
		name string
		make func() *figure.Curves
	}{{"average", a.steps}, {"length", a.lengths}, {"gain", a.gains}} {
		if c := f.make(); c != nil {
			out = append(out, Named{f.name, c})
		}
	}
	return out
}

// averages is a result with the columns that the figures use.
type averages struct {
	r     *average.Result
	title string
}

// series returns the loss of an average over the steps.
func (a *averages) series(name string) figure.Series {
	t := &a.r.Averages
	s := figure.Series{Name: name}
	steps, losses := t.Column("step").Ints, Values(t, "loss")
	for i, of := range t.Column("average").Strings {
		if of == name {
			s.X, s.Y = append(s.X, float64(steps[i])), append(s.Y, losses[i])
		}
	}
	s.Points = sparse(s.X)
	return s
}

// chosen returns the names of the averages that a figure shows: some windows, spread over
// their lengths, and as many of the others as fit.
func (a *averages) chosen() []string {
	var windows, others []string
	for _, g := range a.r.Summary.Averages {
		if g.Average.Scheme == average.Window {
			windows = append(windows, g.Name)
		} else {
			others = append(others, g.Name)
		}
	}
	others = others[:min(len(others), mostAverages-min(len(windows), 3))]
	var names []string
	for _, i := range analyze.Spread(len(windows), mostAverages-len(others)) {
		names = append(names, windows[i])
	}
	return append(names, others...)
}

// steps draws the losses over the steps, with the ends of the branches.
func (a *averages) steps() *figure.Curves {
	f := &figure.Curves{Title: "Training loss of iterates and of their averages", Subtitle: a.title, XLabel: "step", XWhole: true, XSteps: true, YLabel: "full training loss", LogRatio: 5}
	own := a.series(string(average.Iterate))
	if len(own.X) == 0 {
		return nil
	}
	f.Series = append(f.Series, own)
	for _, name := range a.chosen() {
		if s := a.series(name); len(s.X) > 0 {
			f.Series = append(f.Series, s)
		}
	}
	if n := len(a.r.Summary.Averages) + 1 - len(f.Series); n > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("The table has %s.", analyze.Count(n, "more average")))
	}
	ends := figure.Series{Apart: true}
	for _, b := range a.r.Summary.Branches {
		ends.Name = fmt.Sprintf("end of a branch, rate decayed to 0 (%s)", b.Decay)
		ends.X, ends.Y = append(ends.X, float64(b.End)), append(ends.Y, b.Loss.Value)
	}
	if len(ends.X) > 0 {
		f.Series = append(f.Series, ends)
	}
	return f
}

// lengths draws the loss over the number of averaged iterates, at some steps. The iterate has
// length 1.
func (a *averages) lengths() *figure.Curves {
	t := &a.r.Averages
	schemes, steps := t.Column("scheme").Strings, t.Column("step").Ints
	counts, losses := t.Column("iterates").Ints, Values(t, "loss")
	at := make(map[int64]figure.Series)
	var places []int64 // steps with windows, of the means: earlier losses are far higher
	for i, scheme := range schemes {
		if scheme != string(average.Window) && scheme != string(average.Iterate) || steps[i] < a.r.Summary.MeansFrom {
			continue
		}
		s := at[steps[i]]
		s.X, s.Y = append(s.X, float64(counts[i])), append(s.Y, losses[i])
		if len(s.X) == 3 { // two windows
			places = append(places, steps[i])
		}
		at[steps[i]] = s
	}
	if len(places) == 0 {
		return nil
	}
	f := &figure.Curves{
		Title: "Training loss over the length of the average", Subtitle: a.title, XLabel: "number of averaged iterates (1 is the iterate)", XScale: figure.Log,
		YLabel: "full training loss", LogRatio: 5,
	}
	for _, i := range analyze.Spread(len(places), mostLengths) {
		s := at[places[i]]
		sortSeries(&s)
		s.Name, s.Points = fmt.Sprintf("step %d", places[i]), sparse(s.X)
		f.Series = append(f.Series, s)
	}
	return f
}

// sortSeries sorts the values of a series by x.
func sortSeries(s *figure.Series) {
	order := make([]int, len(s.X))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int {
		switch {
		case s.X[i] < s.X[k]:
			return -1
		case s.X[i] > s.X[k]:
			return 1
		}
		return 0
	})
	x, y := make([]float64, len(order)), make([]float64, len(order))
	for n, i := range order {
		x[n], y[n] = s.X[i], s.Y[i]
	}
	s.X, s.Y = x, y
}

// gains draws the mean gain of the windows over their length, with the null.
func (a *averages) gains() *figure.Curves {
	own := figure.Series{Name: "the run", Points: true}
	null := figure.Series{Name: "noise in a quadratic bowl, less the lag of older iterates", Points: true}
	banded := true
	for _, g := range a.r.Summary.Averages {
		if g.Average.Scheme != average.Window || g.Steps < a.r.Summary.MeansSteps || !g.Gain.Valid {
			continue
		}
		x := float64(g.Average.Length)
		add := func(s *figure.Series, m record.Optional, i analyze.Interval) {
			s.X, s.Y = append(s.X, x), append(s.Y, m.Value)
			s.Low, s.Top = append(s.Low, i.Low.Value), append(s.Top, i.High.Value)
			banded = banded && i.Low.Valid
		}
		add(&own, g.Gain, g.Interval)
		if g.NullGain.Valid {
			add(&null, record.Some(g.NullGain.Value-g.Lag.Value), analyze.Interval{
				Low:  record.Optional{Value: g.NullInterval.Low.Value - g.Lag.Value, Valid: g.NullInterval.Low.Valid},
				High: record.Optional{Value: g.NullInterval.High.Value - g.Lag.Value, Valid: g.NullInterval.High.Valid},
			})
		}
	}
	if len(own.X) < 2 {
		return nil
	}
	f := &figure.Curves{
		Title: "Gain of averaging over the length of the average", Subtitle: a.title, XLabel: "number of averaged iterates", XScale: figure.Log,
		YLabel: "loss of the iterate \u2212 loss of its average", Series: []figure.Series{own},
	}
	note := fmt.Sprintf("Means over %s from step %d on", analyze.Count(a.r.Summary.MeansSteps, "step"), a.r.Summary.MeansFrom)
	if banded {
		note += ", with 95 % intervals"
	}
	f.Notes = []string{note + "."}
	if len(null.X) == len(own.X) {
		f.Series = append(f.Series, null)
	}
	if !banded {
		for i := range f.Series {
			f.Series[i].Low, f.Series[i].Top = nil, nil
		}
	}
	return f
}
