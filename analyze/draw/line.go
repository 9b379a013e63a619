package draw

import (
	"fmt"

	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// Line draws the loss on the straight line between the iterates of two steps, with
// the held-out loss where the table has it, and both once more after the alignment of the
// second end. t is the table Losses of line.Between.
func Line(title string, t *record.Table, from, to int64) *figure.Curves {
	f := &figure.Curves{
		Title: title, XLabel: fmt.Sprintf("position on the line: 0 is step %d, 1 is step %d", from, to),
		YLabel: "loss",
	}
	x := Values(t, "alpha")
	for _, line := range []struct{ column, name string }{
		{"loss", "full training loss"},
		{"aligned_loss", "full training loss, aligned"},
		{"test_loss", "held-out loss"},
		{"aligned_test_loss", "held-out loss, aligned"},
	} {
		if t.Column(line.column) != nil {
			f.Series = append(f.Series,
				figure.Series{Name: line.name, X: x, Y: Values(t, line.column), Points: sparse(x)})
		}
	}
	if t.Column("aligned_loss") != nil {
		f.Notes = append(f.Notes, "Aligned: the hidden units of the second end are permuted by weight matching.")
	}
	return f
}

// Curve draws the loss on the curves between two points, one line a curve. t is the
// table Losses of line.Connect.
func Curve(title string, t *record.Table) *figure.Curves {
	f := &figure.Curves{Title: title, XLabel: "position between the ends, t", YLabel: "full training loss"}
	names, x, y := t.Column("curve").Strings, t.Column("t").Floats, Values(t, "loss")
	for i := 0; i < len(names); {
		s := figure.Series{Name: names[i]}
		for ; i < len(names) && names[i] == s.Name; i++ {
			s.X, s.Y = append(s.X, x[i]), append(s.Y, y[i])
		}
		s.Points = sparse(s.X)
		f.Series = append(f.Series, s)
	}
	return f
}

// sparse reports whether samples are so few that the straight pieces between them
// show: a reader takes a kink for one of the loss unless the samples are marked.
func sparse(x []float64) bool { return len(x) <= 60 }
