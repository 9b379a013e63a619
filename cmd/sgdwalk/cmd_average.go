package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/cmd/runloss"
	"sgdwalk/train/session"
)

// averageCmd evaluates the loss of averages of the iterates.
type averageCmd struct {
	runFlags
	lossFlags
	objectiveFlags
	At          string `placeholder:"STEPS" help:"Steps at which the loss of the iterate and of all averages is evaluated: A-B,C (steps), epoch:A-B,C, every:K, log:N, joined by + (default: 20 steps, spread over the run)."`
	Windows     string `placeholder:"LIST" help:"Means of the last N iterates, for each N of the list (default, without any of these four flags: 2,4,8,... up to a quarter of the run, and exponential averages)."`
	EMA         string `name:"ema" placeholder:"LIST" help:"Exponential averages (EMA) with each decay of the list, for example 0.9,0.99."`
	LAWA        string `name:"lawa" placeholder:"LIST" help:"Latest weight averaging: N:EVERY is the mean of the last N iterates that were kept every EVERY steps, for example 5:100."`
	SWA         string `name:"swa" placeholder:"LIST" help:"Stochastic weight averaging: START or START:EVERY is the mean of the iterates from step START on, every EVERY steps, for example 500,500:29."`
	Also        string `placeholder:"WHAT" help:"Measure at the same points: test_loss, accuracy, test_accuracy, with commas between them."`
	NoNull      bool   `help:"Leave out what averaging would gain in a noisy bowl, which takes a gradient at each step of --at."`
	Branch      string `placeholder:"STEPS" help:"Train on from these steps while the learning rate decays to zero, and compare the end of each branch with the averages; only for runs that sgdwalk trained."`
	BranchSteps int64  `placeholder:"N" help:"Updates of a branch; needed with --branch."`
	Decay       string `default:"linear" enum:"linear,1-sqrt" help:"How the learning rate of a branch decays: linear, or 1-sqrt of the share of its updates that are done (default ${default})."`
	MaxMemory   string `default:"4GiB" placeholder:"SIZE" help:"Most memory for sums of iterates; with less than all averages need, the recording is read several times (default ${default})."`
	Plain       bool   `help:"Evaluate point by point, without sharing work between points."`
}

func (averageCmd) Help() string {
	return `The loss of averages of the iterates: means of the last iterates, LAWA, SWA and exponential
averages (EMA), at many steps, from one pass over the recording. The difference to the loss
of the iterate is how high the run is above the floor of its valley. A noisy bowl with the
run's own curvature and noise shows how much of it noise alone explains.

Examples:
  sgdwalk average RUN
  sgdwalk average --at every:100 --windows 10,100 --ema 0.99 --also test_loss RUN
  sgdwalk average --swa 800 --lawa 5:29 RUN
  sgdwalk average --branch 500,900 --branch-steps 200 --decay 1-sqrt RUN
  sgdwalk average --objective "python3 objective.py" RUN   a run from PyTorch
  sgdwalk average --objective "python3 objective.py" checkpoints/   a folder of checkpoints

What the numbers mean, and what not: analyze/MEANING.md.`
}

