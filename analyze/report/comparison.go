package report

import (
	"fmt"
	"strings"
)

func compareSection(f *facts) section {
	var s section
	var groups []string
	for _, g := range f.get("groups").items {
		groups = append(groups, g.text)
	}
	runs := f.get("statistics").items
	if len(groups) == 0 {
		return section{Tables: generic("Numbers", f.value)}
	}
	if len(groups) == 1 {
		s.say(fmt.Sprintf("%s runs of %s, which differ in their seeds.", short(float64(len(runs))), groups[0]))
	} else {
		s.say(fmt.Sprintf("%s runs in %s groups (%s); the runs of a group differ in their seeds.", short(float64(len(runs))), short(float64(len(groups))), strings.Join(groups, ", ")))
	}
	if v := f.nums("directions", "explained_variance_ratio"); len(v) > 1 {
		s.say(fmt.Sprintf("They share one plane, which holds %s of the variance of the runs that decided it.", percent(v[0]+v[1])))
	}
	for _, p := range f.get("paths").items {
		g := facts{value: p}
		if x, ok := g.num("residual_ratio"); ok {
			s.say(fmt.Sprintf("The iterates of %s lie off this plane by %s of their path's extent (median).", g.str("run"), percent(x)))
		}
	}
	effects := table{Caption: "Groups beside " + f.str("baseline"), Head: []string{"statistic", "group", "seeds", "mean", "sd", "mean less that of the baseline", "its 95 % interval"}}
	for _, e := range f.get("effects").items {
		g := facts{value: e}
		n, ok0 := g.num("values")
		m, ok1 := g.num("mean")
		sd, ok2 := g.num("sd")
		d, ok3 := g.num("difference")
		low, ok4 := g.num("difference_interval", "low")
		high, ok5 := g.num("difference_interval", "high")
		interval := dash
		if ok4 && ok5 {
			interval = short(low) + " to " + short(high)
		}
		effects.add(words(g.str("statistic")), g.str("group"), optional(short, n, ok0), optional(short, m, ok1), optional(short, sd, ok2), optional(short, d, ok3), interval)
	}
	each := table{Caption: "Every run", Head: []string{"run", "group", "seed"}}
	for i, r := range runs {
		g := facts{value: r}
		row := []string{g.str("run"), g.str("group"), cell(r.get("seed"))}
		for _, v := range r.get("values").items {
			if i == 0 {
				each.Head = append(each.Head, words(v.get("name").text))
			}
			row = append(row, cell(v.get("value")))
		}
		for len(row) < len(each.Head) {
			row = append(row, dash)
		}
		each.Rows = append(each.Rows, row[:len(each.Head)])
	}
	s.Tables = []table{effects, each}
	s.Reading = []string{
		"Differences are paired by seed: a run and the baseline's run of the same seed. Without at least three pairs there is no interval, and no difference is more than a draw.",
		"One plane for several runs is a compromise between them: a run that lies far off it is drawn by its shadow.",
	}
	return s
}
