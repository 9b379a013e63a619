package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
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
	alignFlags
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
  sgdwalk line --from=-1 --to-run RUN2 --align RUN      before and after permuting the units of RUN2
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
	if err := c.checkAlign(); err != nil {
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
	l := &lineWork{lineCmd: c, analysis: a}
	if err := l.points(); err != nil {
		return err
	}
	var units *alignable
	if c.Align {
		if units, err = a.aligner(a.Run, c.alignFlags, c.Layout, c.AllowNoisyObjective); err != nil {
			return err
		}
	}
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, runloss.Values(c.Also, false), c.derivatives())
	if err != nil {
		return err
	}
	l.loss = &analyze.Measured{Evaluator: loss, Plain: c.Plain}
	if o.Also, err = a.measures(c.Also, l.loss); err != nil {
		return err
	}
	l.chooseStates()
	if err := l.align(ctx, units); err != nil {
		return err
	}
	l.recipe = lineRecipe{
		Ends: line.Ends{From: l.from.Step, To: l.to.Step, ToRun: c.ToRun}, Options: o.Effective(),
		Curve: c.Curve, Steps: c.CurveSteps, Align: c.alignRecipe(), States: l.states.A != nil,
	}
	o.Aligned, o.States = l.aligned, l.states
	j, err := line.NewJob(l.from.Theta, l.to.Theta, l.loss, o)
	if err != nil {
		return err
	}
	return runJob(ctx, a, j, finish[*line.Result]{key: withPlain(l.recipe, c.Plain), write: func(r *line.Result) error {
		return l.write(ctx, r)
	}})
}

// lineWork is a line at work.
type lineWork struct {
	*lineCmd
	*analysis
	from, to record.Step // the ends, with the running statistics at them
	states   line.States // that the loss gets; empty when it has its own
	loss     *analyze.Measured
	units    *alignable    // nil without an alignment
	match    *align.Result // nil without an alignment, and in a worker of a plan
	aligned  []float32     // the second end, permuted; nil without an alignment
	recipe   lineRecipe
}

// chooseStates decides whether the loss gets the statistics of both ends. The ends of two
// runs, and an end whose units are permuted, each have their own.
func (l *lineWork) chooseStates() {
	if l.ToRun == "" && !l.Align || !takesState(l.loss) {
		return
	}
	if l.from.State == nil || l.to.State == nil {
		l.Warnings.Add(true, "states_not_recorded", "an end of the line has no recorded statistics of normalization layers: "+
			"every point is evaluated with those of the last iterate of %s", l.Dir)
		return
	}
	l.states = line.States{A: l.from.State, B: l.to.State}
	instead := "--norm recompute or --norm batch computes them at every point"
	if l.lineCmd.Objective != "" {
		instead = "a program that computes them at every point, as batch normalization does in training, avoids that"
	}
	l.Warnings.Add(true, "interpolated_statistics", "points between the ends have interpolated statistics of normalization "+
		"layers, which are not those of the interpolated network and make the barrier higher; %s", instead)
}

// align permutes the units of the second end. A worker of a plan gets the permutations from
// the plan.
func (l *lineWork) align(ctx context.Context, units *alignable) error {
	if units == nil {
		return nil
	}
	l.units = units
	var found align.Permutations
	err := l.once(&found, func() (keep bool, err error) {
		l.match, err = units.match(ctx, l.loss, l.from.Theta, l.to.Theta, l.states.B)
		if err != nil {
			return false, l.interrupted(ctx, err)
		}
		found = l.match.Permutations
		return true, nil
	})
	if err != nil {
		return err
	}
	l.aligned, l.states.Aligned = units.Theta(found, l.to.Theta), units.State(found, l.states.B)
	return nil
}

// write adds the measures of the path to the result, and writes and prints it.
func (l *lineWork) write(ctx context.Context, r *line.Result) error {
	a, c := l.analysis, l.lineCmd
	if err := a.out.Table("losses", &r.Losses); err != nil {
		return err
	}
	summary := line.Summary{Ends: &l.recipe.Ends, Line: r.Summary, Aligned: r.Aligned}
	a.Warnings = append(a.Warnings, r.Warnings...)
	if l.match != nil {
		if err := a.tables(alignmentTables(l.match)...); err != nil {
			return err
		}
		null, err := l.units.null(ctx, l.from.Theta, l.to.Theta)
		if err != nil {
			return a.interrupted(ctx, err)
		}
		summary.Alignment = &l.match.Summary
		summary.Alignment.Null = null
	}
	if c.ToRun == "" {
		between, err := analyze.ParseSegments(fmt.Sprintf("%d-%d", min(l.from.Step, l.to.Step), max(l.from.Step, l.to.Step)))
		if err != nil {
			return err
		}
		p, err := line.ProjectPath(ctx, a.trace, l.from.Theta, l.to.Theta,
			line.PathOptions{Rows: between, Progress: a.progress})
		if err != nil {
			return err
		}
		if err := a.tables(namedTable{"progress", &p.Table}, namedTable{"path_losses", &p.Losses}); err != nil {
			return err
		}
		summary.Path = &p.Summary
		a.Warnings = append(a.Warnings, p.Warnings...)
	}
	if c.Curve != "none" {
		k, err := line.Connect(ctx, l.from.Theta, l.to.Theta, l.loss, line.ConnectOptions{
			Form: line.Form(c.Curve), Steps: c.CurveSteps, States: l.states, Progress: a.progress,
		})
		if err != nil {
			return a.interrupted(ctx, err)
		}
		if err := a.out.Table("curve_losses", &k.Losses); err != nil {
			return err
		}
		if err := a.out.Table("curve_training", &k.Training); err != nil {
			return err
		}
		summary.Curve = &k.Summary
		a.Warnings = append(a.Warnings, k.Warnings...)
	}
	return a.finish(&summary, nil, l.recipe, method(line.Method, c.Align), citation(line.Citation, c.Align))
}

// lineRecipe is the options that a result keeps.
type lineRecipe struct {
	line.Ends
	Options line.Options `json:"options"`
	Curve   string       `json:"curve"` // form of the trained curve, or none
	Steps   int          `json:"curve_steps"`

	Align  *align.Options `json:"align,omitempty"`
	States bool           `json:"interpolated_statistics,omitempty"` // the loss gets the statistics of both ends
}

// points finds the two ends. Their vectors outlive the other run.
func (l *lineWork) points() (err error) {
	c, a := l.lineCmd, l.analysis
	if l.from, err = a.Iterate(c.From); err != nil {
		return err
	}
	if l.from.State, err = a.StateAt(l.from.Step); err != nil {
		return err
	}
	other := a.Run
	if c.ToRun != "" {
		if other, err = c.openRun(c.ToRun); err != nil {
			return err
		}
		defer other.Close()
		if !other.Header().Layout.Equal(a.trace.Header().Layout) {
			return fmt.Errorf("%s and %s have different layouts (%s and %s): a line needs one layout",
				a.Dir, c.ToRun, a.trace.Header().Model, other.Header().Model)
		}
	}
	if l.to, err = other.Iterate(c.To); err != nil {
		return err
	}
	if l.to.State, err = other.StateAt(l.to.Step); err != nil || c.ToRun == "" {
		return err
	}
	l.to.Theta = slices.Clone(l.to.Theta)
	if !other.Header().State.Equal(a.trace.Header().State) {
		l.to.State = nil
	}
	return a.dependsOn(other)
}

// derivatives returns the derivatives that this command requests from the loss.
func (c *lineCmd) derivatives() derivatives {
	if c.Curve == "none" {
		return lossOnly
	}
	return gradients
}
