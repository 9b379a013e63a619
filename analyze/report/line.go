package report

import (
	"sgdwalk/analyze/line"
)

// lineSection fills in the tables and explanations of the analysis line. The second part
// appears only for a trained curve.
func lineSection(l *line.Summary, s *section) {
	if l.Ends != nil {
		s.about = " from " + l.Ends.String()
	}
	t := pairs("The loss between the points")
	t.add("points of the line with a loss", count(l.Line.Points))
	t.add("distance of the points", short(l.Line.Distance))
	t.add("lowest loss on the line", optional(l.Line.FloorLoss))
	t.add("its position (0 and 1 are the points)", optional(l.Line.FloorPosition))
	t.add("slope at the first point, d loss / d position", optional(l.Line.SlopeStart))
	t.add("slope at the second point", optional(l.Line.SlopeEnd))
	t.add("barrier above the higher end", optional(l.Line.BarrierOverEnds))
	t.add("barrier above the mean of the ends", optional(l.Line.BarrierHeight))
	t.add("barrier above the straight chord between the losses", optional(l.Line.BarrierOverChord))
	t.add("losses that are not finite", count(l.Line.NonfiniteLosses))
	also := newTable("Other measures between the points", "measure", "at the first", "at the second", "lowest",
		"highest")
	for _, m := range l.Line.Also {
		also.add(words(m.Name), optional(m.Start), optional(m.End), optional(m.Min), optional(m.Max))
	}
	s.Tables = []table{t, also}
	if l.Aligned != nil && l.Alignment != nil {
		s.Tables = append(s.Tables, alignedTable("The line before and after the alignment of the second point", &l.Line, l.Aligned),
			layersTable(l.Alignment))
	}
	if k := l.Curve; k != nil {
		c := newTable("The trained curve compared with the straight line", "quantity", "curve", "straight")
		c.add("length", short(k.Curve.Length), short(k.Straight.Length))
		c.add("lowest loss", optional(k.Curve.Min), optional(k.Straight.Min))
		c.add("highest loss", optional(k.Curve.Max), optional(k.Straight.Max))
		c.add("mean loss along it", optional(k.Curve.Integral), optional(k.Straight.Integral))
		c.add("barrier above the higher end", optional(k.Curve.BarrierEnds), optional(k.Straight.BarrierEnds))
		c.add("barrier above the mean of the ends", optional(k.Curve.BarrierHeight), optional(k.Straight.BarrierHeight))
		s.Tables = append(s.Tables, c)
	}
	s.read(
		"A line without a barrier does not mean that the run went along it: the path may lie far off.",
		"A barrier on the straight line does not separate two minima: a bent way around it may have none (Garipov et "+
			"al., 2018). A trained curve may find such a way.",
		"Barriers are seen at the sampled points only: a barrier that is narrower than their distance is missed.",
	)
	if l.Alignment != nil {
		s.read(alignmentReading)
	}
}
