package main

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/cmd/runloss"
)

// maxLines bounds --lines.
const maxLines = 1000

// along evaluates the loss along random lines.
func (c *landscapeCmd) along(ctx context.Context, e *env) error {
	kind, err := c.kind()
	if err != nil {
		return err
	}
	switch {
	case c.Lines < 1 || c.Lines > maxLines:
		return usagef("--lines is %d; it must be 1 to %d", c.Lines, maxLines)
	case kind != "random" && kind != "pca":
		return usagef("--lines is %d for a plane of kind %s; the lines are random ones", c.Lines, kind)
	case c.Orthogonal || c.Refine != 0 || c.Y != "" || c.GIF || c.VTK || c.Surface || c.Equal != nil || c.PathLoss:
		return usagef("--lines is %d, but --orthogonal, --refine, --y, --gif, --vtk, --surface, --equal-aspect and "+
			"--path-loss are for planes", c.Lines)
	}
	o := landscape.LineOptions{X: analyze.Range{Min: -1, Max: 1, N: c.Points}, Progress: e.progress, Plain: c.Plain}
	if c.X != "" {
		if o.X, err = analyze.ParseRange(fmt.Sprintf("%s:%d", c.X, c.Points)); err != nil {
			return usagef("--x: %w", err)
		}
	}
	if err := o.X.Validate(); err != nil {
		return usagef("--points is %d: %w", c.Points, err)
	}
	a, err := c.open(e, "lines")
	if err != nil {
		return err
	}
	defer a.close()
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, runloss.Values(c.Also, true), c.derivatives())
	if err != nil {
		return err
	}
	defer loss.Close()
	var also landscape.Options
	if err := c.measures(a, loss, &also); err != nil {
		return err
	}
	o.Accuracy, o.Test, o.Measures = also.Accuracy, also.Test, also.Measures
	p := &landscape.ChosenPlane{Recipe: landscape.PlaneRecipe{Kind: landscape.RandomKind, Seed: c.PlaneSeed}}
	choice, err := c.planeOptions(a)
	if err != nil {
		return err
	}
	theta, err := choice.Origin(p)
	if err != nil {
		return err
	}
	lines, err := landscape.RandomLines(theta, a.trace.Header().Layout, c.Lines, choice.DirectionOptions(p, "filter"))
	if err != nil {
		return err
	}
	recipe := linesRecipe{Plane: p.Recipe, Lines: c.Lines, Options: o, Also: c.Also}
	j, err := landscape.NewLinesJob(lines, loss, o)
	if err != nil {
		return err
	}
	return runJob(ctx, a, j, finish[*landscape.Lines]{key: recipe, write: func(r *landscape.Lines) error {
		return writeLines(a, r, recipe)
	}})
}

// writeLines writes the result of lines and prints it.
func writeLines(a *analysis, r *landscape.Lines, recipe linesRecipe) error {
	p := recipe.Plane
	if err := a.tables(namedTable{"lines", &r.Table}, namedTable{"band", &r.Band}); err != nil {
		return err
	}
	r.Summary.Plane = p
	return a.finish(&r.Summary, r.Warnings, recipe, landscape.LinesMethod, landscape.Citation)
}

// linesRecipe is the options that a result keeps.
type linesRecipe struct {
	Plane   landscape.PlaneRecipe `json:"plane"`
	Lines   int                   `json:"lines"`
	Options landscape.LineOptions `json:"options"`
	Also    string                `json:"also,omitempty"`
}
