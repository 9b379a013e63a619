package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
	"sgdwalk/record/safefile"
	"sgdwalk/train/dataset"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
	"sgdwalk/train/session"
)

// Files of a sweep's directory next to its cells.
const (
	ConfigName = "sweep.toml" // the grid, as it was given
	Name       = "sweep.json" // the cells and how they ended, a Summary
	cellsName  = "cells"      // the directory with one run a cell
)

// Options of a sweep. The zero value trains one cell a core.
type Options struct {
	Jobs     int              // cells at a time; 0 means one a core
	Software string           // the program's name and version, for headers
	Progress session.Progress // counts the steps of all cells

	// Shared says that other processes train cells of the same sweep. A cell that another process has begun is
	// not begun again, but waited for.
	Shared bool
	// Ended, when it is not nil, is called when a cell has ended, by several goroutines. err says why the cell
	// could not be trained or recorded; it is nil for a cell that finished, diverged or was stopped.
	Ended func(c *Planned, s *session.Summary, err error)
}

// Sweep is a grid of runs.
type Sweep struct {
	Dir     string
	Cells   []*Planned
	Results []Result // one a cell

	text  []byte // of the file with the grid
	o     Options
	cores int
	data  map[string]*dataset.Data // by spec, opened once, read by all cells
}

// Planned is a cell that can be trained.
type Planned struct {
	Cell
	Dir    string // of its run
	Header *record.Header
	Kept   *session.Summary // how the run ended in an earlier call; nil when it has not ended
	Bytes  int64            // that the recording will take; 0 for one that has ended

	config  replay.Config
	text    string // its config.toml
	workers int    // that it is trained with; no result depends on it
}

// New returns a sweep without cells. text is the file of the grid.
func New(dir string, text []byte, o Options) (*Sweep, error) {
	if o.Jobs < 0 || o.Jobs > 1<<10 {
		return nil, record.Optionf("jobs is %d; it must be from 1 to %d", o.Jobs, 1<<10)
	}
	return &Sweep{Dir: dir, text: text, o: o, cores: runtime.GOMAXPROCS(0), data: make(map[string]*dataset.Data)}, nil
}

// Plan builds every cell without training it, and finds what an earlier call left of it. The error names the
// cells that cannot be trained.
func (s *Sweep) Plan(cells []Cell) error {
	var bad []string
	for _, c := range cells {
		p, err := s.plan(c)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %s", c.Name, printable.OneLine(err)))
			continue
		}
		s.Cells = append(s.Cells, p)
	}
	if n := len(bad); n > 0 {
		more := ""
		if n > 3 {
			bad, more = bad[:3], fmt.Sprintf("; and %d more", n-3)
		}
		return record.Optionf("%d of %d cells cannot be trained, and nothing was: %s%s",
			n, len(cells), strings.Join(bad, "; "), more)
	}
	s.Results = make([]Result, len(s.Cells))
	return nil
}

func (s *Sweep) plan(c Cell) (*Planned, error) {
	p := &Planned{Cell: c, Dir: filepath.Join(s.Dir, cellsName, c.Name)}
	var err error
	if p.config, err = c.Config(s.o.Software); err != nil {
		return nil, err
	}
	if p.config.Opened, err = s.Dataset(c.Data); err != nil {
		return nil, err
	}
	p.config.Workers = 1
	x, err := replay.New(p.config)
	if err != nil {
		return nil, err
	}
	defer x.Model().Close()
	p.Header = x.Header()
	b, err := (&recorder.Options{Sketch: c.Sketch}).Estimate(p.Header, optim.Cost(p.Header.Optimizer))
	if err != nil {
		return nil, err
	}
	p.Bytes = b.TotalBytes
	text, err := c.Encode(p.Header)
	p.text = string(text)
	return p, errors.Join(err, p.findEarlier())
}

// Dataset opens a data set once.
func (s *Sweep) Dataset(spec string) (d *dataset.Data, err error) {
	if d = s.data[spec]; d == nil {
		if d, err = dataset.Open(spec, dataset.Options{}); err != nil {
			return nil, err
		}
		s.data[spec] = d
	}
	return d, nil
}

// findEarlier finds what an earlier call left of the cell. It refuses a run with other settings.
func (p *Planned) findEarlier() error {
	text, err := recorder.ReadFile(p.Dir, recorder.ConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if string(text) != p.text {
		was, is := firstDifference(string(text), p.text)
		return fmt.Errorf("the sweep has this cell with %s, the file says %s; sweep into another directory, or "+
			"remove the cell", was, is)
	}
	p.Kept, err = session.ReadSummary(p.Dir)
	if p.Kept != nil {
		p.Bytes = 0
	}
	return err
}

// firstDifference returns the first line that differs in two settings.
func firstDifference(a, b string) (string, string) {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) {
			return x[i], "nothing"
		}
		if x[i] != y[i] {
			return x[i], y[i]
		}
	}
	return "nothing", y[min(len(x), len(y)-1)]
}

// CheckRoom returns an error when the cells that are left do not fit on the disk or into maxBytes; 0 means no
// limit.
func (s *Sweep) CheckRoom(maxBytes record.Bytes) error {
	const advice = "record fewer steps (record = \"every:10\") or sketch them"
	total := record.Bytes(0)
	for _, p := range s.Cells {
		total += record.Bytes(p.Bytes)
	}
	if maxBytes > 0 && total > maxBytes {
		return record.Optionf("--max-bytes is %s: the cells that are left would take %s; %s", maxBytes, total, advice)
	}
	if free, ok := recorder.FreeBytes(s.Dir); ok && total > free {
		return fmt.Errorf("not enough room on the disk of %s: the cells that are left would take %s, and %s are free; %s",
			s.Dir, total, free, advice)
	}
	return nil
}

// Lock makes the directory, locks it and writes the grid into it.
func (s *Sweep) Lock() (release func() error, err error) {
	cells := filepath.Join(s.Dir, cellsName)
	if err := safefile.CheckBelow(s.Dir, cells); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cells, 0o777); err != nil {
		return nil, err
	}
	if release, err = safefile.Lock(s.Dir); err != nil {
		return nil, err
	}
	config := filepath.Join(s.Dir, ConfigName)
	safefile.RemoveLeftovers(config)
	safefile.RemoveLeftovers(filepath.Join(s.Dir, Name))
	if err := safefile.WriteBytes(config, s.text); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// Kind names what makes one cell take as long as another: everything but its learning rate, hyperparameters and
// seed.
func (s *Sweep) Kind(p *Planned) string {
	name := p.Header.Model + " " + p.Header.Optimizer.Name
	if p.Batch != nil {
		name += fmt.Sprintf(" batch %d", p.Header.Batch)
	}
	if len(s.data) > 1 {
		name += " " + p.Header.Data.Name()
	}
	return name
}

// Time measures a step, and returns about how long the cell takes on one core: the gradients of its batches, and
// the losses over all examples, which take a third of a gradient each. It returns 0 when it cannot measure.
func (p *Planned) Time() time.Duration {
	x, err := replay.New(p.config)
	if err != nil {
		return 0
	}
	defer x.Model().Close()
	step, err := x.MeasureStepTime()
	if err != nil {
		return 0
	}
	h := p.Header
	batches := float64(h.Steps) * float64(optim.BatchesPerStep(h.Optimizer))
	losses := float64(h.Epochs+1) * float64(h.Data.TrainExamples+h.Data.TestExamples) / float64(h.Batch) / 3
	return time.Duration(float64(step) * (batches + losses))
}
