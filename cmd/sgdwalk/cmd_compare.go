package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/objective"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/result"
	"sgdwalk/cmd/runloss"
	"sgdwalk/train"
	"sgdwalk/train/sweep"
)

// compareCmd holds several runs against each other.
type compareCmd struct {
	lossFlags
	seriesFlags
	alignFlags
	figureFlags
	levelFlags
	objectiveFlags `json:"-"`
	Also           string   `placeholder:"WHAT" help:"With --objective: measure at the ends accuracy, test_loss, test_accuracy, with commas between them. Without, what the data have is measured."`
	Paths          []string `arg:"" name:"run" help:"Directories of runs or of sweeps, or folders of checkpoints (SERIES)."`
	Out            string   `placeholder:"DIR" help:"Where the results go. Results of an earlier call are replaced."`
	Baseline       string   `placeholder:"GROUP" help:"Group that the others are compared with (default: sgd, or the first by name)."`
	Plane          string   `default:"pca" enum:"pca,ends" help:"Plane: pca (joint principal directions) or ends (through the start and two ends) (default ${default})."`
	Ends           string   `placeholder:"A,B" help:"Runs or groups whose ends span the plane of --plane ends (default: the baseline and the first other group)."`
	Kinds          string   `default:"weights" help:"Parameters that take part in the joint PCA: weights, all, or kinds with commas between them (default ${default})."`
	Center         string   `default:"mean" help:"Common origin of the joint PCA: mean or init (default ${default})."`
	Rows           string   `placeholder:"ROWS" help:"Iterates that decide the plane: all, A-B,C (steps), epoch:A-B,C, every:K (default: every K-th, so that there are at most 2048)."`
	Plain          bool     `help:"Evaluate point by point, without sharing work between points."`
	Grid           string   `default:"41x41" placeholder:"NXxNY" help:"Points of the landscape (default ${default})."`
	Against        string   `default:"passes" enum:"step,epoch,passes" help:"Axis of the series: step, epoch or passes (gradient evaluations divided by the evaluations of one pass) (default ${default})."`
	Segments       int      `default:"40" help:"Segments of each run to walk (default ${default})."`
	Hessians       int      `default:"2" help:"Iterates of each run whose Hessian is evaluated (default ${default})."`
	Products       int      `default:"40" help:"Hessian-vector products for each (default ${default})."`
	Curve          int      `default:"100" name:"curve-steps" help:"Gradient steps of the curve from the baseline's end to each other one; 0 trains none (default ${default})."`
	Skip           []string `placeholder:"PART" help:"Leave out: landscape, statistics, barriers, agreement; with commas between them."`
	Seed           uint64   `default:"0" help:"Seed of the bootstrap (default ${default})."`
}

func (compareCmd) Help() string {
	return `Runs that differ in their seeds alone are one group; groups are named by what differs. All
runs get one plane, one landscape and one colour scale; the figures show one run of every
group, the table is over all of them, paired by seed. A sweep's cells that did not finish are
named and left out. Runs of different models, data or starts are compared in what they have
in common, and a note says in what not.

Examples:
  sgdwalk compare sgd adam --out DIR
  sgdwalk compare SWEEP --out DIR --baseline sgd
  sgdwalk compare sgd adam --out DIR --plane ends --ends sgd,adam
  sgdwalk compare seed1 seed2 --out DIR --align        barriers before and after permuting hidden units
  sgdwalk compare SWEEP --out DIR --skip landscape,barriers --segments 100
  sgdwalk compare sgd adam --out DIR --objective "python3 objective.py" --also test_loss   from PyTorch
  sgdwalk compare seed1/ seed2/ --out DIR --objective "python3 objective.py"       folders of checkpoints

What the numbers mean, and what not: analyze/MEANING.md.`
}

