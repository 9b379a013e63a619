package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"sgdwalk/record/printable"
)

// meter shows how far long work is, with its rate and the time that is left: a
// bar where standard error is a terminal, a line now and then where it is not.
type meter struct {
	out   io.Writer
	quiet bool
	bars  *mpb.Progress // nil without a terminal
	bar   *mpb.Bar

	phase       string
	done, total int
	began, said time.Time
	now         func() time.Time
}

var _ view = (*meter)(nil)

// lineEvery is the pause between two lines where there is no terminal.
const lineEvery = 5 * time.Second

func newMeter(out io.Writer, quiet bool) *meter {
	m := &meter{out: out, quiet: quiet, now: time.Now}
	if f, ok := out.(*os.File); ok && !quiet && isTerminal(f) {
		m.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	}
	return m
}

// isTerminal reports whether f is a device for a person to look at.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Begin starts a phase; the one before it is over.
func (m *meter) Begin(phase string, total int) {
	m.closeBar()
	m.phase, m.done, m.total = printable.Line(phase), 0, total
	m.began = m.now()
	m.said = m.began
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
func (m *meter) Add(n int) {
	m.done += n
	if m.bar != nil {
		m.bar.IncrBy(n)
		return
	}
	if now := m.now(); !m.quiet && m.bars == nil && m.done < m.total && now.Sub(m.said) >= lineEvery {
		m.said = now
		fmt.Fprintln(m.out, m.line(now))
	}
}

// line is one report without a terminal.
func (m *meter) line(now time.Time) string {
	elapsed := now.Sub(m.began)
	rate := float64(m.done) / elapsed.Seconds()
	left := time.Duration(float64(elapsed) / float64(m.done) * float64(m.total-m.done))
	return fmt.Sprintf("%s: %d/%d (%.0f %%), %.3g/s, ETA %s", m.phase, m.done, m.total, 100*float64(m.done)/float64(m.total), rate, left.Round(time.Second))
}

func (m *meter) closeBar() {
	if m.bar != nil {
		m.bar.Abort(true)
		m.bar.Wait()
		m.bar = nil
	}
}

// End takes what is shown off the screen.
func (m *meter) End() {
	m.closeBar()
	if m.bars != nil {
		m.bars.Wait()
	}
}
