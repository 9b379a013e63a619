package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Summary has the numbers of a comparison of several runs.
type Summary struct {
	Groups     []string               `json:"groups"`
	Order      []string               `json:"order,omitempty"` // the groups in the order given, as figures show them
	Baseline   string                 `json:"baseline"`
	Common     Common                 `json:"common"`
	LeftOut    []string               `json:"left_out"` // cells of a sweep that did not finish
	Plane      string                 `json:"plane,omitempty"`
	Ends       []string               `json:"ends,omitempty"`       // the two groups that span the plane "ends"
	PlaneRows  string                 `json:"plane_rows,omitempty"` // rows of every run that the plane was fitted to
	Directions *pca.Summary           `json:"directions,omitempty"`
	Paths      []PathSummary          `json:"paths,omitempty"`
	Landscape  *landscape.Summary     `json:"landscape,omitempty"`
	PlaneError []analyze.Distribution `json:"plane_error_relative,omitempty"` // per run of Shown
	Shown      []string               `json:"shown,omitempty"`                // runs of the plane and the landscape
	Effects    []Effect               `json:"effects,omitempty"`
	Statistics []RunStatistics        `json:"statistics,omitempty"`
	// Alignments and AlignmentNull are those of BarrierResult; empty without an alignment.
	Alignments    []PairAlignment    `json:"alignments,omitempty"`
	AlignmentNull *align.NullSummary `json:"alignment_null,omitempty"`

	// Barriers and Agreement are in the tables of a result only; nil leaves their findings out.
	Barriers  *record.Table `json:"-"`
	Agreement *record.Table `json:"-"`
	Probe     int           `json:"-"` // examples that Agreement is over
}

var _ analyze.Summary = (*Summary)(nil)

// Findings returns what the comparison says. GroupLines has the statistics.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	if n := len(s.Statistics); n > 0 {
		f.Add(analyze.Detail, "%s in %s (%s); the runs of a group differ in their seeds", analyze.Count(n, "run"),
			analyze.Count(len(s.Groups), "group"), strings.Join(s.Groups, ", "))
	}
	if d := s.Directions; d != nil && len(d.ExplainedVarianceRatio) > 1 {
		f.Add(analyze.Detail, "one plane for %s of equal weight: %s of their variance", analyze.Count(len(s.Shown),
			"run"), analyze.Percent(d.ExplainedVarianceRatio[0]+d.ExplainedVarianceRatio[1]))
	}
	for _, p := range s.Paths {
		share := "an unknown share"
		if p.ResidualRatio.Valid {
			share = analyze.Percent(p.ResidualRatio.Value)
		}
		f.Add(analyze.Detail, "the iterates of %s are off the plane by %.3g in the median, %s of the extent of the "+
			"path on it; its end by %.3g", p.Group, p.Residual.Median.Value, share, p.EndResidual)
	}
	s.differences(&f)
	s.barriers(&f)
	s.agreement(&f)
	return f
}

// barriers adds the mean barrier between the ends of the baseline and of every group.
func (s *Summary) barriers(f *analyze.Findings) {
	t := s.Barriers
	if t == nil {
		return
	}
	groupA, groupB := t.Column("group_a").Strings, t.Column("group_b").Strings
	pairs := func(a, b, text string) {
		mean := func(column string) analyze.Distribution {
			var picked record.Column
			c := t.Column(column)
			for i := range groupA {
				if c != nil && groupA[i] == a && groupB[i] == b && (c.Valid == nil || c.Valid[i]) {
					picked.Floats = append(picked.Floats, c.Floats[i])
				}
			}
			return analyze.Describe(&picked)
		}
		distance := mean("distance")
		if distance.Count == 0 {
			return
		}
		text = fmt.Sprintf("between the ends of %s (mean of %d): distance %.3g, barrier above the higher end %s on the "+
			"straight line", text, distance.Count, distance.Mean.Value, analyze.Number(mean("barrier_over_ends").Mean))
		if a != b {
			text += fmt.Sprintf(", %s on a trained curve", analyze.Number(mean("curve_barrier_over_ends").Mean))
		}
		if aligned := mean("aligned_distance"); aligned.Count > 0 {
			text += fmt.Sprintf("; with the hidden units of the second end aligned, distance %.3g and barrier %s",
				aligned.Mean.Value, analyze.Number(mean("aligned_barrier_over_ends").Mean))
		}
		f.Add(analyze.Barriers, "%s", text)
	}
	for _, g := range s.Groups {
		if g != s.Baseline {
			pairs(s.Baseline, g, s.Baseline+" and "+g)
		}
	}
	for _, g := range s.Groups {
		pairs(g, g, "two seeds of "+g)
	}
	if n := s.AlignmentNull; n != nil {
		f.Add(analyze.Barriers, "alignment brings %s closer too: by %s", n.Points,
			analyze.Percent(1-n.DistanceRatio.Mean.Value))
	}
}

