package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sgdwalk/analyze/live"
	"sgdwalk/cmd/internal/terminal"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
)

// watchCmd shows a run in the terminal while it is recorded.
type watchCmd struct {
	Run_  string        `arg:"" name:"run" help:"Directory of the run."`
	Once  bool          `help:"Say how it stands now, and end."`
	Every time.Duration `placeholder:"DURATION" help:"Time between two looks (default 500ms in a terminal, 5s elsewhere)."`
}

func (watchCmd) Help() string {
	return `Reads what is on disk and does not disturb the training. In a terminal one block of lines is
kept up to date, over ssh as well; elsewhere a line is printed now and then. It ends when nobody
writes the run any more, or with Ctrl-C.

Examples:
  sgdwalk watch RUN
  sgdwalk watch --once --json RUN
  sgdwalk watch --every 30s RUN >> watch.log
  sgdwalk watch --json RUN | jq .batch_loss        (one object a line)`
}

// Run follows the run.
func (c *watchCmd) Run(ctx context.Context, e *env) error {
	if c.Every < 0 || c.Every > 0 && c.Every < 50*time.Millisecond {
		return usagef("--every is %v; it must be at least 50ms", c.Every)
	}
	if err := needRun("watch", c.Run_, "it shows a run while it is recorded"); err != nil {
		return err
	}
	r, err := arrowfile.Open(c.Run_)
	if err != nil {
		return err
	}
	defer r.Close()
	w := &watcher{
		env: e, log: live.NewLog(runName(c.Run_), r.Header()), dir: c.Run_, every: c.Every,
		screen: e.raw.Screen(),
	}
	if w.every == 0 {
		w.every = 5 * time.Second
		if w.screen != nil {
			w.every = 500 * time.Millisecond
		}
	}
	w.once = c.Once
	poll := min(w.every, time.Second)
	err = w.log.Follow(ctx, r, poll, func() error {
		if c.Once && w.log.Rows() < r.Len() {
			return nil // --once shows the complete run, not a part of it
		}
		return w.look()
	})
	if errors.Is(err, errSeen) || ctx.Err() != nil {
		err = nil // --once, or Ctrl-C: how it stood is shown
	}
	if err != nil {
		return err
	}
	if s := w.log.StatusIn(w.dir); w.said.IsZero() || s.Rows != w.shown.Rows || s.State != w.shown.State {
		return w.show(&s)
	}
	return nil
}

// runName is a run's directory without what is above it.
func runName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return filepath.Base(abs)
	}
	return dir
}

// errSeen ends the following after one look.
var errSeen = errors.New("seen")

type watcher struct {
	*env
	log    *live.Log
	dir    string
	every  time.Duration
	once   bool
	screen *terminal.Screen // nil without a terminal

	said  time.Time
	shown live.Status
}

// look is called after every poll of the run.
func (w *watcher) look() error {
	if w.once {
		return errSeen
	}
	if time.Since(w.said) < w.every-10*time.Millisecond {
		return nil
	}
	w.said = time.Now()
	s := w.log.StatusIn(w.dir)
	return w.show(&s)
}

func (w *watcher) show(s *live.Status) error {
	w.shown = *s
	switch {
	case w.json && w.once:
		return w.printJSON(s)
	case w.json:
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.stdout, "%s\n", b)
		return err
	case w.once:
		_, err := fmt.Fprintln(w.stdout, strings.TrimSpace(strings.Join(linesOf(w.log.Lines(s, 100)), "\n")))
		return err
	case w.screen == nil:
		_, err := fmt.Fprintf(w.stdout, "%s\n", printable.Line(s.Line()))
		return err
	}
	return w.screen.Paint(w.raw, func(width int) []string { return w.log.Lines(s, width) })
}

// linesOf makes every line safe to print.
func linesOf(lines []string) []string {
	for i, line := range lines {
		lines[i] = printable.Line(line)
	}
	return lines
}
