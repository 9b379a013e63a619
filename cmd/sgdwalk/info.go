package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"sgdwalk/analyze/live"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
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

// runInfo is what info prints.
type runInfo struct {
	Run       string          `json:"run"`
	Header    *record.Header  `json:"header"`
	Rows      int             `json:"rows"`
	FirstStep int64           `json:"first_step"`
	LastStep  int64           `json:"last_step"`
	Status    string          `json:"status"`     // finished, diverged or unfinished
	TornBytes int64           `json:"torn_bytes"` // of a row that was cut off while it was written
	Segments  int             `json:"segments"`
	Bytes     int64           `json:"bytes"`
	FirstLoss record.Optional `json:"first_batch_loss"`
	LastLoss  record.Optional `json:"last_batch_loss"`
	FullLoss  record.Optional `json:"last_full_loss"`
	TestLoss  record.Optional `json:"last_test_loss"`

	// Recorder is what the last session of training says about its recording, nil
	// for a run that training did not make, or that is at work or was killed.
	Recorder *recordingStats `json:"recorder"`
	Live     *live.Recorder  `json:"live"` // while a writer is at work
}

// Run reads the scalars of every row.
func (c *infoCmd) Run(e *env) error {
	r, err := arrowfile.Open(c.Run_)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := inspect(c.Run_, r)
	if err != nil {
		return err
	}
	if info.Live = readCounters(c.Run_); info.Live == nil {
		if info.Recorder, err = readRecorder(c.Run_); err != nil {
			e.say("note: what %s says is left out: %s", summaryName, oneLine(err))
		}
	}
	if e.json {
		return e.printJSON(info)
	}
	return info.print(e)
}

// maxRunFile bounds what is read of a small file beside a recording.
const maxRunFile = 1 << 20

// readRunFile reads a small file beside a recording.
func readRunFile(dir, name string) ([]byte, error) {
	return safefile.Read(filepath.Join(dir, name), maxRunFile)
}

// readRecorder returns the counters of the last session, nil when there are none.
func readRecorder(dir string) (*recordingStats, error) {
	text, err := readRunFile(dir, summaryName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s trainSummary
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, summaryName), err)
	}
	return &s.Recording, nil
}

func inspect(dir string, r *arrowfile.Reader) (*runInfo, error) {
	info := &runInfo{Run: dir, Header: r.Header(), Rows: r.Len(), Status: "unfinished", TornBytes: r.Torn(), Segments: r.Segments(), Bytes: r.Bytes()}
	for i := range r.Len() {
		s, err := r.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			info.FirstStep, info.FirstLoss = s.Step, s.BatchLoss
		}
		info.LastStep = s.Step
		for _, p := range []struct{ kept, seen *record.Optional }{{&info.LastLoss, &s.BatchLoss}, {&info.FullLoss, &s.FullLoss}, {&info.TestLoss, &s.TestLoss}} {
			if p.seen.Valid {
				*p.kept = *p.seen
			}
		}
		if l := s.BatchLoss; l.Valid && (math.IsNaN(l.Value) || math.IsInf(l.Value, 0)) {
			info.Status = "diverged"
		}
	}
	if info.Status != "diverged" && r.Finished() {
		info.Status = "finished"
	}
	return info, nil
}

func (i *runInfo) print(e *env) error {
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
	line("on disk", "%s in %d segments of %s, format %d%s", bytesText(i.Bytes), i.Segments, h.DType, h.Format, known(", written by ", h.Software)+known(" with ", h.Kernel, " kernels"))
	i.printRecorder(line)
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

// incomplete says which rows were never written; nothing when all were.
func (s *recordingStats) incomplete() string {
	if s.Dropped == 0 && s.Error == "" {
		return ""
	}
	return fmt.Sprintf("INCOMPLETE: %d rows are missing after %s", s.Dropped, s.Error)
}

// printRecorder says what recording has cost.
func (i *runInfo) printRecorder(line func(name, format string, args ...any)) {
	switch s, l := i.Recorder, i.Live; {
	case l != nil:
		line("recorder", "at work: it took %s of the time so far (%.3g s waiting); %d rows are queued, %d at most", percent(l.Share), l.BlockedTime, l.Queued, l.MostQueued)
		if l.Dropped > 0 {
			line("", "INCOMPLETE: %d rows could not be written", l.Dropped)
		}
	case s != nil:
		line("recorder", "%d rows in the last session; it took %s of the time (%.3g s copying, %.3g s waiting, %.3g s writing beside training; at most %d rows queued)",
			s.Rows, percent(s.Share), s.Copying, s.Blocked, s.Writing, s.MostQueued)
		if text := s.incomplete(); text != "" {
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
