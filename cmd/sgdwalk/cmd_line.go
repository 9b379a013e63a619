package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/walk"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
)

// lineCmd evaluates the loss between two points.
type lineCmd struct {
	runFlags
	lossFlags
	objectiveFlags
	From         int64  `default:"0" help:"Step of the first point (default ${default}, the start)."`
	To           int64  `default:"-1" help:"Step of the second point; -1 is the last iterate (default ${default})."`
	ToRun        string `placeholder:"RUN2" help:"Take the second point from another run of the same layout."`
	Alphas       string `placeholder:"MIN:MAX:N" help:"Points on the line, 0 at the first and 1 at the second (default -0.5:1.5:81)."`
	Connectivity bool   `help:"30 points from 0 to 1, as for linear mode connectivity."`
	Curve        string `default:"none" enum:"none,bezier,polychain" help:"Also train a curve between the points: bezier or polychain."`
	CurveSteps   int    `default:"0" help:"Gradient steps of the curve's bend; 0 trains until it has settled, 10000 at most (default ${default})."`
	Plain        bool   `help:"Evaluate point by point, without sharing work between points."`
	Also         string `placeholder:"WHAT" help:"Measure at the same points: test_loss, accuracy, test_accuracy, with commas between them."`
}

func (lineCmd) Help() string {
	return `The loss on the straight line between two iterates (Goodfellow et al. 2015), and how far the
path of the run is from that line.

Examples:
  sgdwalk line RUN
  sgdwalk line --from 100 --also test_loss,accuracy RUN
  sgdwalk line --from=-1 --to-run RUN2 --connectivity --curve bezier RUN
  sgdwalk line --objective "python3 objective.py" RUN   a run from PyTorch
  sgdwalk line --objective "python3 objective.py" checkpoints/   a folder of checkpoints

What the numbers mean, and what not: analyze/MEANING.md.`
}

// measures opens the requested further measures, on the data of the loss; loss is the
// loss of the training set.
func (a *analysis) measures(text string, loss *analyze.Measured) ([]walk.Measure, error) {
	if text == "" {
		return nil, nil
	}
	var out []walk.Measure
	var test *analyze.Measured
	for name := range strings.SplitSeq(text, ",") {
		on, accuracy := loss, false
		switch name {
		case "test_loss", "test_accuracy":
			if test == nil {
				e, err := a.testLoss(name)
				if err != nil {
					return nil, err
				}
				test = &analyze.Measured{Evaluator: e, Plain: loss.Plain}
			}
			on, accuracy = test, name == "test_accuracy"
		case "accuracy":
			accuracy = true
		default:
			return nil, usagef("--also has %q; allowed are test_loss, accuracy and test_accuracy, and batch_loss in a walk", name)
		}
		m := walk.Measure{Name: name, Loss: on}
		if accuracy {
			m.Loss = on.Accuracy()
		}
		out = append(out, m)
	}
	return out, nil
}

// Run computes, writes and prints.
func (c *lineCmd) Run(ctx context.Context, e *env) error {
	o := line.Options{Progress: e.progress}
	if err := c.check(c.lossFlags); err != nil {
		return err
	}
	if c.Connectivity {
		o.Mode = line.Connectivity
	}
	if c.Alphas != "" {
		r, err := analyze.ParseRange(c.Alphas)
		if err != nil {
			return usagef("--alphas: %w", err)
		}
		o.Alphas = r
	}
	a, err := c.open(e, "line")
	if err != nil {
		return err
	}
	defer a.close()
	from, to, err := c.points(a)
	if err != nil {
		return err
	}
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, runloss.Values(c.Also, false), c.derivatives())
	if err != nil {
		return err
	}
	on := &analyze.Measured{Evaluator: loss, Plain: c.Plain}
	if o.Also, err = a.measures(c.Also, on); err != nil {
		return err
	}
	recipe := lineRecipe{
		Ends: line.Ends{From: from.Step, To: to.Step, ToRun: c.ToRun}, Options: o.Effective(),
		Curve: c.Curve, Steps: c.CurveSteps,
	}
	j, err := line.NewJob(from.Theta, to.Theta, on, o)
	if err != nil {
		return err
	}
	return runJob(ctx, a, j, finish[*line.Result]{key: withPlain(recipe, c.Plain), write: func(r *line.Result) error {
		return c.write(ctx, a, r, on, from, to, recipe)
	}})
}

