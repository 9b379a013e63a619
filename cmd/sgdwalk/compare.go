package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/result"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/dataset"
	"sgdwalk/train/nn"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/replay"
	"sgdwalk/train/sweep"
)

// compareCmd holds several runs against each other.
type compareCmd struct {
	lossFlags
	objectiveFlags `json:"-"`
	Also           string   `placeholder:"WHAT" help:"With --objective: measure at the ends accuracy, test_loss, test_accuracy, with commas between them. Without, what the data have is measured."`
	Paths          []string `arg:"" name:"run" help:"Directories of runs, or of sweeps."`
	Out            string   `placeholder:"DIR" help:"Where the results go. Results of an earlier call are replaced."`
	Baseline       string   `placeholder:"GROUP" help:"Group that the others are compared with (default: sgd, or the first by name)."`
	Plane          string   `default:"pca" enum:"pca,ends" help:"Plane: pca (joint principal directions) or ends (through the start and two ends) (default ${default})."`
	Ends           string   `placeholder:"A,B" help:"Runs or groups whose ends span the plane of --plane ends (default: the baseline and the first other group)."`
	Kinds          string   `default:"weights" help:"Parameters that take part in the joint PCA: weights, all, or kinds with commas between them (default ${default})."`
	Center         string   `default:"mean" help:"Common origin of the joint PCA: mean or init (default ${default})."`
	Rows           string   `placeholder:"ROWS" help:"Iterates that decide the plane: all, A-B,C (steps), epoch:A-B,C, every:K (default: every K-th, so that there are at most 2048)."`
	Plain          bool     `help:"Evaluate the landscape point by point, without sharing work between points."`
	Grid           string   `default:"41x41" placeholder:"NXxNY" help:"Points of the landscape (default ${default})."`
	Against        string   `default:"passes" enum:"step,epoch,passes" help:"Axis of the series: step, epoch or passes (gradient evaluations over those of one pass) (default ${default})."`
	Segments       int      `default:"40" help:"Segments of each run to walk (default ${default})."`
	Hessians       int      `default:"2" help:"Iterates of each run whose Hessian is looked at (default ${default})."`
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
  sgdwalk compare SWEEP --out DIR --skip landscape,barriers --segments 100
  sgdwalk compare sgd adam --out DIR --objective "python3 objective.py" --also test_loss   from PyTorch

What the numbers mean, and what not: analyze/MEANING.md.`
}

var compareParts = []string{"landscape", "statistics", "barriers", "agreement"}

func (c *compareCmd) validate() error {
	for _, s := range c.Skip {
		if !slices.Contains(compareParts, s) {
			return usagef("--skip has %q; allowed are %s", s, strings.Join(compareParts, ", "))
		}
	}
	if err := c.check(c.lossFlags); err != nil {
		return err
	}
	if err := c.checkAlso(); err != nil {
		return err
	}
	switch {
	case c.Out == "":
		return usagef("--out is missing: the directory of the comparison")
	case c.Center != string(pca.Mean) && c.Center != string(pca.Init):
		return usagef("--center is %q; for several runs allowed are mean and init", c.Center)
	case c.Segments < 0 || c.Hessians < 0 || c.Curve < 0:
		return usagef("--segments %d, --hessians %d, --curve-steps %d: none may be negative", c.Segments, c.Hessians, c.Curve)
	case c.Products < 2 || c.Products > 1000:
		return usagef("--products is %d; it must be from 2 to 1000", c.Products)
	case c.Ends != "" && c.Plane != "ends":
		return usagef("--ends %s is for --plane ends", c.Ends)
	}
	return nil
}

func (c *compareCmd) skips(part string) bool { return slices.Contains(c.Skip, part) }

// joint is several runs at work.
type joint struct {
	*analysis
	c        *compareCmd
	runs     []compare.Run // in the order given
	traces   []*arrowfile.Reader
	dirs     []string // where they are
	common   compare.Common
	groups   []string // in the order given
	baseline string
	losses   map[string]*lossOf
	lossOf   []*lossOf // of every run; none with an objective
	data     map[string]*dataset.Data
	store    *result.Journal

	summary compare.Summary
}

// lossOf is the loss of one model on one data set.
type lossOf struct{ train, test *nn.Evaluator }

// Run compares.
func (c *compareCmd) Run(ctx context.Context, e *env) error {
	if err := c.validate(); err != nil {
		return err
	}
	w := &joint{analysis: &analysis{env: e, name: "compare", dir: c.Out, run: c.Out}, c: c, losses: make(map[string]*lossOf), data: make(map[string]*dataset.Data)}
	defer w.close()
	if err := w.gather(); err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	var err error
	if w.store, err = w.journal(w.recipe()); err != nil {
		return err
	}
	defer w.store.Close()
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{{"", w.series}, {"landscape", w.landscape}, {"statistics", w.statistics}, {"barriers", w.barriers}, {"agreement", w.agreement}} {
		if part.name != "" && c.skips(part.name) {
			continue
		}
		if err := part.run(ctx); err != nil {
			return w.interrupted(ctx, err)
		}
	}
	if err := w.finish(&w.summary, w.recipe(), compare.Method, compare.Citation); err != nil {
		return err
	}
	if !w.silent && !w.json {
		for _, line := range w.summary.GroupLines() {
			w.printf("%s\n", line)
		}
	}
	return w.show(&w.summary)
}

func (w *joint) close() {
	w.closeObjective()
	w.closeOut()
	for _, t := range w.traces {
		t.Close()
	}
}

// compareRecipe is what a result keeps of how it was asked for.
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
		sum, err := result.HeaderSHA256(w.traces[i].Header())
		if err != nil {
			sum = err.Error()
		}
		r.Runs = append(r.Runs, comparedRun{w.runs[i].Name, w.runs[i].Group, w.runs[i].Seed, sum, w.traces[i].Len()})
	}
	slices.SortFunc(r.Runs, func(a, b comparedRun) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// gather opens every run that was named, those of sweeps included.
func (w *joint) gather() error {
	for _, p := range w.c.Paths {
		s, err := sweep.ReadSummary(p)
		if errors.Is(err, fs.ErrNotExist) {
			if err := w.open(p, filepath.Base(filepath.Clean(p))); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, r := range s.Results {
			if r.Status != train.Finished {
				w.summary.LeftOut = append(w.summary.LeftOut, fmt.Sprintf("%s (%s)", r.Cell, r.Status))
				continue
			}
			if err := w.open(filepath.Join(p, filepath.FromSlash(r.Run)), r.Cell); err != nil {
				return err
			}
		}
	}
	if n := len(w.summary.LeftOut); n > 0 {
		slices.Sort(w.summary.LeftOut)
		w.warn = append(w.warn, analyze.Warning{Code: "cells_left_out", Text: fmt.Sprintf("%d cells of the sweep did not finish and are left out: %s", n, strings.Join(w.summary.LeftOut, ", "))})
	}
	if len(w.runs) == 0 {
		return fmt.Errorf("compare: none of the sweep's %d cells has finished", len(w.summary.LeftOut))
	}
	return nil
}

func (w *joint) open(dir, name string) error {
	t, err := arrowfile.Open(dir)
	if err != nil {
		return err
	}
	w.traces, w.dirs = append(w.traces, t), append(w.dirs, dir)
	if !t.Finished() {
		w.warn = append(w.warn, analyze.Warning{Code: "run_unfinished", Text: fmt.Sprintf("%s did not come to its end: its writer was stopped or killed, or is still at work, or rows were lost", dir)})
	}
	if t.Header().Sketch != nil {
		return fmt.Errorf("compare: %s recorded reduced rows (%s): runs are compared in the space of all parameters", dir, t.Header().Sketch.Spec)
	}
	unique := name
	for n := 2; slices.ContainsFunc(w.runs, func(r compare.Run) bool { return r.Name == unique }); n++ {
		unique = fmt.Sprintf("%s (%d)", name, n)
	}
	w.runs = append(w.runs, compare.Run{Name: unique, Seed: t.Header().Seed, Trajectory: t})
	return nil
}

// prepare groups the runs, finds what they have in common and opens their losses.
func (w *joint) prepare(ctx context.Context) error {
	headers := make([]*record.Header, len(w.runs))
	for i, t := range w.traces {
		headers[i] = t.Header()
	}
	for i, g := range compare.Groups(headers) {
		// A run that is given twice is a group of its own, so that it is compared.
		for n := 2; slices.ContainsFunc(w.runs[:i], func(r compare.Run) bool { return r.Group == g && r.Seed == w.runs[i].Seed }); n++ {
			base, _, _ := strings.Cut(g, " (")
			g = fmt.Sprintf("%s (%d)", base, n)
		}
		w.runs[i].Group = g
		if !slices.Contains(w.groups, g) {
			w.groups = append(w.groups, g)
		}
	}
	var notes []analyze.Warning
	var err error
	if w.common, notes, err = compare.Check(w.runs); err != nil {
		return err
	}
	w.warn = append(w.warn, notes...)
	w.summary.Common = w.common
	w.summary.Groups = slices.Sorted(slices.Values(w.groups))
	w.baseline = w.c.Baseline
	if w.baseline == "" {
		w.baseline = defaultBaseline(w.summary.Groups)
	}
	if !slices.Contains(w.groups, w.baseline) {
		return usagef("--baseline is %q; the groups are %s", w.baseline, strings.Join(w.summary.Groups, ", "))
	}
	w.summary.Baseline = w.baseline
	byName := slices.Clone(w.traces)
	w.trace = byName[w.byName()[0]]
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

// defaultBaseline is plain SGD where it is one group, and otherwise the first.
func defaultBaseline(groups []string) string {
	if slices.Contains(groups, "sgd") {
		return "sgd"
	}
	return groups[0]
}

// byName returns the runs' indices in the order of their names.
func (w *joint) byName() []int {
	order := make([]int, len(w.runs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(w.runs[a].Name, w.runs[b].Name) })
	return order
}

// openLoss opens the loss of a run; runs of one model on one data set share it.
func (w *joint) openLoss(i int) error {
	h := w.traces[i].Header()
	one := &analysis{trace: w.traces[i]}
	o := one.replayOptions(w.c.lossFlags)
	spec := h.Data.Spec
	if o.Data != "" {
		spec = o.Data
	}
	key := fmt.Sprint(h.Model, " ", h.Data.Hash, " ", spec)
	if h.State.Len() > 0 { // normalization: batches of the run's size, or its own statistics
		key += fmt.Sprint(" ", h.Batch)
		if o.Policy == nn.Running {
			key += " " + w.runs[i].Name
		}
	}
	l := w.losses[key]
	if l == nil {
		o.Opened = w.data[spec]
		x, err := replay.FromHeader(h, o)
		if errors.Is(err, replay.ErrOtherData) {
			return fmt.Errorf("%s: %w; --allow-other-data evaluates on them all the same", w.runs[i].Name, err)
		}
		if err != nil && foreign(h, w.dirs[i]) {
			err = fmt.Errorf("%w; --objective lets the program that made the runs evaluate it", err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.runs[i].Name, err)
		}
		if x.Data().Hash != h.Data.Hash {
			w.warn = append(w.warn, analyze.Warning{Code: "other_data", Text: fmt.Sprintf("the loss of %s was evaluated on %s (%s), not on the data of the run (%s)", w.runs[i].Name, dataName(spec), x.Data().Hash, h.Data.Hash)})
		}
		w.data[spec] = x.Data()
		l = new(lossOf)
		if l.train, err = x.TrainLoss(); err != nil {
			return err
		}
		if l.test, err = x.TestLoss(); err != nil {
			return err
		}
		w.losses[key] = l
		w.dataHash, w.kernel, w.policy = x.Data().Hash, kernel.Name(), string(x.Policy())
	}
	w.lossOf = append(w.lossOf, l)
	r := &w.runs[i]
	r.Loss = w.native(l.train)
	if l.test != nil {
		r.Ends = []compare.EndMeasure{{Name: "test_loss", Loss: l.test}, {Name: "test_accuracy", Loss: accuracyOf(l.test)}}
	}
	return nil
}

// predictor compares on the held-out examples, or without any on the training set.
func (w *joint) predictor(i int) *nn.Evaluator {
	if l := w.lossOf[i]; l.test != nil {
		return l.test
	}
	return w.lossOf[i].train
}

// accuracyOf is the accuracy over an evaluator's examples, as a measure.
func accuracyOf(e *nn.Evaluator) analyze.Loss {
	return analyze.LossFunc(func(ctx context.Context, theta []float32) (float64, error) {
		m, err := e.Evaluate(ctx, theta)
		return m.Accuracy, err
	})
}
