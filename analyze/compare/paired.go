package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Effect is one statistic of one group, compared with the baseline.
type Effect struct {
	Group     string           `json:"group"`
	Statistic string           `json:"statistic"`
	Values    int              `json:"values"` // seeds that have a value
	Mean      record.Optional  `json:"mean"`
	SD        record.Optional  `json:"sd"`
	Interval  analyze.Interval `json:"interval"` // of the mean, over seeds

	// Over the seeds that both groups have a value of. All are absent for the
	// baseline itself.
	Pairs              int              `json:"pairs"`
	Difference         record.Optional  `json:"difference"` // mean of group less baseline
	DifferenceInterval analyze.Interval `json:"difference_interval"`
	// Effect is the mean difference in units of the standard deviation of the
	// differences (Cohen's d_z); absent where they do not vary.
	Effect         record.Optional  `json:"effect"`
	EffectInterval analyze.Interval `json:"effect_interval"`
	Above          int              `json:"above"` // pairs in which the group is above the baseline
	// Missing are the seeds that a run of some group has and for which this group or
	// the baseline has no value: they are left out, not filled in.
	Missing []uint64 `json:"missing_seeds,omitempty"`
}

// PairedResult is the table of groups.
type PairedResult struct {
	Baseline string
	Effects  []Effect
	// Table has them as rows: group, statistic, values, mean, sd, mean_low, mean_high,
	// pairs, difference, difference_low, difference_high, effect, effect_low,
	// effect_high, above, missing_seeds.
	Table    record.Table
	Warnings []analyze.Warning
}

// Limits of the bootstrap.
const (
	minPairs      = 3 // fewer give no interval
	exactPairs    = 6 // up to 6^6 = 46,656 resamples are all there are
	manyResamples = 10_000
)

