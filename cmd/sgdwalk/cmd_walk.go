package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/walk"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
)

// walkCmd evaluates the loss along segments.
type walkCmd struct {
	runFlags
	lossFlags
	objectiveFlags
	Segments  string  `help:"Segments to walk: all, A-B,C (steps), epoch:A-B,C, every:K, first:N, log:N, joined by + (default: the first epoch; all segments of a series that counts no epochs)."`
	Alphas    string  `default:"0:1:11" placeholder:"MIN:MAX:N" help:"Points on a segment, in fractions of the step; 0 and 1 are always among them (default ${default})."`
	Also      string  `placeholder:"WHAT" help:"Measure at the same points: test_loss, accuracy, test_accuracy, batch_loss (of the step's own mini-batch), with commas between them."`
	Direction string  `default:"update" help:"update, or gradient: along the negative mini-batch gradient (default ${default})."`
	Plain     bool    `help:"Evaluate point by point, without sharing work between points."`
	LambdaMax float64 `placeholder:"L" help:"Largest eigenvalue of the Hessian, for the noisy quadratic that the walk is compared with; sgdwalk curvature measures it (default: the largest curvature along a step)."`
}

func (walkCmd) Help() string {
	return `Evaluates the loss over the full training set between consecutive iterates, as Xing et al.
(2018) do, with the end points included and nothing drawn at random. An interrupted walk goes
on where it stopped when it is called again.

Examples:
  sgdwalk walk RUN
  sgdwalk walk --segments 0-49+epoch:10 RUN
  sgdwalk walk --segments first:20 --alphas=-0.5:2:26 RUN
  sgdwalk walk --segments epoch:10 --lambda-max 8.4 RUN
  sgdwalk walk --objective "python3 objective.py" RUN   a run from PyTorch
  sgdwalk walk --objective "python3 objective.py" checkpoints/   a folder of checkpoints

What the numbers mean, and what not: analyze/MEANING.md.`
}

func (c *walkCmd) options(e *env) (o walk.Options, err error) {
	if o.Segments, err = analyze.ParseSegments(c.Segments); err != nil {
		return o, usageError{err}
	}
	if o.Alphas, err = analyze.ParseRange(c.Alphas); err != nil {
		return o, usagef("--alphas: %w", err)
	}
	o.Direction, o.TopEigenvalue, o.Progress = walk.Direction(c.Direction), c.LambdaMax, e.progress
	if err := o.Validate(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// Run computes, writes and prints.
func (c *walkCmd) Run(ctx context.Context, e *env) error {
	_, err := c.compute(ctx, e)
	return err
}

func (c *walkCmd) compute(ctx context.Context, e *env) (r *walk.Result, err error) {
	opts, err := c.options(e)
	if err != nil {
		return nil, err
	}
	if err := c.check(c.lossFlags); err != nil {
		return nil, err
	}
	a, err := c.open(e, "walk")
	if err != nil {
		return nil, err
	}
	defer a.close()
	if c.Segments == "" {
		if opts.Segments, err = firstEpoch(a.trace); err != nil {
			return nil, err
		}
	}
	also, batch := withoutBatchLoss(c.Also)
	if batch && c.Objective != "" {
		return nil, usagef("--also batch_loss with --objective: it does not know the batches; allowed are test_loss, " +
			"accuracy and test_accuracy")
	}
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, runloss.Values(also, false), lossOnly)
	if err != nil {
		return nil, err
	}
	on := &analyze.Measured{Evaluator: loss, Plain: c.Plain}
	if opts.Also, err = a.measures(also, on); err != nil {
		return nil, err
	}
	if batch {
		opts.Also = append(opts.Also, walk.Measure{Name: "batch_loss", At: func(s *record.Step) (analyze.Loss, error) {
			return a.Experiment.BatchLoss(s)
		}})
	}
	var walked analyze.Loss = on
	if c.Objective != "" {
		options, err := c.program()
		if err != nil {
			return nil, err
		}
		products, end := a.Products(ctx, *options, on)
		defer end()
		walked = products
	}
	j, err := walk.NewJob(a.trace, walked, opts)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	err = runJob(ctx, a, j, finish[*walk.Result]{key: withPlain(opts.Effective(), c.Plain), write: func(made *walk.Result) error {
		r = made
		return c.write(ctx, a, r, &opts)
	}})
	return r, err
}

// firstEpoch selects the segments of the first epoch, or all of a trajectory that counts no epochs.
func firstEpoch(t record.Trajectory) (analyze.Segments, error) {
	if t.Len() == 0 {
		return analyze.Segments{}, nil
	}
	first, err := t.Read(0, record.ScalarsOnly)
	if err != nil || first.Epoch == 0 {
		return analyze.Segments{}, err
	}
	return analyze.ParseSegments(fmt.Sprintf("epoch:%d", first.Epoch))
}

// write writes the result of a walk and prints it.
func (c *walkCmd) write(ctx context.Context, a *analysis, r *walk.Result, opts *walk.Options) error {
	// The cosines and distances next to the walk belong to the same iterates.
	p, err := path.Compute(ctx, a.trace, path.Options{Progress: a.progress})
	if err != nil {
		return err
	}
	if err := a.tables(namedTable{"segments", &r.Segments}, namedTable{"losses", &r.Losses},
		namedTable{"epochs", &r.Epochs}, namedTable{"null_heights", &r.NullHeights}, namedTable{"path", &p.Table}); err != nil {
		return err
	}
	u, err := line.Updates(r)
	if err != nil {
		return err
	}
	if err := a.out.Table("updates", &u.Table); err != nil {
		return err
	}
	return a.finish(&walkSummary{r.Summary, u.Summary}, r.Warnings, opts.Effective(), walk.Method, walk.Citation)
}

// walkSummary is the walk, and how its steps compare with exact line searches.
type walkSummary struct {
	walk.Summary
	Updates line.UpdatesSummary `json:"updates"`
}

// withoutBatchLoss takes the one measure that only a walk has out of a list.
func withoutBatchLoss(also string) (rest string, batch bool) {
	names := strings.Split(also, ",")
	if batch = slices.Contains(names, "batch_loss"); batch {
		names = slices.DeleteFunc(names, func(n string) bool { return n == "batch_loss" })
	}
	return strings.Join(names, ","), batch
}
