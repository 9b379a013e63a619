package draw

import (
	"fmt"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
)

// Lines draws the mean over the lines with the band from the lowest to the
// highest, one figure a measure.
func Lines(title, label string, r *landscape.Lines) []Named {
	names := append([]string{"loss"}, r.Names...)
	labels := map[string]string{"loss": "full training loss", landscape.AccuracyName: "training accuracy", landscape.TestLossName: "held-out loss", landscape.TestAccuracyName: "held-out accuracy"}
	var out []Named
	for _, name := range names {
		y := labels[name]
		if y == "" {
			y = name
		}
		s := figure.Series{
			Name: fmt.Sprintf("mean of %d lines, lowest to highest", r.Summary.Lines),
			X:    Values(&r.Band, "a"), Y: Values(&r.Band, name+"_mean"), Low: Values(&r.Band, name+"_min"), Top: Values(&r.Band, name+"_max"),
		}
		if s.Y == nil {
			continue
		}
		out = append(out, Named{name, &figure.Curves{Title: title, XLabel: label, YLabel: y, Series: []figure.Series{s}}})
	}
	if len(out) > 0 {
		out[0].Name = "lines"
	}
	return out
}
