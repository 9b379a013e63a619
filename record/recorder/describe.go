package recorder

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sgdwalk/record"
)

// Line is a line of a description: a name, which is empty on the further lines of a name, and a text.
type Line struct{ Name, Text string }

// Lines describes the run for a reader. The texts come from files and may have any characters.
func (i *Info) Lines() []Line {
	h := i.Header
	var lines []Line
	line := func(name, format string, args ...any) {
		lines = append(lines, Line{name, fmt.Sprintf(format, args...)})
	}
	line("run", "%s (%s, %d rows, steps %d to %d)", i.Run, i.Status, i.Rows, i.FirstStep, i.LastStep)
	line("model", "%s%d parameters in %d tensors", join("", h.Model, ": "), h.Layout.Len(), len(h.Layout))
	describeOrigin(h, line)
	line("recorded", "%s; theta %s, gradient %s, state %s", h.Schedule, yes(h.Columns.Theta, h.ThetaSchedule),
		yes(h.Columns.Grad, h.GradSchedule), yes(h.Columns.State, h.StateSchedule))
	if h.Sketch != nil {
		line("reduced", "%s, from %d parameters", h.Sketch.Spec, h.Sketch.Parameters)
	}
	line("on disk", "%s in %d segments of %s, format %d%s", record.Bytes(i.Bytes), i.Segments,
		h.DType, h.Format, join(", written by ", h.Software)+join(" with ", h.Kernel, " kernels"))
	i.describeRecorder(line)
	line("batch loss", "%s at first, %s at last", number(i.FirstLoss), number(i.LastLoss))
	if i.FullLoss.Valid {
		line("full loss", "%s, held out %s at last", number(i.FullLoss), number(i.TestLoss))
	}
	if i.TornBytes > 0 {
		line("torn", "%d bytes after the last row are not a whole row: the writer died, or is writing it", i.TornBytes)
	}
	return append(lines, i.Notes.Lines()...)
}

// Outcome returns how far the run came.
func (i *Info) Outcome() []record.Setting {
	var all []record.Setting
	add := func(name, value string) {
		all = append(all, record.Setting{Section: "outcome", Name: name, Value: value})
	}
	add("status", i.Status)
	add("last step", fmt.Sprint(i.LastStep))
	for _, loss := range []struct {
		name string
		o    record.Optional
	}{
		{"first batch loss", i.FirstLoss},
		{"last batch loss", i.LastLoss},
		{"last full loss", i.FullLoss},
		{"last held-out loss", i.TestLoss},
	} {
		if loss.o.Valid {
			add(loss.name, fmt.Sprintf("%.6g", loss.o.Value))
		}
	}
	return all
}

// Lines describes the tags and the notes for a reader.
func (n *Notes) Lines() []Line {
	var lines []Line
	if len(n.Tags) > 0 {
		lines = append(lines, Line{"tags", strings.Join(n.Tags, ", ")})
	}
	for _, note := range n.Notes {
		lines = append(lines, Line{"note", note.Time.Local().Format(time.DateTime) + ": " + note.Text})
	}
	if n.Problem != "" {
		lines = append(lines, Line{"notes", n.Problem})
	}
	return lines
}

// describeOrigin describes what was trained, and how, as far as the header says. The header of a run from another
// program may say nothing.
func describeOrigin(h *record.Header, line func(name, format string, args ...any)) {
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
		about := slices.DeleteFunc([]string{d.Split, d.Scaling, d.Hash}, func(s string) bool { return s == "" })
		if len(about) > 0 {
			line("", "%s", strings.Join(about, "; "))
		}
	}
	text := h.Optimizer.Name
	for _, name := range slices.Sorted(maps.Keys(h.Optimizer.Hyperparameters)) {
		text += fmt.Sprintf(" %s=%g", name, h.Optimizer.Hyperparameters[name])
	}
	text += join(" ", h.Optimizer.RateSchedule)
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

// join returns a text between two others, and nothing when the text is empty.
func join(before, text string, after ...string) string {
	if text == "" {
		return ""
	}
	return before + text + strings.Join(after, "")
}

// describeRecorder describes what recording has cost.
func (i *Info) describeRecorder(line func(name, format string, args ...any)) {
	switch s, l := i.Recorder, i.Live; {
	case l != nil:
		line("recorder", "at work: it took %.3g %% of the time so far (%.3g s waiting); %d rows are queued, %d at most",
			100*l.Share, l.BlockedTime, l.Queued, l.MostQueued)
		if l.Dropped > 0 {
			line("", "INCOMPLETE: %d rows could not be written", l.Dropped)
		}
	case s != nil:
		line("recorder", "%d rows in the last session; it took %.3g %% of the time (%.3g s copying, %.3g s waiting, "+
			"%.3g s writing in the background; at most %d rows queued)",
			s.Rows, 100*s.Share, s.Copying, s.Blocked, s.Writing, s.MostQueued)
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

func number(o record.Optional) string {
	if !o.Valid {
		return "not measured"
	}
	return fmt.Sprintf("%.4g", o.Value)
}
