package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
	"sgdwalk/record/printable"
)

// State is the state of a run.
type State string

// The states of a run.
const (
	Running  State = "running"  // a writer has the run open
	Finished State = "finished" // no writer has the run open, and it has all its rows
	Diverged State = "diverged" // no writer has the run open, and a loss is not finite
	Stopped  State = "stopped"  // no writer has the run open before its end: it was interrupted or killed
	Damaged  State = "damaged"  // the run cannot be read as it was written
	Series   State = "series"   // a folder of checkpoints of another program
)

// States are all states.
var States = []State{Running, Finished, Diverged, Stopped, Damaged, Series}

// Entry is one line of a list: a run, or a folder that looks like a series of checkpoints. Numbers that are not known
// are 0 or absent.
type Entry struct {
	Path      string          `json:"path"`
	State     State           `json:"state"`
	Problem   string          `json:"problem,omitempty"` // of a damaged run
	Model     string          `json:"model"`
	Data      string          `json:"data"`
	Optimizer string          `json:"optimizer"`
	Rate      record.Optional `json:"learning_rate"` // as the header has it
	Batch     int             `json:"batch"`
	Seed      uint64          `json:"seed"`
	Step      int64           `json:"step"`  // of the last row
	Steps     int64           `json:"steps"` // planned updates
	Rows      int             `json:"rows"`  // of a series: steps in the names of the files
	BatchLoss record.Optional `json:"batch_loss"`
	FullLoss  record.Optional `json:"full_loss"`
	TestLoss  record.Optional `json:"test_loss"`
	Bytes     int64           `json:"bytes"`
	Modified  time.Time       `json:"modified"` // when the newest file was written
	Notes
}

// DefaultDepth is how many levels of directories List searches below the first one by default.
const DefaultDepth = 4

// List returns the runs in dir and in the directories below it, at most depth levels down, in the order of their
// paths. It does not search inside of runs, in hidden directories, or through links. It reads the header and the last
// rows of a run, not every byte: damage in the middle is not seen. unreadable receives the error of every directory
// that cannot be read.
func List(ctx context.Context, dir string, depth int, unreadable func(error)) ([]Entry, error) {
	l := lister{unreadable: unreadable}
	if err := l.walk(ctx, dir, depth); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // the work waits for the disk and for the processor
	for i := range l.entries {
		if e := &l.entries[i]; e.State == "" {
			group.Go(func() error { e.inspect(); return ctx.Err() })
		}
	}
	return l.entries, group.Wait()
}

// lister collects the runs below a directory.
type lister struct {
	entries    []Entry
	unreadable func(error)
}

// walk adds the run in dir, or the runs below it. Only the error of the first directory is returned.
func (l *lister) walk(ctx context.Context, dir string, depth int) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if isRun(files) {
		l.entries = append(l.entries, Entry{Path: dir})
		return nil
	}
	if n := exchange.CountSteps(dir, files); n > 1 {
		e := Entry{Path: dir, State: Series, Rows: n, Notes: Notes{Tags: []string{}, Notes: []Note{}}}
		e.measure()
		l.entries = append(l.entries, e)
		return nil
	}
	if depth == 0 {
		return nil
	}
	for _, f := range files {
		if !f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.walk(ctx, filepath.Join(dir, f.Name()), depth-1); err != nil {
			if ctx.Err() != nil {
				return err
			}
			l.unreadable(err)
		}
	}
	return nil
}

// isRun reports whether a directory with these files is a run, even a damaged one.
func isRun(files []fs.DirEntry) bool {
	for _, f := range files {
		name := f.Name()
		if !f.IsDir() && (name == "header.json" || strings.HasPrefix(name, "steps-") && strings.HasSuffix(name, ".arrow")) {
			return true
		}
	}
	return false
}

// inspect fills in an entry of a run.
func (e *Entry) inspect() {
	e.Notes = ReadNotes(e.Path)
	e.measure()
	r, err := arrowfile.Open(e.Path)
	if err != nil {
		e.fail(err)
		return
	}
	defer r.Close()
	h := r.Header()
	e.Model, e.Data, e.Optimizer, e.Batch, e.Seed, e.Steps = h.Model, h.Data.Name(), h.Optimizer.Name, h.Batch, h.Seed, h.Steps
	if rate, ok := h.Hyperparameter("learning_rate"); ok {
		e.Rate = record.Some(rate)
	}
	live := r.Live()
	info, _, err := Inspect(e.Path, r)
	if err != nil {
		e.fail(err)
		return
	}
	e.Rows, e.Step, e.Bytes = info.Rows, info.LastStep, info.Bytes
	e.BatchLoss, e.FullLoss, e.TestLoss = info.LastLoss, info.FullLoss, info.TestLoss
	switch lost, _ := lostRows(e.Path, int64(info.Rows)); {
	case live:
		e.State = Running
	case len(lost) > 0:
		e.State, e.Problem = Damaged, lost[0]
	case info.Status == "unfinished":
		e.State = Stopped
	default:
		e.State = State(info.Status)
	}
}

// fail sets the state of a run that cannot be read. A run that has not begun is running.
func (e *Entry) fail(err error) {
	e.State, e.Problem = Damaged, printable.OneLine(err)
	if errors.Is(err, arrowfile.ErrStarting) {
		e.State, e.Problem = Running, ""
	}
}

// measure sets the size of the files in the directory of the entry and of its step folders, and when the newest was
// written. Results of analyses do not count.
func (e *Entry) measure() {
	files, _ := os.ReadDir(e.Path)
	for _, f := range files {
		info, err := f.Info()
		switch {
		case err != nil:
		case f.Type().IsRegular():
			e.add(info)
		case f.IsDir() && e.State == Series:
			inside, _ := os.ReadDir(filepath.Join(e.Path, f.Name()))
			for _, f := range inside {
				if info, err := f.Info(); err == nil && f.Type().IsRegular() {
					e.add(info)
				}
			}
		}
	}
}

func (e *Entry) add(info fs.FileInfo) {
	e.Bytes += info.Size()
	if info.ModTime().After(e.Modified) {
		e.Modified = info.ModTime()
	}
}

// lostRows compares the number of rows of a run with the notes of its writer. It returns a sentence for every note
// of more rows, and the errors of the notes that cannot be read.
func lostRows(dir string, have int64) (problems []string, unreadable []error) {
	for _, name := range []string{SummaryName, IngestName, ImportName} {
		var noted struct{ Rows int64 }
		if _, err := readJSON(dir, name, &noted); err != nil {
			unreadable = append(unreadable, err)
		} else if noted.Rows > have {
			problems = append(problems, fmt.Sprintf("%s: %s says that the run has %d rows; it has %d, and its end is missing",
				dir, name, noted.Rows, have))
		}
	}
	return problems, unreadable
}
