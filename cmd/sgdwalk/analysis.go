package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/objective"
	"sgdwalk/analyze/result"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
	"sgdwalk/train/nn"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/replay"
)

// What train/replay rebuilds is what the analyses ask for: they meet here, by
// structure alone.
var (
	_ analyze.HessianProduct     = (*nn.Evaluator)(nil)
	_ analyze.GaussNewtonProduct = (*nn.Evaluator)(nil)

	_ curvature.PreconditionerSource = (*replay.Preconditioner)(nil)
)

// runFlags are what every analysis of one run takes.
type runFlags struct {
	Run_ string `json:"-" arg:"" name:"run" help:"Directory of the run."`
	Out  string `json:"-" placeholder:"DIR" help:"${out}"`
	figureFlags
}

// lossFlags are what an analysis takes that evaluates the loss.
type lossFlags struct {
	Data           string `placeholder:"DATA" help:"Where the data are now, if not where the run was recorded: a data set as in train --data."`
	AllowOtherData bool   `help:"Evaluate on data that are not the recorded ones; the result is marked."`
	Norm           string `default:"batch" enum:"batch,running,recompute" help:"Statistics of normalization layers: batch (as in training), running (the recorded ones: those of each iterate in walk, curvature and compare, those of the last one elsewhere) or recompute (default ${default})."`
}

// analysis is one analysis at work: its run, its options and its output.
type analysis struct {
	*env
	name  string
	dir   string
	run   string
	trace *arrowfile.Reader
	out   *result.Dir
	warn  []analyze.Warning
	lines []string // that are printed before the findings
	style figureStyle

	experiment               *replay.Experiment // the run rebuilt, once loss was asked for
	dataHash, kernel, policy string             // of what the loss was evaluated with, if one was

	others    []string // fingerprints of further runs that the units depend on
	fitKernel string   // instruction set of a PCA that they depend on

	kept *result.Journal // the finished units; nil without a journal

	objective    *objective.Objective // the other program that evaluates it, if one does
	objectiveKey string               // which one it is, and which loss
}

// open opens the run for the named analysis. close must be called.
func (f *runFlags) open(e *env, name string) (*analysis, error) {
	style, err := f.check()
	if err != nil {
		return nil, err
	}
	trace, err := arrowfile.Open(f.Run_)
	if err != nil {
		return nil, err
	}
	dir := f.Out
	if dir == "" {
		dir = filepath.Join(f.Run_, "analysis", name)
	}
	if err := safefile.CheckBelow(f.Run_, dir); err != nil {
		trace.Close()
		return nil, fmt.Errorf("%w; name a directory outside of the run with --out", err)
	}
	return &analysis{env: e, name: name, dir: dir, run: f.Run_, trace: trace, style: style}, nil
}

func (a *analysis) close() {
	a.closeObjective()
	a.closeOut()
	a.trace.Close()
}

// closeOut gives up the directory of the result. What is finished is there already.
func (a *analysis) closeOut() {
	if a.out == nil {
		return
	}
	if err := a.out.Close(); err != nil {
		a.say("sgdwalk: note: %s", oneLine(err))
	}
}

// loss rebuilds the full training loss from the run's header.
func (a *analysis) loss(f lossFlags) (*nn.Evaluator, error) {
	x, err := replay.FromHeader(a.trace.Header(), a.replayOptions(f))
	if errors.Is(err, replay.ErrOtherData) {
		return nil, fmt.Errorf("%w; --allow-other-data evaluates on them all the same", err)
	}
	if err != nil {
		return nil, err
	}
	if x.Data().Hash != a.trace.Header().Data.Hash {
		a.warn = append(a.warn, analyze.Warning{Code: "other_data", Text: fmt.Sprintf("the loss was evaluated on %s (%s), not on the data of the run (%s)", dataName(x.Header().Data.Spec), x.Data().Hash, a.trace.Header().Data.Hash)})
	}
	a.experiment = x
	a.dataHash, a.kernel, a.policy = x.Data().Hash, kernel.Name(), string(x.Policy())
	return x.TrainLoss()
}

// replayOptions are where the data are and what normalization layers do. The
// policy running takes the statistics of the last row that has them; replay
// refuses it when none has.
func (a *analysis) replayOptions(f lossFlags) replay.Options {
	o := replay.Options{Data: f.Data, AllowOtherData: f.AllowOtherData, Policy: nn.Policy(f.Norm)}
	if o.Policy == nn.Running && a.trace.Len() > 0 {
		if state, err := record.StateOf(a.trace, a.trace.Len()-1); err == nil {
			o.State = state
		}
	}
	return o
}

// begin makes the output directory.
func (a *analysis) begin() (err error) {
	a.out, err = result.Create(a.dir)
	return err
}

