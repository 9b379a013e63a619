package average

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

var _ analyze.Summary = (*Summary)(nil)

// Findings returns what the averages say.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	if own, low := s.IterateLoss, s.LowestLoss; own.Valid && low.Valid {
		f.Add(analyze.Convergent, "at step %d the loss of the iterate is %s; the lowest of its %s is that of %s: %s%s",
			s.AtStep, analyze.Number(own), analyze.Count(s.count(), "average"), s.Lowest, analyze.Number(low),
			change(own.Value, low.Value))
	}
	if s.Best >= 0 && s.Best < len(s.Averages) {
		s.height(&f, &s.Averages[s.Best])
	}
	for _, b := range s.Branches {
		b.add(&f)
	}
	return f
}

// count returns the number of averages.
func (s *Summary) count() int { return len(s.Averages) }

// change says how much lower or higher a loss is, as a share; empty when the share means
// nothing.
func change(from, to float64) string {
	switch {
	case !(from > 0) || !isFinite(to):
		return ""
	case to <= from:
		return fmt.Sprintf(" (%s less)", analyze.Percent(1-to/from))
	default:
		return fmt.Sprintf(" (%s more)", analyze.Percent(to/from-1))
	}
}

// height says how high the iterates are above the best average, and whether this is more
// than in the null.
func (s *Summary) height(f *analyze.Findings, g *Gain) {
	over := fmt.Sprintf("over %s from step %d on", analyze.Count(g.Steps, "step"), s.MeansFrom)
	if g.Gain.Value <= 0 {
		f.Add(analyze.Convergent, "%s, no average has a lower mean loss than the iterates (the best, %s, is higher by "+
			"%.4g): the run still descends faster than averaging gains", over, g.Name, -g.Gain.Value)
		return
	}
	share := ""
	if l := g.IterateLoss; l.Valid && l.Value > 0 {
		share = fmt.Sprintf(", %s of it", analyze.Percent(g.Gain.Value/l.Value))
	}
	f.Add(analyze.Convergent, "%s, the loss of the iterates is %s above that of %s%s: so high are the iterates above "+
		"the floor of their valley", over, withInterval(g.Gain, g.Interval), g.Average.Describe(), share)
	if !g.NullGain.Valid {
		return
	}
	lag := ""
	if g.Lag.Valid && g.Lag.Value > 0 {
		lag = fmt.Sprintf(", and lose %s of it because its iterates are older and the loss falls", analyze.Number(g.Lag))
	}
	f.Add(analyze.Noise, "%s gains %s; in a stationary walk on a quadratic bowl with the run's own curvature and noise it "+
		"would gain %s%s: %s", g.Average.Describe(), analyze.Number(g.Gain), withInterval(g.NullGain, g.NullInterval), lag,
		g.verdict())
}

// withInterval formats a mean with its interval.
func withInterval(m record.Optional, i analyze.Interval) string {
	if !i.Low.Valid {
		return analyze.Number(m)
	}
	return fmt.Sprintf("%s (%s to %s)", analyze.Number(m), analyze.Number(i.Low), analyze.Number(i.High))
}

// verdict compares the gain with the null.
func (g *Gain) verdict() string {
	low, high := g.ExcessInterval.Low, g.ExcessInterval.High
	switch {
	case !low.Valid:
		return "there are too few steps to say whether the run gains more"
	case low.Value > 0:
		return fmt.Sprintf("the run gains more than noise in a bowl explains, by %s",
			withInterval(g.Excess, g.ExcessInterval))
	case high.Value < 0:
		return fmt.Sprintf("the run gains less, by %s: its valley is not a bowl, or its descent is not steady",
			withInterval(record.Some(-g.Excess.Value), analyze.Interval{Low: negative(high), High: negative(low)}))
	default:
		return "the gain needs no other explanation"
	}
}

func negative(o record.Optional) record.Optional {
	return record.Optional{Value: -o.Value, Valid: o.Valid}
}

// add adds what a branch says.
func (b *Branch) add(f *analyze.Findings) {
	text := fmt.Sprintf("trained on from step %d while the learning rate decays to 0 over %s (%s), the run reaches a loss "+
		"of %s", b.From, analyze.Count(int(b.End-b.From), "step"), b.Decay, analyze.Number(b.Loss))
	if !b.IterateLoss.Valid {
		f.Add(analyze.Convergent, "%s; step %d of the run is not recorded, so no average is compared with it", text, b.End)
		return
	}
	text += fmt.Sprintf(", and without the decay %s", analyze.Number(b.IterateLoss))
	if b.AverageLoss.Valid {
		text += fmt.Sprintf("; the mean of the iterates of these steps has %s", analyze.Number(b.AverageLoss))
	}
	switch r := b.ReachedRatio; {
	case r.Valid && r.Value >= 0:
		text += fmt.Sprintf(": averaging reaches %s of what the decay gains", analyze.Percent(r.Value))
	case r.Valid:
		text += ": the decay lowers the loss, and averaging raises it"
	case b.Loss.Valid && b.Loss.Value >= b.IterateLoss.Value:
		text += ": the decay gains nothing, because the run descends as far without it"
	}
	f.Add(analyze.Convergent, "%s", text)
}