// write adds the measures of the path to the result, and writes and prints it.
func (c *lineCmd) write(ctx context.Context, a *analysis, r *line.Result, loss analyze.Gradient, from, to record.Step,
	recipe lineRecipe,
) error {
	if err := a.out.Table("losses", &r.Losses); err != nil {
		return err
	}
	f := draw.Line(a.title(), &r.Losses, from.Step, to.Step)
	if c.ToRun != "" {
		f.XLabel += " of " + filepath.Base(c.ToRun)
	}
	if err := a.figure("line", f); err != nil {
		return err
	}
	summary := line.Summary{Ends: &recipe.Ends, Line: r.Summary}
	a.Warnings = append(a.Warnings, r.Warnings...)
	if c.ToRun == "" {
		between, err := analyze.ParseSegments(fmt.Sprintf("%d-%d", min(from.Step, to.Step), max(from.Step, to.Step)))
		if err != nil {
			return err
		}
		p, err := line.ProjectPath(ctx, a.trace, from.Theta, to.Theta,
			line.PathOptions{Rows: between, Progress: a.progress})
		if err != nil {
			return err
		}
		if err := a.out.Table("progress", &p.Table); err != nil {
			return err
		}
		summary.Path = &p.Summary
		a.Warnings = append(a.Warnings, p.Warnings...)
	}
	if c.Curve != "none" {
		k, err := line.Connect(ctx, from.Theta, to.Theta, loss,
			line.ConnectOptions{Form: line.Form(c.Curve), Steps: c.CurveSteps, Progress: a.progress})
		if err != nil {
			return a.interrupted(ctx, err)
		}
		if err := a.out.Table("curve_losses", &k.Losses); err != nil {
			return err
		}
		if err := a.out.Table("curve_training", &k.Training); err != nil {
			return err
		}
		if err := a.figure("curve", draw.Curve(a.title(), &k.Losses)); err != nil {
			return err
		}
		summary.Curve = &k.Summary
		a.Warnings = append(a.Warnings, k.Warnings...)
	}
	return a.finish(&summary, nil, recipe, line.Method, line.Citation)
}

// lineRecipe is the options that a result keeps.
type lineRecipe struct {
	line.Ends
	Options line.Options `json:"options"`
	Curve   string       `json:"curve"` // form of the trained curve, or none
	Steps   int          `json:"curve_steps"`
}

// points returns the two ends.
func (c *lineCmd) points(a *analysis) (from, to record.Step, err error) {
	if from, err = a.Iterate(c.From); err != nil {
		return from, to, err
	}
	if c.ToRun == "" {
		to, err = a.Iterate(c.To)
		return from, to, err
	}
	other, err := c.openRun(c.ToRun)
	if err != nil {
		return from, to, err
	}
	defer other.Close()
	if !other.Header().Layout.Equal(a.trace.Header().Layout) {
		return from, to, fmt.Errorf("%s and %s have different layouts (%s and %s): a line needs one layout",
			a.Dir, c.ToRun, a.trace.Header().Model, other.Header().Model)
	}
	if to, err = other.Iterate(c.To); err != nil {
		return from, to, err
	}
	if err := a.dependsOn(other); err != nil {
		return from, to, err
	}
	to.Theta = append([]float32(nil), to.Theta...) // outlives the other run
	return from, to, nil
}

// derivatives returns the derivatives that this command requests from the loss.
func (c *lineCmd) derivatives() derivatives {
	if c.Curve == "none" {
		return lossOnly
	}
	return gradients
}