// journal opens the record of finished units, so that interrupted work resumes where it
// stopped. The caller closes it.
func (a *analysis) journal(key any) (*result.Journal, error) {
	with := []string{a.dataHash, a.kernel, a.policy}
	if a.objective != nil {
		with = append(with, a.objectiveKey)
	}
	j, err := a.out.Journal(a.name, a.trace.Header(), key, with...)
	a.kept = j
	if err == nil && j.Len() > 0 {
		a.say("%s: continues with the %d units that an interrupted call left", a.name, j.Len())
	}
	return j, err
}

// interrupted says what an interruption leaves: the units of the journal, and nothing
// of the unit that it stopped.
func (a *analysis) interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case a.kept == nil || a.kept.Len() == 0:
		return fmt.Errorf("%w; no unit was finished, so the same call starts again", err)
	}
	return fmt.Errorf("%w; %d finished units are kept, and the same call computes the others", err, a.kept.Len())
}

// leave keeps the picture of an interrupted analysis, where no finished one is.
func (a *analysis) leave(ctx context.Context, stopped error) error {
	left, err := a.out.Leave()
	if left {
		a.say("%s: what was evaluated so far is drawn in %s; it is not finished", a.name, a.dir)
	}
	return errors.Join(a.interrupted(ctx, stopped), err)
}

// figures saves what package draw made of a result.
func (a *analysis) figures(list []draw.Named) error {
	for _, f := range list {
		if err := a.figure(f.Name, f.Figure); err != nil {
			return err
		}
	}
	return nil
}

// figure saves a figure in the requested formats and style, with its data.
func (a *analysis) figure(name string, f figure.Figure) error {
	stage, err := a.out.Stage()
	if err != nil {
		return err
	}
	paths, err := figure.Save(a.style.apply(f), filepath.Join(stage, name), a.style.formats...)
	if err != nil {
		return err
	}
	return a.out.Keep(paths...)
}

// namedTable is a table with the name of its file.
type namedTable struct {
	name  string
	table *record.Table
}

// tables writes tables into the result.
func (a *analysis) tables(tables ...namedTable) error {
	for _, t := range tables {
		if err := a.out.Table(t.name, t.table); err != nil {
			return err
		}
	}
	return nil
}

// finish completes the result with summary.json and prints it.
func (a *analysis) finish(
	summary analyze.Summary, warnings []analyze.Warning, options any, method, citation string,
) error {
	a.warn = append(a.warn, warnings...)
	p, err := result.NewProvenance(a.run, a.trace.Header())
	if err != nil {
		return err
	}
	p.Software, p.Options, p.Method, p.Citation = software, options, method, citation
	if !a.trace.Finished() && !slices.ContainsFunc(a.warn, func(w analyze.Warning) bool { return w.Code == "run_unfinished" }) {
		a.warn = append(a.warn, analyze.Warning{Code: "run_unfinished", Text: "the recording did not come to its end: its writer was stopped or killed, or is still at work, or rows were lost"})
	}
	a.warn = a.role.mark(a.warn)
	p.DataHash, p.Kernel, p.Policy = a.dataHash, a.kernel, a.policy
	if a.objective != nil {
		p.Objective = a.objective.Command()
		a.warn = append(a.warn, a.objective.Warnings()...)
	}
	err = a.out.Finish(&result.Document{Analysis: a.name, Summary: summary, Warnings: a.warn, Provenance: p})
	if err != nil {
		return err
	}
	return a.show(summary)
}

// dataName is a data set without the place where it was.
func dataName(spec string) string {
	name, _, _ := strings.Cut(spec, ":")
	return name
}

// title names the run on a figure.
func (a *analysis) title() string { return a.trace.Header().Title() }

// printed is what an analysis prints with --json.
type printed struct {
	Analysis string            `json:"analysis"`
	Run      string            `json:"run"`
	Out      string            `json:"out"`
	Summary  any               `json:"summary"`
	Warnings []analyze.Warning `json:"warnings"`
}

// show prints the result: its findings and warnings, or one JSON object.
func (a *analysis) show(summary analyze.Summary) error {
	if a.silent {
		return nil
	}
	if a.json {
		return a.printJSON(printed{a.name, a.run, a.dir, summary, append([]analyze.Warning{}, a.warn...)})
	}
	for _, line := range a.lines {
		a.printf("%s\n", line)
	}
	for _, f := range summary.Findings() {
		a.printf("%s\n", f.Text)
	}
	for _, w := range a.warn {
		a.printf("note: %s\n", w.Text)
	}
	a.printf("figures and data are in %s\n", a.dir)
	return nil
}

// percent writes a share for a reader.
func percent(share float64) string { return analyze.Percent(share) }
