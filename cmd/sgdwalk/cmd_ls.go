package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
)

// lsCmd lists the runs in directories.
type lsCmd struct {
	Dirs  []string `arg:"" optional:"" name:"dir" help:"Directories to search (default: the current one)."`
	Depth int      `default:"${depth}" placeholder:"N" help:"How many levels of directories to search (default ${default})."`
	Tag   []string `placeholder:"TAG" help:"Only runs with this tag; may be repeated."`
	State string   `placeholder:"STATE" help:"Only runs in this state: ${states}."`
	Sort  string   `default:"name" enum:"name,loss,test,steps,size,time" help:"Order: name, loss (full training loss, smallest first), test (held-out loss), steps, size or time (largest and newest first) (default ${default})."`
}

func (lsCmd) Help() string {
	return `One line a run: what was trained, how far, the last losses (full: over the training set; test: over
the held-out set), the size of the recording, the state, and tags. Folders with checkpoints of other
programs are listed as series. A run is damaged here when its header, its index or its last rows
cannot be read; sgdwalk verify reads every byte.

Examples:
  sgdwalk ls
  sgdwalk ls runs --sort loss
  sgdwalk ls runs --state running
  sgdwalk ls --json runs | jq -r '.runs[] | select(.full_loss < 0.1) | .path'`
}

// Run lists the runs.
func (c *lsCmd) Run(ctx context.Context, e *env) error {
	if c.Depth < 0 {
		return usagef("--depth is %d; it must be at least 0", c.Depth)
	}
	if c.State != "" && !slices.Contains(recorder.States, recorder.State(c.State)) {
		return usagef("--state is %q; allowed are %s", c.State, stateNames())
	}
	if len(c.Dirs) == 0 {
		c.Dirs = []string{"."}
	}
	runs := []recorder.Entry{}
	var failed error
	for _, dir := range c.Dirs {
		if err := needFolder("ls", dir, "a run, or one with runs below it"); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		found, err := recorder.List(ctx, dir, c.Depth, func(err error) { e.say("note: %s", oneLine(err)) })
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if len(found) == 0 {
			e.say("%s: no runs, and no folders of checkpoints, down to depth %d", dir, c.Depth)
		}
		runs = append(runs, found...)
	}
	runs = slices.DeleteFunc(runs, func(r recorder.Entry) bool {
		return c.State != "" && r.State != recorder.State(c.State) || slices.ContainsFunc(c.Tag, func(tag string) bool {
			return !slices.Contains(r.Tags, tag)
		})
	})
	c.sort(runs)
	if e.json {
		return errors.Join(failed, e.printJSON(struct {
			Runs []recorder.Entry `json:"runs"`
		}{runs}))
	}
	return errors.Join(failed, e.listRuns(runs))
}

// sort sorts the runs as the flag says. Absent losses come last, and equal runs keep their order.
func (c *lsCmd) sort(runs []recorder.Entry) {
	loss := func(a, b record.Optional) int {
		if a.Valid != b.Valid {
			return -cmp.Compare(strconv.FormatBool(a.Valid), strconv.FormatBool(b.Valid))
		}
		aNumber, bNumber := a.Value == a.Value, b.Value == b.Value
		if aNumber != bNumber { // a NaN is no small loss
			return -cmp.Compare(strconv.FormatBool(aNumber), strconv.FormatBool(bNumber))
		}
		return cmp.Compare(a.Value, b.Value)
	}
	slices.SortStableFunc(runs, func(a, b recorder.Entry) int {
		switch c.Sort {
		case "loss":
			return loss(a.FullLoss, b.FullLoss)
		case "test":
			return loss(a.TestLoss, b.TestLoss)
		case "steps":
			return -cmp.Compare(a.Step, b.Step)
		case "size":
			return -cmp.Compare(a.Bytes, b.Bytes)
		case "time":
			return b.Modified.Compare(a.Modified)
		default:
			return 0
		}
	})
}

// listRuns prints a table of runs.
func (e *env) listRuns(runs []recorder.Entry) error {
	if len(runs) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tMODEL\tDATA\tOPTIMIZER\tSTEPS\tFULL\tTEST\tSIZE\tSTATE\tTAGS")
	var notes []string
	for i := range runs {
		r := &runs[i]
		steps := strconv.FormatInt(r.Step, 10)
		switch {
		case r.State == recorder.Series:
			steps = counted(r.Rows, "checkpoint")
		case r.Steps > r.Step:
			steps += "/" + strconv.FormatInt(r.Steps, 10)
		}
		cells := []string{
			filepath.ToSlash(r.Path), r.Model, r.Data, optimizerOf(r), steps, lossCell(r.FullLoss), lossCell(r.TestLoss),
			record.Bytes(r.Bytes).String(), string(r.State), strings.Join(r.Tags, ","),
		}
		for k, cell := range cells {
			cells[k] = cmp.Or(printable.Line(cell), "-")
		}
		if len(r.Tags) == 0 {
			cells[len(cells)-1] = ""
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
		for _, text := range []string{r.Problem, r.Notes.Problem} {
			if text != "" {
				notes = append(notes, text)
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, text := range notes {
		e.say("note: %s", printable.Line(text))
	}
	return nil
}

// optimizerOf names the optimizer of a run with its learning rate and mini-batch.
func optimizerOf(r *recorder.Entry) string {
	text := r.Optimizer
	if r.Rate.Valid {
		text += fmt.Sprintf(" %g", r.Rate.Value)
	}
	if r.Batch > 0 {
		text += fmt.Sprintf(", batch %d", r.Batch)
	}
	return strings.TrimPrefix(text, ", ")
}

// lossCell formats a loss for a table; "" when it was not measured.
func lossCell(o record.Optional) string {
	if !o.Valid {
		return ""
	}
	return fmt.Sprintf("%.4g", o.Value)
}

// stateNames lists the states of runs.
func stateNames() string {
	var names []string
	for _, s := range recorder.States {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
