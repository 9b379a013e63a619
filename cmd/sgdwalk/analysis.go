package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/report"
	"sgdwalk/analyze/result"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
	"sgdwalk/record/safefile"
	"sgdwalk/train/nn"
	"sgdwalk/train/replay"
)

// runFlags are what every analysis of one run takes.
type runFlags struct {
	Run_ string `json:"-" arg:"" name:"run" help:"Directory of a run, or a folder of checkpoints (SERIES)."`
	Out  string `json:"-" placeholder:"DIR" help:"${out}"`
	seriesFlags
	figureFlags
}

// lossFlags are what an analysis takes that evaluates the loss.
type lossFlags struct {
	Data           string `placeholder:"DATA" help:"Where the data are now, if not where the run was recorded: a data set as in train --data."`
	AllowOtherData bool   `help:"Evaluate on data that are not the recorded ones; the result is marked."`
	Norm           string `default:"batch" enum:"batch,running,recompute" help:"Statistics of normalization layers: batch (as in training), running (recorded: of each iterate in walk, curvature and compare, of both ends of a line between runs, averaged with the iterates in average, of the last iterate elsewhere) or recompute (default ${default})."`
}

// analysis is one analysis at work: its run, its options and its output.
type analysis struct {
	*env
	*runloss.Run
	name  string
	dir   string
	trace runloss.Recording
	out   *result.Dir
	lines []string // that are printed before the findings
	// reading opens further runs and series with the options of the first
	reading seriesFlags
	style   figureStyle
	drawing draw.Options
	heading string   // describes the runs on figures; empty for the title of the run
	drawn   []string // names of the figures that were saved

	others    []string // fingerprints of further runs that the units depend on
	fitKernel string   // instruction set of a PCA that they depend on

	kept *result.Journal // the finished units; nil without a journal
}

// open opens the run for the named analysis. close must be called.
func (f *runFlags) open(e *env, name string) (*analysis, error) {
	style, err := f.check()
	if err != nil {
		return nil, err
	}
	dir, err := f.resultDir(name)
	if err != nil {
		return nil, err
	}
	run, err := f.openRun(f.Run_)
	if err != nil {
		return nil, err
	}
	run.Notice = e.say
	return &analysis{
		env: e, Run: run, name: name, dir: dir, trace: run.Recording, style: style,
		reading: f.seriesFlags,
	}, nil
}

// resultDir returns the directory of the result of an analysis. The person who filled the
// directory of the run must not decide where files are written.
func (f *runFlags) resultDir(analysis string) (string, error) {
	dir, above := f.Out, f.Run_
	if dir == "" {
		parent, err := resultParent(f.Run_)
		if err != nil {
			return "", err
		}
		dir = filepath.Join(parent, analysis)
		if runloss.IsSeries(f.Run_) {
			above = "."
		}
	}
	if err := safefile.CheckBelow(above, dir); err != nil {
		return "", fmt.Errorf("%w; name a directory outside of the run with --out", err)
	}
	return dir, nil
}