// options returns the options that the flags choose, without branches.
func (c *averageCmd) options() (o average.Options, err error) {
	if o.At, err = analyze.ParseSegments(c.At); err != nil {
		return o, usagef("--at: %w", err)
	}
	for _, f := range []struct {
		flag   string
		scheme average.Scheme
		text   string
	}{
		{"windows", average.Window, c.Windows},
		{"lawa", average.LAWA, c.LAWA},
		{"swa", average.SWA, c.SWA},
		{"ema", average.EMA, c.EMA},
	} {
		list, err := average.ParseAverages(f.scheme, f.text)
		if err != nil {
			return o, usagef("--%s: %w", f.flag, err)
		}
		o.Averages = append(o.Averages, list...)
	}
	if o.MaxMemory, err = parseSize("--max-memory", c.MaxMemory); err != nil {
		return o, err
	}
	o.NoNull = c.NoNull
	if err := o.Validate(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// checkBranch refuses flags of branches that do not go together, and returns the steps at
// which branches start.
func (c *averageCmd) checkBranch() (from []int64, err error) {
	if c.Branch == "" {
		if c.BranchSteps != 0 {
			return nil, usagef("--branch-steps is %d without --branch, which says where branches start", c.BranchSteps)
		}
		return nil, nil
	}
	for text := range strings.SplitSeq(c.Branch, ",") {
		k, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || k < 0 || slices.Contains(from, k) {
			return nil, usagef("--branch has %q; it must be a list of different steps, such as 500,900", text)
		}
		from = append(from, k)
	}
	if c.BranchSteps < 1 {
		return nil, usagef("--branch-steps is %d; it must be at least 1: the updates of a branch", c.BranchSteps)
	}
	slices.Sort(from)
	return from, nil
}

// branches prepares the branches of a run. close must be called.
func (c *averageCmd) branches(a *analysis, from []int64) (b average.Branches, close func(), err error) {
	if len(from) == 0 {
		return b, func() {}, nil
	}
	if a.Series != nil || a.IsForeign() || c.Objective != "" {
		return b, nil, fmt.Errorf("average: --branch trains on from a recorded iterate, which is possible for runs that "+
			"sgdwalk trained; %s is from another program or its loss is (the averages need no --branch)", a.Dir)
	}
	if c.AllowOtherData {
		return b, nil, usagef("--branch trains on the data of the run; --allow-other-data is not for it")
	}
	trainer, err := session.NewBranches(a.Dir, a.trace,
		session.BranchOptions{Steps: c.BranchSteps, Decay: session.Decay(c.Decay), Data: c.Data})
	if err != nil {
		return b, nil, err
	}
	return average.Branches{From: from, Steps: c.BranchSteps, Decay: c.Decay, Train: trainer.Train}, trainer.Close, nil
}

// Run computes, writes and prints.
func (c *averageCmd) Run(ctx context.Context, e *env) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	from, err := c.checkBranch()
	if err != nil {
		return err
	}
	if err := c.check(c.lossFlags); err != nil {
		return err
	}
	a, err := c.open(e, "average")
	if err != nil {
		return err
	}
	defer a.close()
	// Before the loss: training again uses the instruction set of the run.
	var closeBranches func()
	if opts.Branches, closeBranches, err = c.branches(a, from); err != nil {
		return err
	}
	defer closeBranches()
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, runloss.Values(c.Also, false), lossOnly)
	if err != nil {
		return err
	}
	on := &analyze.Measured{Evaluator: loss, Plain: c.Plain}
	if opts.Also, err = a.measures(c.Also, on); err != nil {
		return err
	}
	var averaged analyze.Loss = on
	opts.NullAbsent = func() string { return recomputed(a.Policy) }
	if c.Objective != "" {
		options, err := c.program()
		if err != nil {
			return err
		}
		products, end := a.Products(ctx, *options, on)
		defer end()
		averaged, opts.NullAbsent = products, products.GradientAbsent
	}
	j, err := average.NewJob(a.trace, averaged, opts)
	if err != nil {
		return err
	}
	return runJob(ctx, a, j, finish[*average.Result]{
		key:   withPlain(j.Options(), c.Plain),
		write: func(r *average.Result) error { return writeAverages(a, r, j.Options()) },
	})
}

// recomputed says that a loss with this policy has no gradient.
func recomputed(policy string) string {
	if policy == "recompute" {
		return "the loss recomputes the statistics of normalization layers at every point, and has no gradient"
	}
	return ""
}

// writeAverages writes the result and prints it.
func writeAverages(a *analysis, r *average.Result, o average.Options) error {
	tables := []namedTable{{"averages", &r.Averages}, {"gains", &r.Gains}}
	if r.Branches.Len() > 0 {
		tables = append(tables, namedTable{"branches", &r.Branches})
	}
	if err := a.tables(tables...); err != nil {
		return err
	}
	return a.finish(&r.Summary, r.Warnings, o, average.Method, average.Citation)
}
