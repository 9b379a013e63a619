package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
)

// errDamaged is wrapped by the errors that mean exit status 3.
var errDamaged = errors.New("the recording is damaged")

// infoCmd says what is in a run.
type infoCmd struct {
	Run_ string `arg:"" name:"run" help:"Directory of the run."`
}

func (infoCmd) Help() string {
	return `Examples:
  sgdwalk info RUN
  sgdwalk info --json RUN`
}

// Run reads the scalars of every row.
func (c *infoCmd) Run(e *env) error {
	r, err := arrowfile.Open(c.Run_)
	if err != nil {
		return err
	}
	defer r.Close()
	info, statsErr, err := recorder.Inspect(c.Run_, r)
	if err != nil {
		return err
	}
	if statsErr != nil {
		e.say("note: the costs in %s are left out: %s", recorder.SummaryName, oneLine(statsErr))
	}
	if e.json {
		return e.printJSON(info)
	}
	return printInfo(e, info)
}

func printInfo(e *env, i *recorder.Info) error {
	h := i.Header
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, onOneLine(args)...)...)
	}
	line("run", "%s (%s, %d rows, steps %d to %d)", i.Run, i.Status, i.Rows, i.FirstStep, i.LastStep)
	line("model", "%s%d parameters in %d tensors", known("", h.Model, ": "), h.Layout.Len(), len(h.Layout))
	printOrigin(h, line)
	line("recorded", "%s; theta %s, gradient %s, state %s", h.Schedule, yes(h.Columns.Theta, h.ThetaSchedule), yes(h.Columns.Grad, h.GradSchedule), yes(h.Columns.State, h.StateSchedule))
	if h.Sketch != nil {
		line("reduced", "%s, from %d parameters", h.Sketch.Spec, h.Sketch.Parameters)
	}
	line("on disk", "%s in %d segments of %s, format %d%s", record.Bytes(i.Bytes), i.Segments, h.DType, h.Format, known(", written by ", h.Software)+known(" with ", h.Kernel, " kernels"))
	printRecorder(i, line)
	line("batch loss", "%s at first, %s at last", optionalText(i.FirstLoss), optionalText(i.LastLoss))
	if i.FullLoss.Valid {
		line("full loss", "%s, held out %s at last", optionalText(i.FullLoss), optionalText(i.TestLoss))
	}
	if i.TornBytes > 0 {
		line("torn", "%d bytes after the last row are no row: its writer died, or is at work on it", i.TornBytes)
	}
	return w.Flush()
}

// printOrigin says what was trained, and how: whatever of it the header says. That of
// a run from elsewhere may say nothing.
func printOrigin(h *record.Header, line func(name, format string, args ...any)) {
	d := h.Data
	if d != (record.Data{}) {
		text := d.Spec + ":"
		if d.TrainExamples > 0 {
			text += fmt.Sprintf(" %d training, %d held-out examples", d.TrainExamples, d.TestExamples)
		}
		if d.Height > 0 {
			text += fmt.Sprintf(" of %dx%dx%d", d.Height, d.Width, d.Channels)
		}
		if d.Classes > 0 {
			text += fmt.Sprintf(", %d classes", d.Classes)
		}
		line("data", "%s", strings.Trim(text, ": "))
		if about := slices.DeleteFunc([]string{d.Split, d.Scaling, d.Hash}, func(s string) bool { return s == "" }); len(about) > 0 {
			line("", "%s", strings.Join(about, "; "))
		}
	}
	text := h.Optimizer.Name
	for _, name := range slices.Sorted(maps.Keys(h.Optimizer.Hyperparameters)) {
		text += fmt.Sprintf(" %s=%g", name, h.Optimizer.Hyperparameters[name])
	}
	text += known(" ", h.Optimizer.RateSchedule)
	for _, n := range []struct {
		format string
		n      int
	}{{", batch %d", h.Batch}, {", %d epochs", h.Epochs}} {
		if n.n > 0 {
			text += fmt.Sprintf(n.format, n.n)
		}
	}
	if h.Seed != 0 || h.InitSeed != nil || h.Kernel != "" {
		text += fmt.Sprintf(", seed %d", h.Seed)
	}
	if h.InitSeed != nil {
		text += fmt.Sprintf(", initialization %d", *h.InitSeed)
	}
	if text != "" {
		line("optimizer", "%s", strings.TrimPrefix(text, ", "))
	}
	if h.Comment != "" {
		line("comment", "%s", h.Comment)
	}
}

// known joins a text with what stands around it; nothing when it is empty.
func known(before, text string, after ...string) string {
	if text == "" {
		return ""
	}
	return before + text + strings.Join(after, "")
}

// printRecorder says what recording has cost.
func printRecorder(i *recorder.Info, line func(name, format string, args ...any)) {
	switch s, l := i.Recorder, i.Live; {
	case l != nil:
		line("recorder", "at work: it took %s of the time so far (%.3g s waiting); %d rows are queued, %d at most", percent(l.Share), l.BlockedTime, l.Queued, l.MostQueued)
		if l.Dropped > 0 {
			line("", "INCOMPLETE: %d rows could not be written", l.Dropped)
		}
	case s != nil:
		line("recorder", "%d rows in the last session; it took %s of the time (%.3g s copying, %.3g s waiting, %.3g s writing beside training; at most %d rows queued)",
			s.Rows, percent(s.Share), s.Copying, s.Blocked, s.Writing, s.MostQueued)
		if text := s.Incomplete(); text != "" {
			line("", "%s", text)
		}
	}
}

// yes says whether something is recorded, and when.
func yes(b bool, at ...record.Schedule) string {
	switch {
	case !b:
		return "no"
	case len(at) > 0 && !at[0].IsZero():
		return "at " + at[0].String()
	default:
		return "yes"
	}
}

func optionalText(o record.Optional) string {
	if !o.Valid {
		return "not measured"
	}
	return fmt.Sprintf("%.4g", o.Value)
}
