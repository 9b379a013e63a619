package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
	"sgdwalk/cmd/runloss"
)

// landscapeCmd evaluates the loss on a plane, by default the plane of the first two
// principal directions.
type landscapeCmd struct {
	runFlags
	lossFlags
	objectiveFlags
	pcaFlags
	mapFlags
	planeFlags
	alignFlags
	Grid   string  `default:"51x51" placeholder:"NXxNY" help:"Points along the first and the second direction (default ${default})."`
	X      string  `placeholder:"MIN:MAX" help:"Range along the first direction (default: around the path; -1:1 for random directions)."`
	Y      string  `placeholder:"MIN:MAX" help:"Range along the second direction (default: as for the first)."`
	Margin float64 `default:"0.15" help:"Margin of an automatic range, as a share of the path's extent (default ${default})."`
	Refine int     `default:"0" help:"Number of times to halve the distance of grid points near contours (default ${default})."`
	Path   *bool   `negatable:"" help:"Project the path onto the plane (default: yes, unless the plane is random)."`
	Also   string  `placeholder:"WHAT" help:"Measure at the same points: accuracy, test_loss, test_accuracy, eigenvalues (of the Hessian; slow), with commas between them."`
	Plain  bool    `help:"Evaluate point by point, without sharing work between points."`
	Lines  int     `default:"0" placeholder:"K" help:"Instead of a plane: the loss along K random lines through the point, with their band."`
	Points int     `default:"51" help:"Points of each line (default ${default})."`
}

