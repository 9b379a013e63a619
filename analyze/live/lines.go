package live

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sgdwalk/record"
	"sgdwalk/record/recorder"
)

// Line returns the status on one line, for a log file.
func (s *Status) Line() string {
	parts := []string{fmt.Sprintf("step %d/%d", s.Step, s.Steps), "loss " + number(s.BatchLoss)}
	add := func(name string, o record.Optional) {
		if o.Valid {
			parts = append(parts, name+" "+number(o))
		}
	}
	add("step length", s.StepLength)
	add("cosine", s.UpdateCos)
	add("rate", s.LearningRate)
	if s.StepsPerSecond.Valid {
		parts = append(parts, number(s.StepsPerSecond)+" steps/s")
	}
	if s.Recorder != nil {
		parts = append(parts, fmt.Sprintf("queue %d", s.Recorder.Queued))
	}
	parts = append(parts, record.Bytes(s.Bytes).String())
	if s.State != recorder.Running {
		parts = append(parts, string(s.State))
	}
	return strings.Join(parts, ", ")
}

// Lines returns the status as lines for a terminal. Each number is at the same place in
// every call, so that the caller can write the lines over the earlier ones. No line has more
// than width characters; widths below 20 count as 20.
func (l *Log) Lines(s *Status, width int) []string {
	width = max(width, 20)
	const label = 13
	graph := max(0, min(60, width-label-30))
	out := []string{
		fmt.Sprintf("%s: %s", s.Run, l.title()),
		fmt.Sprintf("%s, step %d of %d%s, epoch %d of %d%s", s.State, s.Step, s.Steps, share(s.Step, s.Steps), s.Epoch,
			s.Epochs, s.pace()),
		"",
	}
	row := func(name, text string, get func(*Point) record.Optional, lo, hi float64) {
		line := fmt.Sprintf("%-*s%s", label, name, text)
		if get != nil && graph > 7 {
			line = pad(line, label+28) + l.spark(graph, get, lo, hi)
		}
		out = append(out, line)
	}
	nan := math.NaN()
	row("loss", number(s.BatchLoss)+" mini-batch", func(p *Point) record.Optional { return p.BatchLoss }, nan, nan)
	row("", fmt.Sprintf("%s all, %s held out", number(s.FullLoss), number(s.TestLoss)), nil, 0, 0)
	row("step length", number(s.StepLength), func(p *Point) record.Optional { return p.UpdateNorm }, 0, nan)
	row("cosine", fmt.Sprintf("%s of updates", number(s.UpdateCos)),
		func(p *Point) record.Optional { return p.UpdateCos }, -1, 1)
	row("", fmt.Sprintf("%s of gradients",
		number(s.GradCos)), func(p *Point) record.Optional { return p.GradCos }, -1, 1)
	row("rate", number(s.LearningRate), func(p *Point) record.Optional { return p.LearningRate }, 0, nan)
	row("queue", s.queue(), nil, 0, 0)
	row("disk", s.disk(), nil, 0, 0)
	if s.Nonfinite {
		out = append(out, "a loss was NaN or infinite")
	} else {
		out = append(out, "")
	}
	for i := range out {
		out[i] = cut(out[i], width)
	}
	return out
}

// title returns the title of the run, without a lock: the header never changes.
func (l *Log) title() string { return l.header.Title() }

// share formats the fraction of finished steps, or "" when the number of steps is unknown.
func share(step, steps int64) string {
	if steps <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f %%)", 100*float64(step)/float64(steps))
}

// pace formats the speed, the remaining time, and the age of the last row when it is more than
// 10 seconds.
func (s *Status) pace() string {
	out := ""
	if s.StepsPerSecond.Valid {
		out = fmt.Sprintf(", %s steps/s", number(s.StepsPerSecond))
	}
	if s.SecondsLeft.Valid && s.SecondsLeft.Value < 1e8 {
		out += fmt.Sprintf(", %v left", time.Duration(s.SecondsLeft.Value+0.5)*time.Second)
	}
	if s.SecondsSince.Valid && s.SecondsSince.Value > 10 {
		out += fmt.Sprintf(", last row %v ago", time.Duration(s.SecondsSince.Value)*time.Second)
	}
	return out
}

// queue describes the queue of the recorder. Lost rows are in capital letters, because the
// recording is then incomplete.
func (s *Status) queue() string {
	r := s.Recorder
	if r == nil && s.State != recorder.Running {
		return "no process writes"
	}
	if r == nil {
		return "not known: the writer does not report it"
	}
	text := fmt.Sprintf("%d of %d rows wait, at most %d; training waited %.2g s, recording takes %.1f %%",
		r.Queued, r.Capacity, r.MostQueued, r.BlockedTime, 100*r.Share)
	if r.Dropped > 0 {
		text += fmt.Sprintf("; %d rows LOST", r.Dropped)
	}
	return text
}

// disk describes the size of the run, and warns when the free space is too small for the
// whole run.
func (s *Status) disk() string {
	text := fmt.Sprintf("%d rows, %s", s.Rows, record.Bytes(s.Bytes))
	if s.WholeBytes.Valid {
		text += fmt.Sprintf(" of about %s", record.Bytes(s.WholeBytes.Value))
	}
	if s.FreeBytes.Valid {
		text += fmt.Sprintf("; %s free", record.Bytes(s.FreeBytes.Value))
		if s.State == recorder.Running && s.WholeBytes.Valid && s.WholeBytes.Value-float64(s.Bytes) > s.FreeBytes.Value {
			text += ": NOT ENOUGH"
		}
	}
	return text
}

// bars are the characters that fill one to eight eighths of a cell.
var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws the recent values of a quantity in at most n characters, the newest at the
// right. Each character is the mean over a few iterates, or a blank when no iterate has a
// value. The scale goes at least from lo to hi; a NaN means the lowest or highest mean.
func (l *Log) spark(n int, get func(*Point) record.Optional, lo, hi float64) string {
	l.mu.Lock()
	recent := slices.Clip(l.points[max(0, len(l.points)-8*n):])
	if l.iterates > 0 {
		recent = append(recent, l.last())
	}
	values := make([]float64, len(recent))
	for i := range recent {
		values[i] = math.NaN()
		if o := get(&recent[i]); o.Valid {
			values[i] = o.Value
		}
	}
	l.mu.Unlock()
	n = min(n, len(values))
	means := make([]float64, n)
	low, high := math.Inf(1), math.Inf(-1)
	for k := range n {
		sum, count := 0.0, 0
		for _, v := range values[k*len(values)/n : (k+1)*len(values)/n] {
			if v-v == 0 {
				sum, count = sum+v, count+1
			}
		}
		means[k] = math.NaN()
		if count > 0 {
			means[k] = sum / float64(count)
			low, high = math.Min(low, means[k]), math.Max(high, means[k])
		}
	}
	if !math.IsNaN(lo) {
		low = math.Min(lo, low)
	}
	if !math.IsNaN(hi) {
		high = math.Max(hi, high)
	}
	var out strings.Builder
	for _, v := range means {
		switch {
		case math.IsNaN(v):
			out.WriteByte(' ')
		case high > low:
			at := (v/2 - low/2) / (high/2 - low/2)
			out.WriteRune(bars[min(len(bars)-1, int(at*float64(len(bars))))])
		default:
			out.WriteRune(bars[0])
		}
	}
	return strings.TrimRight(out.String(), " ")
}

// number formats a value with four digits; an absent value gives a dash.
func number(o record.Optional) string {
	if !o.Valid {
		return "–"
	}
	return fmt.Sprintf("%.4g", o.Value)
}

// pad fills s with spaces up to n characters.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