// options returns the options of the comparison, as far as the flags say them.
func (c *compareCmd) options() (o compare.Options, err error) {
	for _, s := range c.Skip {
		if !slices.Contains(compare.Parts, s) {
			return o, usagef("--skip has %q; allowed are %s", s, strings.Join(compare.Parts, ", "))
		}
	}
	if err := c.objectiveFlags.check(c.lossFlags); err != nil {
		return o, err
	}
	if err := c.checkAlign(); err != nil {
		return o, err
	}
	if err := c.checkAlso(); err != nil {
		return o, err
	}
	switch {
	case c.Out == "":
		return o, usagef("--out is missing: the directory of the comparison")
	case c.Center != string(pca.Mean) && c.Center != string(pca.Init):
		return o, usagef("--center is %q; for several runs allowed are mean and init", c.Center)
	case c.Segments < 0 || c.Hessians < 0 || c.Curve < 0:
		return o, usagef("--segments %d, --hessians %d, --curve-steps %d: none may be negative",
			c.Segments, c.Hessians, c.Curve)
	case c.Products < 2 || c.Products > 1000:
		return o, usagef("--products is %d; it must be from 2 to 1000", c.Products)
	case c.Align && slices.Contains(c.Skip, "barriers"):
		return o, usagef("--align is given, but --skip leaves out the barriers, which it is for")
	case c.Ends != "" && c.Plane != "ends":
		return o, usagef("--ends %s is for --plane ends", c.Ends)
	}
	o = compare.Options{
		PCA: pca.Options{Kinds: pca.Kinds(c.Kinds), Center: pca.Center(c.Center)}, Rows: c.Rows, Skip: c.Skip,
		Seed: c.Seed,
		Measure: compare.MeasureOptions{
			Segments: orNone(c.Segments), CurvatureRows: orNone(c.Hessians),
			Products: c.Products,
		},
		CurveSteps: orNone(c.Curve),
	}
	if o.Landscape.NX, o.Landscape.NY, err = parseGrid(c.Grid); err != nil {
		return o, usageError{err}
	}
	o.Landscape.Plain = c.Plain
	return o, nil
}

// orNone returns the number of a flag, and -1 for 0: in options 0 is the default.
func orNone(n int) int { return cmp.Or(n, -1) }

// joint is several runs at work.
type joint struct {
	*analysis
	c      *compareCmd
	runs   []compare.Run // in the order given
	opened []*runloss.Run
	left   []string // cells of sweeps that did not finish
	with   *compare.Comparison
	shared runloss.Shared
	losses []*runloss.Losses // of every run; none with an objective
}

// Run compares.
func (c *compareCmd) Run(ctx context.Context, e *env) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	w := &joint{
		analysis: &analysis{
			env: e, Run: &runloss.Run{Dir: c.Out, Notice: e.say}, name: "compare", dir: c.Out,
			drawing: draw.Options{Against: draw.Against(c.Against)},
		},
		c: c,
	}
	if w.style, err = c.figureFlags.check(); err != nil {
		return err
	}
	if err := c.choose(&w.drawing, c.Scale); err != nil {
		return err
	}
	defer w.close()
	if err := w.gather(); err != nil {
		return err
	}
	if w.with, err = compare.New(w.runs, c.Baseline); err != nil {
		return err
	}
	w.trace = w.opened[w.with.ByName()[0]].Recording
	w.with.Summary.LeftOut = w.left
	if err := w.openLosses(ctx); err != nil {
		return err
	}
	if o.Ends, err = c.ends(w.with); err != nil {
		return err
	}
	if o.Align, err = w.align(); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	store, err := w.journal(w.computed())
	if err != nil {
		return err
	}
	defer store.Close()
	o.Progress, o.Store, o.OneLoss, o.Probe = e.progress, store, w.Objective != nil, w.probe()
	if err := w.with.Compute(ctx, o); err != nil {
		return w.interrupted(ctx, err)
	}
	return w.write()
}

// align returns how the ends are aligned; nil unless the flags request it.
func (w *joint) align() (*compare.Align, error) {
	if !w.c.Align {
		return nil, nil
	}
	if !w.with.Summary.Common.Layout {
		return nil, fmt.Errorf("compare: the runs have different layouts, and --align permutes the units of one layout: " +
			"compare the runs of each layout separately")
	}
	x, err := w.aligner(w.opened[w.with.ByName()[0]], w.c.alignFlags, w.c.Layout, w.c.AllowNoisyObjective)
	if err != nil {
		return nil, err
	}
	x.options.Progress = nil // the pairs are reported
	return &compare.Align{Match: x.match, Null: x.null}, nil
}