// differences adds, for each group, the paired differences from the baseline that have an interval.
func (s *Summary) differences(f *analyze.Findings) {
	for _, g := range s.Groups {
		var parts []string
		pairs := 0
		for _, e := range s.Effects {
			interval := e.DifferenceInterval
			if e.Group != g || !interval.Low.Valid || !slices.Contains(comparedStatistics, e.Statistic) {
				continue
			}
			pairs = max(pairs, e.Pairs)
			parts = append(parts, fmt.Sprintf("%s %.3g (%.3g to %.3g)", e.Statistic, e.Difference.Value, interval.Low.Value,
				interval.High.Value))
		}
		if len(parts) > 0 {
			f.Add(analyze.Detail, "%s less %s, in %s of one seed, with bootstrap intervals: %s", g, s.Baseline,
				analyze.Count(pairs, "pair"), strings.Join(parts, ", "))
		}
	}
}

// comparedStatistics are the statistics whose differences are sentences. groups.csv has all of them.
var comparedStatistics = []string{"full_loss", "test_accuracy", "update_cos", "displacement"}

// agreement adds how often two ends give an example the same class.
func (s *Summary) agreement(f *analyze.Findings) {
	t := s.Agreement
	if t == nil {
		return
	}
	for _, pair := range []struct{ kind, text string }{
		{"groups", "two groups of one seed"},
		{"seeds", "two seeds of one group"},
	} {
		mean := func(column string) record.Optional {
			var picked record.Column
			for i, kind := range t.Column("pair").Strings {
				if kind == pair.kind {
					picked.Floats = append(picked.Floats, t.Column(column).Floats[i])
				}
			}
			return analyze.Describe(&picked).Mean
		}
		if agree := mean("agreement"); agree.Valid {
			f.Add(analyze.Detail, "%s give %s of %d probe examples the same class (independent mistakes: %s)",
				pair.text, analyze.Percent(agree.Value), s.Probe, analyze.Percent(mean("independent").Value))
		}
	}
}

// lineStatistics are the statistics that GroupLines shows.
var lineStatistics = []string{
	"passes", "full_loss", "test_accuracy", "floor_position", "height", "barrier_ratio", "update_cos", "displacement",
	"displacement_exponent", "eta_lambda_max", "update_dominant_share",
}

// GroupLines returns the table of groups as lines of text: the mean of each statistic
// over the seeds, with + or - where the paired difference from the baseline is clear of 0.
// It is nil when there are no statistics.
func (s *Summary) GroupLines() []string {
	if len(s.Effects) == 0 {
		return nil
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	var statistics []string
	for _, name := range lineStatistics {
		if slices.ContainsFunc(s.Effects, func(e Effect) bool { return e.Statistic == name && e.Values > 0 }) {
			statistics = append(statistics, name)
		}
	}
	fmt.Fprintf(w, "group\tseeds\t%s\n", strings.Join(statistics, "\t"))
	effects := slices.Clone(s.Effects)
	slices.SortStableFunc(effects, func(a, b Effect) int {
		return cmp.Compare(slices.Index(s.Order, a.Group), slices.Index(s.Order, b.Group))
	})
	for i := 0; i < len(effects); {
		group, seeds := effects[i].Group, 0
		cells := make([]string, len(statistics))
		for ; i < len(effects) && effects[i].Group == group; i++ {
			e := &effects[i]
			seeds = max(seeds, e.Values)
			if k := slices.Index(statistics, e.Statistic); k >= 0 && e.Mean.Valid {
				cells[k] = fmt.Sprintf("%.3g%s", e.Mean.Value, e.sign())
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", group, seeds, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // into a strings.Builder, which does not fail
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	return append(lines, fmt.Sprintf("means over seeds; + and - where the 95 %% bootstrap interval of the difference "+
		"from %s, paired by seed, leaves out 0", s.Baseline))
}

// sign is + or - for a difference whose interval leaves out 0, and empty otherwise.
func (e *Effect) sign() string {
	low, high := e.DifferenceInterval.Low, e.DifferenceInterval.High
	switch {
	case low.Valid && low.Value > 0:
		return "+"
	case high.Valid && high.Value < 0:
		return "-"
	}
	return ""
}
