package report

import (
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/line"
)

// alignmentReading is a hint on reading an alignment.
const alignmentReading = "A network stays the same function when the hidden units of a layer change places. Alignment " +
	"permutes the units of one end so that it comes close to the other one. It brings random points closer too: compare " +
	"with the null. The search finds a local optimum, so a barrier that remains may vanish with a better permutation."

// alignedTable compares a line with the line to the aligned point.
func alignedTable(title string, before, after *line.LossSummary) table {
	t := newTable(title, "quantity", "before", "after")
	t.add("distance of the points", short(before.Distance), short(after.Distance))
	t.add("loss at the second point", optional(before.LossEnd), optional(after.LossEnd))
	t.add("barrier above the higher end", optional(before.BarrierOverEnds), optional(after.BarrierOverEnds))
	t.add("barrier above the mean of the ends", optional(before.BarrierHeight), optional(after.BarrierHeight))
	t.add("barrier above the straight chord between the losses", optional(before.BarrierOverChord),
		optional(after.BarrierOverChord))
	return t
}

// layersTable says how many units of each layer change their place.
func layersTable(a *align.Summary) table {
	t := newTable("Hidden units that change their place", "layer", "units", "moved")
	for _, l := range a.Layers {
		t.add(l.Name, count(l.Units), count(l.Moved))
	}
	return t
}