// write writes and prints the result.
func (w *joint) write() error {
	x := w.with
	for _, t := range x.Tables {
		if err := w.out.Table(t.Name, t.Table); err != nil {
			return err
		}
	}
	w.heading = x.Title()
	w.Warnings = append(w.Warnings, x.Warnings...)
	w.lines = x.Summary.GroupLines()
	return w.finish(&x.Summary, nil, w.recipe(), method(compare.Method, w.c.Align),
		citation(compare.Citation, w.c.Align))
}

func (w *joint) close() {
	w.analysis.close()
	for _, r := range w.opened {
		r.Close()
	}
}

// ends returns the runs or groups that span the plane of --plane ends.
func (c *compareCmd) ends(x *compare.Comparison) (ends [2]string, err error) {
	if c.Plane != "ends" {
		return ends, nil
	}
	ends = x.DefaultEnds()
	if c.Ends != "" {
		var ok bool
		if ends[0], ends[1], ok = strings.Cut(c.Ends, ","); !ok {
			ends[1] = ""
		}
	}
	if ends[1] == "" || strings.Contains(ends[1], ",") {
		return ends, usagef("--ends is %q; it must be two runs or groups with a comma between them, of %s",
			c.Ends, strings.Join(x.Summary.Groups, ", "))
	}
	return ends, nil
}

// probe compares predictions on the held-out examples, or without any on the training set. It is nil with an
// objective.
func (w *joint) probe() *compare.Probe {
	if w.Objective != nil {
		return nil
	}
	p := &compare.Probe{Own: make(map[string]compare.Predictor)}
	for i, l := range w.losses {
		e := cmp.Or(l.Test, l.Train)
		p.Labels, p.Classes = e.Labels(), w.opened[i].Header().Data.Classes
		p.Own[w.runs[i].Name] = func(ctx context.Context, theta []float32, classes []int32) error {
			_, err := e.Predict(ctx, theta, classes)
			return err
		}
	}
	return p
}

// compareRecipe is the options that a result keeps.
type compareRecipe struct {
	Runs    []comparedRun `json:"runs"` // in the order of their names
	Command compareCmd    `json:"options"`
}

type comparedRun struct {
	Name   string `json:"name"`
	Group  string `json:"group"`
	Seed   uint64 `json:"seed"`
	Header string `json:"header_sha256"`
	Rows   int    `json:"rows"`
}