// close closes the run and the directory of the result. An error changes no number: what is
// finished is there already.
func (a *analysis) close() {
	if err := a.Close(); err != nil {
		a.say("sgdwalk: note: %s", oneLine(err))
	}
	a.closeOut()
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

func (f *lossFlags) lossOptions() runloss.Options {
	return runloss.Options{Data: f.Data, AllowOtherData: f.AllowOtherData, Policy: nn.Policy(f.Norm)}
}

// loss rebuilds the full training loss from the run's header.
func (a *analysis) loss(f lossFlags) (*nn.Evaluator, error) {
	e, err := a.TrainLoss(f.lossOptions())
	return e, withDataFlag(err)
}

// withDataFlag adds to an error about other data which flag allows them.
func withDataFlag(err error) error {
	if errors.Is(err, replay.ErrOtherData) {
		return fmt.Errorf("%w; --allow-other-data evaluates on them anyway", err)
	}
	return err
}

// begin makes the output directory.
func (a *analysis) begin() (err error) {
	a.out, err = result.Create(a.dir)
	return err
}

// journal opens the record of finished units, so that interrupted work resumes where it
// stopped. The caller closes it.
func (a *analysis) journal(key any) (*result.Journal, error) {
	with := []string{a.DataHash, a.Kernel, a.Policy}
	if a.Series != nil { // its header does not identify it
		rows, err := a.Series.Fingerprint()
		if err != nil {
			return nil, err
		}
		with = append(with, rows)
	}
	if a.Objective != nil {
		with = append(with, a.ObjectiveKey)
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

// leave keeps the tables and the picture of an interrupted analysis, where no finished one is.
func (a *analysis) leave(ctx context.Context, summary analyze.Summary, warnings []analyze.Warning, stopped error) error {
	doc, err := a.document(summary, warnings, nil, "", "")
	if err == nil {
		err = a.draw(doc)
	}
	if err != nil {
		return errors.Join(a.interrupted(ctx, stopped), err)
	}
	left, err := a.out.Leave()
	if left {
		a.say("%s: what was evaluated so far is drawn in %s; it is not finished", a.name, a.dir)
	}
	return errors.Join(a.interrupted(ctx, stopped), err)
}

// draw draws the figures of the result that the document and the tables so far make, several
// at a time, in the requested style. It reads back what is written, so that the figures can
// be drawn again from the files alone.
func (a *analysis) draw(doc *result.Document) error {
	doc.Provenance.Title = cmp.Or(a.heading, doc.Provenance.Title)
	if a.trace != nil {
		t := analyze.Timeline(a.trace)
		if err := a.out.Table("timeline", &t); err != nil {
			return err
		}
	}
	saved, err := a.out.Draft(doc)
	if err != nil {
		return err
	}
	list, err := report.Figures(saved, a.drawing)
	if err != nil {
		return err
	}
	stage, err := a.out.Stage()
	if err != nil {
		return err
	}
	for _, f := range list {
		a.drawn = append(a.drawn, f.Name)
	}
	paths, err := a.style.save(list, stage)
	return errors.Join(err, a.out.Keep(paths...))
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

// unfinished is the text of the warning run_unfinished; its argument names the recording.
const unfinished = "%s did not come to its end: its writer was stopped or killed, or is still at work, or rows were lost"

// finish draws the result, completes it with summary.json and prints it.
func (a *analysis) finish(
	summary analyze.Summary, warnings []analyze.Warning, options any, method, citation string,
) error {
	doc, err := a.document(summary, warnings, options, method, citation)
	if err != nil {
		return err
	}
	if err := a.draw(doc); err != nil {
		return err
	}
	if err := a.out.Finish(doc); err != nil {
		return err
	}
	return a.show(summary)
}

// document returns the summary with its warnings and its origin.
func (a *analysis) document(
	summary analyze.Summary, warnings []analyze.Warning, options any, method, citation string,
) (*result.Document, error) {
	a.Warnings = append(append(a.Warnings, warnings...), seriesWarnings(a.Run)...)
	p, err := result.NewProvenance(a.Dir, a.trace.Header())
	if err != nil {
		return nil, err
	}
	if a.Series != nil {
		p.Run = seriesName(a.Dir)
	}
	p.Software, p.Options, p.Method, p.Citation = software, options, method, citation
	if !a.trace.Finished() && !slices.ContainsFunc(a.Warnings,
		func(w analyze.Warning) bool { return w.Code == "run_unfinished" }) {
		a.Warnings.Add(true, "run_unfinished", unfinished, "the recording")
	}
	a.Warnings = a.role.mark(a.Warnings)
	p.DataHash, p.Kernel, p.Policy = a.DataHash, a.Kernel, a.Policy
	if a.Objective != nil {
		p.Objective = a.Objective.Command()
		a.Warnings = append(a.Warnings, a.Objective.Warnings()...)
	}
	return &result.Document{Analysis: a.name, Summary: summary, Warnings: a.Warnings, Provenance: p}, nil
}

// printed is what an analysis prints with --json.
type printed struct {
	Analysis string            `json:"analysis"`
	Run      string            `json:"run"`
	Out      string            `json:"out"`
	Summary  any               `json:"summary"`
	Findings []string          `json:"findings"` // the summary in sentences
	Warnings []analyze.Warning `json:"warnings"`
}

// show prints the result: its findings and warnings, or one JSON object.
func (a *analysis) show(summary analyze.Summary) error {
	for _, r := range a.style.labels.unused(a.drawn) {
		a.say("%s: note: --%s is for the figure %s, which this analysis did not draw; it drew %s", a.name, r.flag, r.figure,
			strings.Join(a.drawn, ", "))
	}
	if a.silent {
		return nil
	}
	if a.json {
		return a.printJSON(printed{
			a.name, a.Dir, a.dir, summary, append(append([]string{}, a.lines...), texts(summary.Findings())...),
			append([]analyze.Warning{}, a.Warnings...),
		})
	}
	for _, line := range a.lines {
		a.printf("%s\n", line)
	}
	for _, f := range summary.Findings() {
		a.printf("%s\n", f.Text)
	}
	for _, w := range a.Warnings {
		a.printf("note: %s\n", w.Text)
	}
	a.printf("figures and data are in %s\n", a.dir)
	return nil
}

// texts returns the sentences of findings; never nil.
func texts(findings []analyze.Finding) []string {
	out := make([]string, len(findings))
	for i, f := range findings {
		out[i] = f.Text
	}
	return out
}

// percent writes a share for a reader.
func percent(share float64) string { return analyze.Percent(share) }
