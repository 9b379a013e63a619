package main

import (
	"context"
	"fmt"

	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
)

// title of the comparison.
func (w *joint) title() string {
	h := w.trace.Header()
	t := fmt.Sprintf("%d runs", len(w.runs))
	if w.common.Model {
		t += " of " + h.Model
	}
	if name := dataName(h.Data.Spec); w.common.Data && name != "" {
		t += " on " + name
	}
	return t
}

// landscapeFigure draws one run of every group over the loss, in the order in
// which they were given.
func (w *joint) landscapeFigure(l *compare.LandscapeResult, paths *compare.PathsResult, axes [2]string) *figure.Landscape {
	f := draw.Runs(w.title(), axes[0], axes[1], w.groups, l, paths)
	if len(w.runs) > len(w.groups) {
		f.Notes = append(f.Notes, "one run of every group, that of the lowest seed")
	}
	return f
}

// series writes the per-step quantities and draws them, mean and range over the
// seeds of every group.
func (w *joint) series(ctx context.Context) error {
	t, err := compare.Series(ctx, w.runs)
	if err != nil {
		return err
	}
	if err := w.out.Table("steps", t); err != nil {
		return err
	}
	return w.figure("series", draw.Series(w.title(), t, w.groups, draw.Against(w.c.Against)))
}
