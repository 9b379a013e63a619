package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// landscapeCmd evaluates the loss on the plane of the first two principal
// directions.
type landscapeCmd struct {
	runFlags
	lossFlags
	pcaFlags
	levelFlags
	Grid    string  `default:"51x51" placeholder:"NXxNY" help:"Points along the first and the second direction (default ${default})."`
	X       string  `placeholder:"MIN:MAX" help:"Range along the first direction (default: around the path)."`
	Y       string  `placeholder:"MIN:MAX" help:"Range along the second direction (default: around the path)."`
	Margin  float64 `default:"0.15" help:"Margin of an automatic range, as a share of the path's extent (default ${default})."`
	Surface bool    `help:"Also draw the landscape as a shaded surface with the path on it."`
	GIF     bool    `name:"gif" help:"Also draw the walk as an animation."`
	VTK     bool    `name:"vtk" help:"Also write the landscape and the path for ParaView (.vts, .vtp)."`
}

func (landscapeCmd) Help() string {
	return `The plane goes through the mean of the iterates along their first two principal directions.
Contours are the loss on the plane, not at the iterates: how far these are from it is said
with the result. An interrupted grid goes on where it stopped when it is called again.

Examples:
  sgdwalk landscape RUN
  sgdwalk landscape --grid 25x17 --x=-1:1 --y=-0.5:0.5 RUN
  sgdwalk landscape --surface --gif --vtk RUN
  sgdwalk landscape --width single --dpi 600 --scale log --levels 0.05,0.1,0.2,0.5,1 RUN

What the numbers mean, and what not: analyze/MEANING.md.`
}

