package report

import (
	"fmt"
	"path/filepath"
)

// options are what a result says of how it was asked for.
func (r *Result) options() *facts { return &facts{value: fromAny(r.Document.Provenance.Options)} }

// between names the two points of a line, "" when the result does not say.
func (r *Result) between() string {
	o := r.options()
	from, ok1 := o.num("from_step")
	to, ok2 := o.num("to_step")
	if !ok1 || !ok2 {
		return ""
	}
	s := fmt.Sprintf(" from step %s to step %s", short(from), short(to))
	if other := o.str("to_run"); other != "" {
		s += " of " + filepath.Base(other)
	}
	return s
}

// barrierText says whether the loss rises between two points above both of them.
func (f *facts) barrierText(what string, keys ...string) string {
	over, ok := f.num(append(keys[:len(keys):len(keys)], "barrier_over_ends")...)
	switch {
	case !ok:
		return ""
	case over == 0:
		return fmt.Sprintf("No sampled point of %s is higher than both ends.", what)
	default:
		return fmt.Sprintf("The highest point of %s is %s above the higher of its ends: a barrier.", what, short(over))
	}
}

func (s *section) say(sentences ...string) {
	for _, x := range sentences {
		if x != "" {
			s.Points = append(s.Points, x)
		}
	}
}

func lineSection(f *facts) section {
	var s section
	n, _ := f.num("line", "points")
	d, _ := f.num("line", "distance")
	a, ok1 := f.num("line", "loss_start")
	b, ok2 := f.num("line", "loss_end")
	s.say(fmt.Sprintf("The points are %s apart; the full training loss is %s at the first and %s at the second. It was evaluated at %s points of the line through them.", short(d), optional(short, a, ok1), optional(short, b, ok2), short(n)))
	s.say(f.barrierText("the straight line between them", "line"))
	if f.get("line", "monotone").text == "true" {
		s.say("The loss falls all the way from the first to the second.")
	} else if rise, ok := f.num("line", "largest_rise"); ok && rise > 0 {
		s.say(fmt.Sprintf("The loss does not fall all the way: it rises by up to %s on the way.", short(rise)))
	}
	if form := f.str("curve", "form"); form != "" {
		s.say(f.barrierText("the trained "+form+" curve", "curve", "curve"))
	}
	if x, ok := f.num("path", "max_residual_ratio"); ok {
		s.say(fmt.Sprintf("The path of the run goes up to %s of the distance away from this line.", percent(x)))
	}
	t := table{Caption: "The loss between the points", Head: []string{"quantity", "value"}}
	t.rows(f, short, [2]string{"distance of the points", "line.distance"}, [2]string{"lowest loss on the line", "line.floor_loss"}, [2]string{"its position (0 and 1 are the points)", "line.floor_position"},
		[2]string{"slope at the first point, d loss / d position", "line.slope_start"}, [2]string{"and at the second", "line.slope_end"},
		[2]string{"barrier above the higher end", "line.barrier_over_ends"}, [2]string{"barrier above the mean of the ends", "line.barrier_height"},
		[2]string{"barrier above the straight chord between the losses", "line.barrier_over_chord"},
		[2]string{"losses that are not finite", "line.nonfinite_losses"})
	s.Tables = []table{t, lineMeasures(f), lineCurve(f)}
	s.Reading = []string{
		"A line without a barrier does not say that the run went along it: the path may lie far off.",
		"A barrier on the straight line does not separate two minima: a bent way around it may have none (Garipov et al., 2018). A trained curve finds such a way, or does not.",
		"Barriers are of the samples; one that is narrower than their distance is not seen.",
	}
	return s
}

// lineMeasures shows what was measured beside the loss.
func lineMeasures(f *facts) table {
	t := table{Caption: "Other measures between the points", Head: []string{"measure", "at the first", "at the second", "lowest", "highest"}}
	for _, item := range f.get("line", "also").items {
		row := []string{words(item.get("name").text)}
		for _, k := range []string{"start", "end", "min", "max"} {
			row = append(row, cell(item.get(k)))
		}
		t.add(row...)
	}
	return t
}

// lineCurve puts a trained curve beside the straight line.
func lineCurve(f *facts) table {
	t := table{Caption: "The trained curve beside the straight line", Head: []string{"quantity", "curve", "straight"}}
	if f.get("curve").kind != object {
		return t
	}
	for _, q := range [][2]string{{"length", "length"}, {"lowest loss", "min"}, {"highest loss", "max"}, {"mean loss along it", "length_weighted_mean"}, {"barrier above the higher end", "barrier_over_ends"}, {"barrier above the mean of the ends", "barrier_height"}} {
		x, ok1 := f.num("curve", "curve", q[1])
		y, ok2 := f.num("curve", "straight", q[1])
		t.add(q[0], optional(short, x, ok1), optional(short, y, ok2))
	}
	return t
}

func linesSection(f *facts) section {
	var s section
	n, _ := f.num("lines")
	at, ok := f.num("loss_at_origin")
	low, okLow := f.num("loss", "min")
	high, okHigh := f.num("loss", "max")
	s.say(fmt.Sprintf("%s random lines, %s, go through %s; the loss is %s there and %s to %s on them.", short(n), f.normalization(), f.str("plane", "origin"), optional(short, at, ok), optional(short, low, okLow), optional(short, high, okHigh)))
	if ok && okLow && low >= at {
		s.say("None of them finds a lower loss than that of the point.")
	} else if ok && okLow {
		s.say(fmt.Sprintf("The lowest point of them is %s below the point they go through.", short(at-low)))
	}
	if x, ok := f.num("spread_ratio"); ok {
		s.say(fmt.Sprintf("From one line to another the loss differs by %s of its mean rise (median over the points): so much of one such picture is chance.", percent(x)))
	}
	t := table{Caption: "The lines", Head: []string{"quantity", "value"}}
	if r := f.str("x"); r != "" {
		t.add("positions, min:max:points", shortRange(r))
	}
	t.rows(f, short, [2]string{"length of a direction, mean", "norms.mean"}, [2]string{"losses that are not finite", "loss.nonfinite"})
	s.Tables = []table{t}
	s.Reading = []string{
		"The line is the mean over the directions, the band reaches from the lowest to the highest of them. One random line is one draw from this band.",
		"In a space of many dimensions random directions hardly meet the few steep ones: the loss looks flatter here than a step of the optimizer finds it.",
	}
	return s
}
