package live

import (
	"fmt"
	"slices"

	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// headings of the figures, in the order of the page.
var headings = []struct{ name, heading string }{
	{"loss", "Loss"},
	{"step_length", "Step length"},
	{"cosine", "Cosine with the step before"},
	{"distance", "Distance from the start"},
	{"learning_rate", "Learning rate"},
	{"path", "The path so far"},
}

// Named is a figure with its name and its heading on the page.
type Named struct {
	draw.Named
	Heading string
}

// Figures draws the rows so far, in the order of the page. A quantity without a recorded
// value has no figure. The log draws again only after new rows. Other goroutines use the
// same figures, so callers must not change them.
func (l *Log) Figures() []Named {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.figures == nil || l.drawn != l.rows {
		l.figures, l.drawn = l.draw(), l.rows
	}
	return l.figures
}

// draw makes all figures of the rows so far.
func (l *Log) draw() []Named {
	if l.iterates == 0 {
		return nil
	}
	run := l.header.Title()
	var rows []path.IterateRow
	for _, p := range l.all() {
		// Follow reads only some vectors of a run that already has many rows, so the sum
		// of the step lengths would be too small.
		p.PathLength = record.Optional{}
		rows = append(rows, p.IterateRow)
	}
	var notes []string
	if l.stride > 1 {
		notes = []string{fmt.Sprintf("One iterate in %d is drawn.", l.stride)}
	}
	r := &path.Result{Table: column.Of(rows)}
	figures := draw.Path(run, r, notes...)
	if f := draw.LearningRate(run, r, notes...); f != nil {
		figures = append(figures, draw.Named{Name: "learning_rate", Figure: f})
	}
	if plane := l.plane.Fit(); plane != nil {
		figures = append(figures, draw.Named{Name: "path", Figure: draw.Trajectory(run, plane)})
	}
	marks := draw.Timeline(&r.Table)
	var out []Named
	for _, h := range headings {
		if i := slices.IndexFunc(figures, func(f draw.Named) bool { return f.Name == h.name }); i >= 0 {
			figures[i].Figure = figure.Marked(figures[i].Figure, marks)
			out = append(out, Named{figures[i], h.heading})
		}
	}
	return out
}