func (c *landscapeCmd) options(e *env) (o landscape.Options, err error) {
	if o.X.N, o.Y.N, err = parseGrid(c.Grid); err != nil {
		return o, usageError{err}
	}
	for _, axis := range []struct {
		name, text string
		r          *analyze.Range
	}{{"--x", c.X, &o.X}, {"--y", c.Y, &o.Y}} {
		if axis.text == "" {
			continue
		}
		if *axis.r, err = analyze.ParseRange(axis.text + ":" + strconv.Itoa(axis.r.N)); err != nil {
			return o, usagef("%s: %w", axis.name, err)
		}
	}
	if !(c.Margin > 0 && c.Margin <= 10) {
		return o, usagef("--margin is %v; it must be above 0 and at most 10", c.Margin)
	}
	if err := c.levelFlags.set(new(figure.Landscape), c.Scale); err != nil {
		return o, err // before the grid is evaluated
	}
	o.Margin, o.Progress = c.Margin, e.progress
	if o.Rows, err = analyze.ParseSegments(c.Rows); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// parseGrid reads NXxNY.
func parseGrid(text string) (nx, ny int, err error) {
	a, b, ok := strings.Cut(text, "x")
	if ok {
		if nx, err = strconv.Atoi(a); err == nil {
			ny, err = strconv.Atoi(b)
		}
	}
	if !ok || err != nil || nx < 2 || ny < 2 {
		return 0, 0, fmt.Errorf("--grid is %q; it must be NXxNY with both at least 2, for example 51x51", text)
	}
	return nx, ny, nil
}

// Run computes, writes and prints.
func (c *landscapeCmd) Run(ctx context.Context, e *env) error {
	_, err := c.compute(ctx, e)
	return err
}

func (c *landscapeCmd) compute(ctx context.Context, e *env) (*landscape.Result, error) {
	opts, err := c.options(e)
	if err != nil {
		return nil, err
	}
	fit, err := c.pcaFlags.options(e, 2)
	if err != nil {
		return nil, err
	}
	fit.Surrogates = -1 // they are the pca command's
	a, err := c.open(e, "landscape")
	if err != nil {
		return nil, err
	}
	defer a.close()
	loss, err := a.loss(c.lossFlags)
	if err != nil {
		return nil, err
	}
	directions, err := pca.Fit(ctx, a.trace, fit)
	if err != nil {
		return nil, err
	}
	if n := len(directions.Components); n < 2 {
		return nil, fmt.Errorf("landscape: the iterates span %d direction; a plane needs 2", n)
	}
	plane, err := directions.Plane(1, 2, nil)
	if err != nil {
		return nil, err
	}
	recipe := landscapeOptions{Plane: "pca", PCA: fit, Landscape: opts}
	if err := a.begin(); err != nil {
		return nil, err
	}
	journal, err := a.journal(recipe)
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	opts.Path, opts.Store = a.trace, journal
	r, stopped := landscape.Compute(ctx, plane, loss, opts)
	if r == nil {
		return nil, stopped
	}
	// Cells are evaluated coarse to fine, so what an interruption leaves is a
	// picture already; its column valid says which cells are there.
	if err := c.write(a, r, directions); err != nil {
		return nil, err
	}
	if stopped != nil {
		return nil, a.interrupted(ctx, stopped)
	}
	a.warn = append(append(a.warn, directions.Warnings...), r.Warnings...)
	summary := landscapeSummary{r.Summary, directions.Summary}
	if err := a.finish(summary, recipe, landscape.Method, landscape.Citation); err != nil {
		return nil, err
	}
	return r, a.show(summary, landscapeSentences(&summary))
}

// write writes the tables and the figure.
func (c *landscapeCmd) write(a *analysis, r *landscape.Result, directions *pca.Result) error {
	components := componentTable(directions)
	for _, t := range []struct {
		name  string
		table *record.Table
	}{{"grid", &r.Table}, {"path", &r.Path}, {"directions", &components}} {
		if err := a.out.Table(t.name, t.table); err != nil {
			return err
		}
	}
	f := landscapeFigure(a.title(), r, &directions.Summary)
	if err := c.levelFlags.set(f, c.Scale); err != nil {
		return err
	}
	if err := a.figure("landscape", f); err != nil {
		return err
	}
	if c.Surface {
		if err := a.figure("surface", &figure.Surface{Landscape: f}); err != nil {
			return err
		}
	}
	if c.GIF {
		path := filepath.Join(a.dir, "walk.gif")
		if err := (&figure.Animation{Landscape: a.look.moving(f)}).SaveGIF(path); err != nil {
			return err
		}
		if err := a.out.Keep(path); err != nil {
			return err
		}
	}
	if c.VTK {
		paths, err := f.SaveVTK(filepath.Join(a.dir, "landscape"), figure.VTKOptions{})
		if err != nil {
			return err
		}
		return a.out.Keep(paths...)
	}
	return nil
}

// landscapeOptions are the options as the result keeps them.
type landscapeOptions struct {
	Plane     string            `json:"plane"`
	PCA       pca.Options       `json:"pca"`
	Landscape landscape.Options `json:"landscape"`
}

// landscapeSummary is the landscape with the directions that it lies on.
type landscapeSummary struct {
	landscape.Summary
	Directions pca.Summary `json:"directions"`
}

func landscapeFigure(title string, r *landscape.Result, d *pca.Summary) *figure.Landscape {
	axis := func(i int) string {
		return fmt.Sprintf("PC%d: %s of variance (random walk %s)", i+1, percent(d.ExplainedVarianceRatio[i]), percent(at(d.RandomWalk.ExplainedVarianceRatio, i)))
	}
	f := &figure.Landscape{Title: title, XLabel: axis(0), YLabel: axis(1), X: r.Grid.A, Y: r.Grid.B}
	nx, ny := r.Grid.Dims()
	for j := range ny {
		f.Z = append(f.Z, r.Grid.Loss[r.Grid.Cell(0, j):r.Grid.Cell(0, j)+nx])
		f.Valid = append(f.Valid, r.Grid.Valid[r.Grid.Cell(0, j):r.Grid.Cell(0, j)+nx])
	}
	a, b, residual := column(&r.Path, "a"), column(&r.Path, "b"), column(&r.Path, "residual")
	loss := column(&r.Path, "true_loss")
	steps, epochs := r.Path.Column("step").Ints, r.Path.Column("epoch").Ints
	for i := range a {
		p := figure.PathPoint{A: a[i], B: b[i], Residual: residual[i], Loss: nan, Step: int(steps[i]), Epoch: int(epochs[i])}
		if loss != nil {
			p.Loss = loss[i]
		}
		f.Path = append(f.Path, p)
	}
	return f
}

func landscapeSentences(s *landscapeSummary) []string {
	d := &s.Directions
	out := []string{
		fmt.Sprintf("%d of %d grid points evaluated; %s", s.Evaluated, s.Cells, rangeText(s.Loss.Min, s.Loss.Max)),
		fmt.Sprintf("the plane holds %s of the variance of the iterates (a random walk: %s)", percent(sumOf(d.ExplainedVarianceRatio, 2)), percent(sumOf(d.RandomWalk.ExplainedVarianceRatio, 2))),
	}
	if s.ResidualRatio.Valid {
		out = append(out, fmt.Sprintf("the iterates are off the plane by %s of the path's extent on it (median)", percent(s.ResidualRatio.Value)))
	}
	if s.PlaneErrorRelative.Valid {
		out = append(out, fmt.Sprintf("the loss on the plane differs from the loss at the iterate by %s (median of %d)", percent(s.PlaneErrorRelative.Value), s.Compared))
	}
	return out
}

func rangeText(low, high record.Optional) string {
	return fmt.Sprintf("loss from %s to %s", optionalText(low), optionalText(high))
}

func sumOf(v []float64, n int) float64 {
	sum := 0.0
	for i := range min(n, len(v)) {
		sum += v[i]
	}
	return sum
}
