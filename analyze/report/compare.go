package report

import (
	"strconv"

	"sgdwalk/analyze/compare"
)

// compareSection has a table of the differences from the baseline and a table of all runs.
// An interval is empty when there are too few pairs of seeds.
func compareSection(c *compare.Summary, s *section) {
	effects := newTable("Groups compared with "+c.Baseline, "statistic", "group", "seeds", "mean", "sd",
		"difference from the baseline", "its 95 % interval")
	for i := range c.Effects {
		e := &c.Effects[i]
		interval := ""
		if d := e.DifferenceInterval; d.Low.Valid && d.High.Valid {
			interval = short(d.Low.Value) + " to " + short(d.High.Value)
		}
		effects.add(words(e.Statistic), e.Group, count(e.Values), optional(e.Mean), optional(e.SD),
			optional(e.Difference), interval)
	}
	each := newTable("Every run", "run", "group", "seed")
	for i, r := range c.Statistics {
		cells := []string{r.Group, strconv.FormatUint(r.Seed, 10)}
		for _, v := range r.Values {
			if i == 0 {
				each.Head = append(each.Head, words(v.Name))
			}
			cells = append(cells, optional(v.Value))
		}
		cells = append(cells, make([]string, len(each.Head))...)
		each.add(r.Run, cells[:len(each.Head)-1]...)
	}
	s.Tables = []table{effects, each}
	if len(c.Alignments) > 0 {
		aligned := newTable("The ends before and after the alignment of the second one", "pair", "distance", "aligned",
			"barrier above the higher end", "aligned", "units moved")
		for i := range c.Alignments {
			a := &c.Alignments[i]
			aligned.add(a.From+" and "+a.To, short(a.Alignment.DistanceBefore), short(a.Alignment.DistanceAfter),
				optional(a.Before), optional(a.After), count(a.Alignment.Moved)+" of "+count(a.Alignment.Units))
		}
		s.Tables = append(s.Tables, aligned)
	}
	s.Reading = []string{
		"Differences are paired by seed: a run and the baseline's run of the same seed. Without at least three pairs " +
			"there is no interval, and a difference may be chance.",
		"One plane for several runs is a compromise between them: a run that lies far off the plane shows only its " +
			"projection.",
	}
	if len(c.Alignments) > 0 {
		s.read(alignmentReading)
	}
}
