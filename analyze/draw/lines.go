package draw

import (
	"cmp"
	"fmt"
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
)

// Lines draws the mean over the lines with the band from the lowest to the
// highest, one figure a measure.
func Lines(run, label string, r *landscape.Lines) []Named {
	names := append([]string{"loss"}, r.Names...)
	var out []Named
	for _, name := range names {
		y := cmp.Or(measureLabels[name], name)
		s := figure.Series{
			Name: fmt.Sprintf("mean of %d lines, lowest to highest", r.Summary.Lines),
			X:    Values(&r.Band, "a"), Y: Values(&r.Band, name+"_mean"),
			Low: Values(&r.Band, name+"_min"), Top: Values(&r.Band, name+"_max"),
		}
		f := &figure.Curves{
			Title:    fmt.Sprintf("%s along %d random lines", capitalized(y), r.Summary.Lines),
			Subtitle: run, XLabel: label, YLabel: y,
		}
		switch {
		case s.Y != nil:
			s.Points = sparse(s.X)
			f.Series = []figure.Series{s}
		case name == "loss": // an empty frame says more than no figure
			s.Y, s.Low, s.Top = make([]float64, len(s.X)), nil, nil
			for i := range s.Y {
				s.Y[i] = math.NaN()
			}
			s.Name = fmt.Sprintf("mean of %d lines", r.Summary.Lines)
			f.Series, f.Notes = []figure.Series{s}, []string{"No point of the lines has a finite loss."}
		default:
			continue
		}
		out = append(out, Named{name, f})
	}
	if len(out) > 0 {
		out[0].Name = "lines"
	}
	return out
}