func (w *joint) recipe() compareRecipe {
	r := compareRecipe{Command: *w.c}
	r.Command.Paths, r.Command.Out, r.Command.Data = nil, "", ""
	for i := range w.runs {
		sum, err := result.HeaderSHA256(w.opened[i].Header())
		if err != nil {
			sum = err.Error()
		}
		r.Runs = append(r.Runs, comparedRun{w.runs[i].Name, w.runs[i].Group, w.runs[i].Seed, sum, w.opened[i].Len()})
	}
	slices.SortFunc(r.Runs, func(a, b comparedRun) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// computed returns the part of the recipe that decides what is computed: an interrupted call
// goes on with other figures.
func (w *joint) computed() compareRecipe {
	r := w.recipe()
	r.Command.figureFlags, r.Command.levelFlags, r.Command.Against = figureFlags{}, levelFlags{}, ""
	return r
}

// gather opens every named run, and the runs of named sweeps.
func (w *joint) gather() error {
	for _, p := range w.c.Paths {
		s, err := sweep.ReadSummary(p)
		if errors.Is(err, fs.ErrNotExist) {
			name := filepath.Base(filepath.Clean(p))
			if runloss.IsSeries(p) {
				name = seriesName(p)
			}
			if err := w.open(p, name); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range s.Results {
			if r.Status != train.Finished {
				w.left = append(w.left, fmt.Sprintf("%s (%s)", r.Cell, r.Status))
				continue
			}
			if err := w.open(filepath.Join(p, filepath.FromSlash(r.Run)), r.Cell); err != nil {
				return err
			}
		}
	}
	if n := len(w.left); n > 0 {
		slices.Sort(w.left)
		w.Warnings.Add(true, "cells_left_out", "%d cells of the sweep did not finish and are left out: %s",
			n, strings.Join(w.left, ", "))
	}
	if len(w.runs) == 0 {
		return fmt.Errorf("compare: none of the sweep's %d cells has finished", len(w.left))
	}
	return nil
}

func (w *joint) open(dir, name string) error {
	t, err := w.c.openRun(dir)
	if err != nil {
		return err
	}
	w.opened = append(w.opened, t)
	for _, note := range seriesWarnings(t) {
		w.Warnings.Add(true, note.Code, "%s: %s", name, note.Text)
	}
	w.Warnings.Add(!t.Finished(), "run_unfinished", unfinished, dir)
	if t.Header().Sketch != nil {
		return fmt.Errorf("compare: %s recorded reduced rows (%s): runs are compared in the space of all parameters",
			dir, t.Header().Sketch.Spec)
	}
	w.runs = append(w.runs, compare.Run{Name: name, Seed: t.Header().Seed, Trajectory: t})
	return nil
}

// openLosses opens the loss of every run.
func (w *joint) openLosses(ctx context.Context) error {
	if w.c.Objective != "" {
		return w.openObjectives(ctx)
	}
	for i := range w.runs {
		if err := w.openLoss(i); err != nil {
			return err
		}
	}
	return nil
}

// openLoss opens the loss of a run; runs of one model on one data set share it.
func (w *joint) openLoss(i int) error {
	l, err := w.shared.Open(w.opened[i], w.runs[i].Name, w.c.lossOptions())
	if err != nil {
		return fmt.Errorf("%s: %w", w.runs[i].Name, withObjectiveFlag(withDataFlag(err), w.opened[i]))
	}
	w.Warnings, w.Evaluated = append(w.Warnings, w.opened[i].Warnings...), w.shared.Evaluated
	w.losses = append(w.losses, l)
	r := &w.runs[i]
	r.Loss = w.Native(l.Train)
	if w.c.Plain {
		r.Loss = &analyze.Measured{Evaluator: w.Native(l.Train), Plain: true}
	}
	if l.Test != nil {
		accuracy := (&analyze.Measured{Evaluator: l.Test}).Accuracy()
		r.Ends = []compare.EndMeasure{{Name: "test_loss", Loss: l.Test}, {Name: "test_accuracy", Loss: accuracy}}
	}
	return nil
}

// checkAlso refuses a wrong --also.
func (c *compareCmd) checkAlso() error {
	if c.Also == "" {
		return nil
	}
	if c.Objective == "" {
		return usagef("--also is %q; it is for --objective: without one, what the data have is measured", c.Also)
	}
	for name := range strings.SplitSeq(c.Also, ",") {
		if !slices.Contains([]string{"accuracy", "test_loss", "test_accuracy"}, name) {
			return usagef("--also has %q; allowed are accuracy, test_loss and test_accuracy", name)
		}
	}
	return nil
}

// openObjectives opens the loss of all runs: one program evaluates it for every
// one, with the run's own statistics of normalization layers.
func (w *joint) openObjectives(ctx context.Context) error {
	if !w.with.Summary.Common.Layout {
		return fmt.Errorf("compare: the runs have different layouts, and --objective %s is the loss of one layout: "+
			"compare the runs of each layout separately", w.c.Objective)
	}
	o, err := w.c.program()
	if err != nil {
		return err
	}
	o.Gradient, o.Hessian = true, w.c.Hessians > 0
	if w.c.Also != "" {
		o.Also = strings.Split(w.c.Also, ",")
	}
	states, err := w.StartObjectiveOf(ctx, *o, w.opened, w.with.ByName()[0])
	if err != nil {
		return err
	}
	for i := range w.runs {
		r := &w.runs[i]
		r.Loss = objective.NewEvaluator(w.Objective.LossAlone(), states[i])
		for _, name := range o.Also {
			v, err := w.Objective.View(name, "")
			if err != nil {
				return err
			}
			r.Ends = append(r.Ends, compare.EndMeasure{Name: name, Loss: objective.NewEvaluator(v, states[i])})
		}
	}
	return nil
}
