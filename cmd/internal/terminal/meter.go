// Package terminal shows changing text to a person: the progress of long work, and a block of
// lines that is kept up to date.
package terminal

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"sgdwalk/record/printable"
)

// Meter shows the progress of long work, with its rate and the time that is left: a bar where
// the output is a terminal, and a line every few seconds elsewhere.
type Meter struct {
	out   io.Writer
	quiet bool
	every time.Duration // pause between two lines
	lines bool          // each phase begins with a line
	bars  *mpb.Progress // nil without a terminal
	bar   *mpb.Bar

	phase       string
	done, total int
	began, said time.Time
	now         func() time.Time
}

// lineEvery is the pause between two lines where there is no terminal.
const lineEvery = 5 * time.Second

// linesEvery is the same pause where another program reads the lines.
const linesEvery = 200 * time.Millisecond

// NewMeter returns a meter that writes to out. A quiet one shows nothing. With lines it writes
// lines for another program: never a bar, and up to five lines a second.
func NewMeter(out io.Writer, quiet, lines bool) *Meter {
	m := &Meter{out: out, quiet: quiet, every: lineEvery, lines: lines && !quiet, now: time.Now}
	if lines {
		m.every = linesEvery
	}
	if f, ok := out.(*os.File); ok && !quiet && !lines && isTerminal(f) {
		m.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return m
}

// isTerminal reports whether f is a device for a person to look at.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Begin starts a phase and ends the one before it.
func (m *Meter) Begin(phase string, total int) {
	m.closeBar()
	m.phase, m.done, m.total = printable.Line(phase), 0, total
	m.began = m.now()
	m.said = m.began
	if m.lines && total > 0 {
		fmt.Fprintf(m.out, "%s: 0/%d\n", m.phase, total)
	}
	if m.bars != nil && total > 0 {
		m.bar = m.bars.AddBar(
			int64(total),
			mpb.PrependDecorators(decor.Name(m.phase+" "), decor.CountersNoUnit("%d/%d")),
			mpb.AppendDecorators(
				decor.Percentage(), decor.Name("  "),
				decor.AverageSpeed(0, "%.3g/s"), decor.Name("  ETA "), decor.AverageETA(decor.ET_STYLE_GO),
			),
			mpb.BarRemoveOnComplete(),
		)
	}
}

// Add reports n more units done.
func (m *Meter) Add(n int) {
	m.done += n
	if m.bar != nil {
		m.bar.IncrBy(n)
		return
	}
	if now := m.now(); !m.quiet && m.bars == nil && m.done < m.total && now.Sub(m.said) >= m.every {
		m.said = now
		fmt.Fprintln(m.out, m.line(now))
	}
}

// line is one report without a terminal.
func (m *Meter) line(now time.Time) string {
	elapsed := now.Sub(m.began)
	rate := float64(m.done) / elapsed.Seconds()
	left := time.Duration(float64(elapsed) / float64(m.done) * float64(m.total-m.done))
	return fmt.Sprintf("%s: %d/%d (%.0f %%), %.3g/s, ETA %s", m.phase, m.done, m.total,
		100*float64(m.done)/float64(m.total), rate, left.Round(time.Second))
}

func (m *Meter) closeBar() {
	if m.bar != nil {
		m.bar.Abort(true)
		m.bar.Wait()
		m.bar = nil
	}
}

// End removes the bar from the screen.
func (m *Meter) End() {
	m.closeBar()
	if m.bars != nil {
		m.bars.Wait()
	}
}