func (landscapeCmd) Help() string {
	return planeHelp + `

Contours are the loss on the plane, not at the iterates: how far these are from it is said
with the result. Cells are evaluated from coarse to fine; what an interruption leaves is a
picture, and the same call goes on from there.

More examples:
  sgdwalk landscape --grid 25x17 --x=-1:1 --y=-0.5:0.5 RUN
  sgdwalk landscape --grid 26x26 --refine 2 --also accuracy,test_loss RUN
  sgdwalk landscape --plane random --grid 11x11 --also eigenvalues RUN
  sgdwalk landscape --surface --gif --vtk RUN
  sgdwalk landscape --path-loss RUN              the own losses of the iterates as colours of marks
  sgdwalk landscape --through RUN,RUN2 --align --no-path RUN    with the units of RUN2 permuted
  sgdwalk landscape --objective "python3 objective.py" --also accuracy RUN   from PyTorch
  sgdwalk landscape --objective "python3 objective.py" checkpoints/   a folder of checkpoints
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
	if _, err := c.drawing(c.Scale); err != nil {
		return o, err // before the grid is evaluated
	}
	o.Margin, o.Progress, o.Refine, o.Plain = c.Margin, e.progress, c.Refine, c.Plain
	if c.Refine < 0 || c.Refine > landscape.MaxRefine {
		return o, usagef("--refine is %d; it must be 0 to %d", c.Refine, landscape.MaxRefine)
	}
	o.Contours = c.levels
	if o.Rows, err = analyze.ParseSegments(c.Rows); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// levels are the contours that the figure will have.
func (c *landscapeCmd) levels(low, high float64) []float64 {
	f := new(figure.Landscape)
	if c.Scale != "auto" {
		f.Scale = figure.Scale(c.Scale)
	}
	o, _ := c.drawing(c.Scale) // options checked the flags
	f.Levels, f.LevelCount = o.Levels, o.LevelCount
	return f.LevelsBetween(low, high)
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

func (c *landscapeCmd) compute(ctx context.Context, e *env) (r *landscape.Result, err error) {
	opts, err := c.options(e)
	if err != nil {
		return nil, err
	}
	fit, err := c.pcaFlags.options(e, 2)
	if err != nil {
		return nil, err
	}
	fit.Surrogates = -1 // they are the pca command's
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	if err := c.check(c.lossFlags); err != nil {
		return nil, err
	}
	if err := c.checkAlign(); err != nil {
		return nil, err
	}
	if c.Align && kind != "through" {
		return nil, usagef("--align is given for a plane of kind %s; it is for --through", kind)
	}
	if c.Lines != 0 {
		return nil, c.along(ctx, e)
	}
	if c.PathLoss && !c.withPath(landscape.PlaneKind(kind)) {
		return nil, usagef("--path-loss is given, but the path is not on the plane; give --path too")
	}
	a, err := c.open(e, "landscape")
	if err != nil {
		return nil, err
	}
	defer a.close()
	aligned, err := c.alignedPlane(a)
	if err != nil {
		return nil, err
	}
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, runloss.Values(c.Also, true), c.derivatives())
	if err != nil {
		return nil, err
	}
	defer loss.Close()
	if aligned != nil {
		aligned.loss = loss
	}
	if err := c.measures(a, loss, &opts); err != nil {
		return nil, err
	}
	plane, err := c.plane(ctx, a, fit, loss, opts, aligned)
	if err != nil {
		return nil, err
	}
	c.place(plane, &opts)
	recipe := landscapeOptions{Plane: plane.Recipe, Landscape: opts, Also: c.Also, Align: c.alignRecipe()}
	if plane.Recipe.Kind == "pca" {
		recipe.PCA = &fit
	}
	if c.withPath(plane.Recipe.Kind) {
		opts.Path, opts.Projection = a.trace, plane.Path
	}
	j, err := landscape.NewJob(ctx, plane.Plane, loss, opts)
	if err != nil {
		return nil, err
	}
	err = runJob(ctx, a, j, finish[*landscape.Result]{
		key: recipe,
		write: func(made *landscape.Result) error {
			r = made
			if err := c.write(a, r, plane); err != nil {
				return err
			}
			if err := aligned.finish(ctx, r); err != nil {
				return err
			}
			return a.finish(&r.Summary, slices.Concat(plane.Warnings, r.Warnings), recipe, method(landscape.Method, c.Align),
				citation(landscape.Citation, c.Align))
		},
		// Cells are evaluated coarse to fine, so what an interruption leaves is a
		// picture already; its column valid says which cells are there.
		leave: func(r *landscape.Result, stopped error) error {
			if err := c.write(a, r, plane); err != nil {
				return err
			}
			return a.leave(ctx, &r.Summary, r.Warnings, stopped)
		},
	})
	return r, err
}

// derivatives returns the derivatives that this command requests from the loss.
func (c *landscapeCmd) derivatives() derivatives {
	kind, err := c.kind()
	if err == nil && kind == "hessian" || slices.Contains(strings.Split(c.Also, ","), "eigenvalues") {
		return products
	}
	return lossOnly
}

// withPath decides whether the path is projected. Random directions know nothing
// of it, and it has next to no extent on them.
func (c *landscapeCmd) withPath(kind landscape.PlaneKind) bool {
	if c.Path != nil {
		return *c.Path
	}
	return kind != landscape.RandomKind
}

// place fills in where the grid is, as far as the flags do not say.
func (c *landscapeCmd) place(p *landscape.ChosenPlane, o *landscape.Options) {
	o.Around = p.Around
	for _, r := range []*analyze.Range{&o.X, &o.Y} {
		if r.Min == 0 && r.Max == 0 && (p.Square || !c.withPath(p.Recipe.Kind) && len(p.Around) == 0) {
			r.Min, r.Max = -1, 1
		}
	}
}

// measures adds what --also names.
func (c *landscapeCmd) measures(a *analysis, loss analyze.Evaluator, o *landscape.Options) error {
	if c.Also == "" {
		return nil
	}
	for name := range strings.SplitSeq(c.Also, ",") {
		switch name {
		case "accuracy":
			o.Accuracy = true
		case "test_accuracy", "test_loss":
			test, err := a.testLoss(name)
			if err != nil {
				return err
			}
			o.Test, o.Accuracy = test, o.Accuracy || name == "test_accuracy"
		case "eigenvalues":
			if o.Measures == nil {
				o.Measures = []landscape.Measure{landscape.Eigenvalues(loss, 0, c.PlaneSeed)}
			}
		default:
			return usagef("--also has %q; allowed are accuracy, test_loss, test_accuracy and eigenvalues", name)
		}
	}
	if o.Accuracy && c.Plain {
		return usagef("--plain is given with --also %s; accuracy is not evaluated point by point", c.Also)
	}
	return nil
}

// write writes the tables, and adds to the summary what only the command knows.
func (c *landscapeCmd) write(a *analysis, r *landscape.Result, plane *landscape.ChosenPlane) error {
	a.drawing, _ = c.drawing(c.Scale) // options checked the flags
	r.Summary.Plane, r.Summary.Labels = &plane.Recipe, plane.Labels[:]
	if plane.Fit != nil {
		r.Summary.Directions = &plane.Fit.Summary
	}
	components := plane.DirectionTable()
	return a.tables(namedTable{"grid", &r.Table}, namedTable{"path", &r.Path}, namedTable{"directions", &components})
}

// landscapeOptions are the options as the result keeps them.
type landscapeOptions struct {
	Plane     landscape.PlaneRecipe `json:"plane"`
	PCA       *pca.Options          `json:"pca,omitempty"`
	Landscape landscape.Options     `json:"landscape"`
	Also      string                `json:"also,omitempty"`
	Align     *align.Options        `json:"align,omitempty"`
}