// Paired makes the table of groups: mean and spread of every statistic over seeds,
// and the difference from the baseline group in pairs of runs of one seed, which
// removes what the data order does to both. Intervals are the 2.5 and 97.5 %
// quantiles of bootstrap resamples of the seeds: all of them up to 6 seeds, else
// 10,000 drawn from the seed. With few seeds they are too narrow (five seeds cover
// about 80 %), which a warning says; there are no p-values.
//
// Groups come in the order of the statistics given, the baseline first; "" is the
// group of the first. A baseline that is not a group is an error.
func Paired(stats []RunStatistics, baseline string, seed uint64) (*PairedResult, error) {
	if len(stats) == 0 {
		return nil, fmt.Errorf("compare: no statistics were given; pairing needs at least one run")
	}
	if baseline == "" {
		baseline = stats[0].Group
	}
	var groups, names []string
	var seeds []uint64
	for i := range stats {
		if s := &stats[i]; !slices.Contains(groups, s.Group) {
			groups = append(groups, s.Group)
		}
		if !slices.Contains(seeds, stats[i].Seed) {
			seeds = append(seeds, stats[i].Seed)
		}
		for _, v := range stats[i].Values {
			if !slices.Contains(names, v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	at := slices.Index(groups, baseline)
	if at < 0 {
		return nil, fmt.Errorf("compare: baseline is %q; allowed are %q", baseline, groups)
	}
	groups = append([]string{baseline}, slices.Delete(groups, at, at+1)...)
	slices.Sort(seeds)
	p := &pairing{stats: stats, baseline: baseline, seeds: seeds, seed: seed}
	out := &PairedResult{Baseline: baseline}
	for _, g := range groups {
		for _, name := range names {
			e := p.effect(g, name)
			if e.Values > 0 || len(e.Missing) > 0 {
				out.Effects = append(out.Effects, e)
			}
		}
	}
	out.Table = effectTable(out.Effects)
	out.warn(len(seeds))
	return out, nil
}

type pairing struct {
	stats    []RunStatistics
	baseline string
	seeds    []uint64
	seed     uint64
}

// value returns the value of the run of a group and a seed; absent also if it is not finite.
func (p *pairing) value(group, name string, seed uint64) record.Optional {
	for i := range p.stats {
		s := &p.stats[i]
		if s.Group == group && s.Seed == seed {
			if v := s.Value(name); v.Valid && v.Value-v.Value == 0 {
				return v
			}
		}
	}
	return record.Optional{}
}

func (p *pairing) effect(group, name string) Effect {
	e := Effect{Group: group, Statistic: name}
	var own, difference []float64
	for _, s := range p.seeds {
		v, b := p.value(group, name, s), p.value(p.baseline, name, s)
		if v.Valid {
			own = append(own, v.Value)
		}
		if !v.Valid || !b.Valid {
			e.Missing = append(e.Missing, s)
			continue
		}
		difference = append(difference, v.Value-b.Value)
		if v.Value > b.Value {
			e.Above++
		}
	}
	e.Values = len(own)
	e.Mean, e.SD, e.Interval, _, _ = spreadOf(own, p.seed)
	if group == p.baseline {
		return e
	}
	e.Pairs = len(difference)
	e.Difference, _, e.DifferenceInterval, e.Effect, e.EffectInterval = spreadOf(difference, p.seed)
	return e
}

// spreadOf returns mean and standard deviation of the values, the bootstrap
// interval of the mean, and the same of mean over standard deviation.
func spreadOf(v []float64, seed uint64) (mean, sd record.Optional, interval analyze.Interval, effect record.Optional,
	effectInterval analyze.Interval,
) {
	if len(v) == 0 {
		return
	}
	d := analyze.Describe(&record.Column{Floats: v})
	mean, sd = d.Mean, d.SD
	if sd.Valid && sd.Value > 0 {
		effect = record.Some(mean.Value / sd.Value)
	}
	if len(v) < minPairs {
		return
	}
	var means, effects []float64
	resamples(len(v), seed, func(take []int) {
		sum := 0.0
		for _, i := range take {
			sum += v[i]
		}
		m, squares := sum/float64(len(v)), 0.0
		for _, i := range take {
			squares += (v[i] - m) * (v[i] - m)
		}
		means = append(means, m)
		if s := math.Sqrt(squares / float64(len(v)-1)); s > 0 {
			effects = append(effects, m/s)
		}
	})
	interval = quantiles(means)
	if effect.Valid {
		effectInterval = quantiles(effects)
	}
	return
}

// resamples calls f with the indices of every bootstrap resample of n values, or of
// as many as are drawn where there are too many.
func resamples(n int, seed uint64, f func(take []int)) {
	take := make([]int, n)
	if n <= exactPairs {
		for {
			f(take)
			i := 0
			for ; i < n; i++ {
				if take[i]++; take[i] < n {
					break
				}
				take[i] = 0
			}
			if i == n {
				return
			}
		}
	}
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	for range manyResamples {
		for i := range take {
			take[i] = rng.IntN(n)
		}
		f(take)
	}
}

func quantiles(v []float64) analyze.Interval {
	if len(v) == 0 {
		return analyze.Interval{}
	}
	slices.Sort(v)
	at := func(q float64) record.Optional {
		return record.Some(v[int(math.Round(q*float64(len(v)-1)))])
	}
	return analyze.Interval{Low: at(0.025), High: at(0.975)}
}

func (r *PairedResult) warn(seeds int) {
	if seeds < minPairs {
		r.Warnings = append(r.Warnings, analyze.Warning{
			Code: "few_seeds",
			Text: fmt.Sprintf("there are %d seeds; intervals need at least %d", seeds, minPairs),
		})
	} else if seeds < 10 {
		r.Warnings = append(r.Warnings, analyze.Warning{
			Code: "few_seeds",
			Text: fmt.Sprintf("intervals over %d seeds are too narrow: a percentile bootstrap of five covers about "+
				"80 %% where it says 95 %%", seeds),
		})
	}
	missing := map[string]bool{}
	var named []string
	for _, e := range r.Effects {
		if len(e.Missing) > 0 && !missing[e.Group] && e.Statistic == "full_loss" {
			missing[e.Group] = true
			named = append(named, fmt.Sprintf("%s %v", e.Group, e.Missing))
		}
	}
	if len(named) > 0 {
		r.Warnings = append(r.Warnings, analyze.Warning{
			Code: "missing_seeds",
			Text: fmt.Sprintf("without a final loss, here or in the baseline, and left out: %v", named),
		})
	}
}

// effectRow is a row of PairedResult.Table.
type effectRow struct {
	Group          string          `col:"group"`
	Statistic      string          `col:"statistic"`
	Values         int             `col:"values"`
	Mean           record.Optional `col:"mean"`
	SD             record.Optional `col:"sd"`
	MeanLow        record.Optional `col:"mean_low"`
	MeanHigh       record.Optional `col:"mean_high"`
	Pairs          int             `col:"pairs"`
	Difference     record.Optional `col:"difference"`
	DifferenceLow  record.Optional `col:"difference_low"`
	DifferenceHigh record.Optional `col:"difference_high"`
	Effect         record.Optional `col:"effect"`
	EffectLow      record.Optional `col:"effect_low"`
	EffectHigh     record.Optional `col:"effect_high"`
	Above          int             `col:"above"`
	MissingSeeds   string          `col:"missing_seeds"` // each followed by a space
}

func effectTable(effects []Effect) record.Table {
	var table column.Builder[effectRow]
	for _, e := range effects {
		missing := ""
		for _, s := range e.Missing {
			missing += fmt.Sprintf("%d ", s)
		}
		table.Add(effectRow{
			Group: e.Group, Statistic: e.Statistic, Values: e.Values,
			Mean: e.Mean, SD: e.SD, MeanLow: e.Interval.Low, MeanHigh: e.Interval.High,
			Pairs: e.Pairs, Difference: e.Difference,
			DifferenceLow: e.DifferenceInterval.Low, DifferenceHigh: e.DifferenceInterval.High,
			Effect: e.Effect, EffectLow: e.EffectInterval.Low, EffectHigh: e.EffectInterval.High,
			Above: e.Above, MissingSeeds: missing,
		})
	}
	return table.Table()
}
