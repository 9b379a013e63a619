package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
	"sgdwalk/record"
	"sgdwalk/record/safefile"
	"sgdwalk/train/dataset"
	"sgdwalk/train/replay"
)

// Files of a sweep's directory beside its cells.
const (
	sweepConfigName = "sweep.toml" // the grid, as it was given
	sweepName       = "sweep.json" // the cells and how they ended; compare reads it
	cellsName       = "cells"      // one run a cell
)

// sweepCmd trains a grid of runs.
type sweepCmd struct {
	File     string `arg:"" name:"file" help:"TOML file that names the grid."`
	Out      string `placeholder:"DIR" help:"Directory of the sweep. One that is there goes on: finished cells are kept."`
	Data     string `placeholder:"DATA" help:"Data set instead of the file's, for example where the data are on this machine."`
	Jobs     int    `placeholder:"N" help:"Cells at a time (default: one a core; a cell that fills the cores has them alone)."`
	MaxBytes string `placeholder:"SIZE" help:"Refuse before the first step if the recordings would take more, for example 20GB."`
}

func (sweepCmd) Help() string {
	return `The keys of the file are those of a run's config.toml; a list makes an axis of the grid, and
every optimizer may have a table with its own settings and hyperparameters:

  data  = "digits"
  model = "mlp:32"
  batch = [50, 200]
  epochs = 5
  seed  = [1, 2, 3, 4, 5]    # of the data order
  init_seed = 1              # all cells of a model start at one point
  grad  = true
  [optimizer.sgd]
  lr = [0.1, 0.5]
  [optimizer.adam]
  lr = 0.003
  beta2 = [0.99, 0.999]

Keys that may be a list: data, model, optimizer, lr, lr_schedule, batch, seed and every
hyperparameter. An optimizer's table may also have epochs and record of its own.
Cells that cannot be are named before anything trains. A cell that diverges or fails is a
result: the others are trained all the same. Called again, the sweep keeps finished cells
and goes on with interrupted ones, bit for bit; more seeds or optimizers may have come.

Examples:
  sgdwalk sweep grid.toml --out SWEEP
  sgdwalk sweep grid.toml --out SWEEP --data mnist:DIR --jobs 4
  sgdwalk compare SWEEP --out DIR`
}

// plannedCell is a cell that is known to be possible.
type plannedCell struct {
	cell
	dir     string
	config  replay.Config
	header  *record.Header
	text    string // its config.toml
	bytes   int64
	workers int // that it is trained with; no result depends on it
	kept    *trainSummary
}

// flags are those that its recording is made with.
func (c *cell) flags() *recordFlags { return &recordFlags{Sketch: c.Sketch, OnRecordError: "fail"} }

// Run trains.
func (c *sweepCmd) Run(ctx context.Context, e *env) error {
	if c.Out == "" && e.share != nil {
		c.Out = filepath.Join(e.share.dir, sweepDirName)
	}
	if c.Out == "" {
		return usagef("--out is missing: the directory of the sweep")
	}
	s, cells, err := c.read(e, c.Out)
	if err != nil {
		return err
	}
	if e.share != nil {
		return s.shared(ctx, c, cells)
	}
	if err := s.plan(cells); err != nil {
		return err
	}
	if err := s.room(c.MaxBytes); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.close()
	s.assign()
	s.train(ctx)
	return s.finish(ctx)
}

// read reads the file and returns its cells, and a sweep without them.
func (c *sweepCmd) read(e *env, dir string) (*sweep, []cell, error) {
	if c.Jobs < 0 || c.Jobs > 1<<10 {
		return nil, nil, usagef("--jobs is %d; it must be from 1 to %d", c.Jobs, 1<<10)
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, nil, usageError{err}
	}
	g, err := readGrid(c.File, text)
	if err != nil {
		return nil, nil, err
	}
	if c.Data != "" {
		g.top["data"] = c.Data
	}
	cells, err := g.cells()
	return &sweep{env: e, file: c.File, text: text, dir: dir, data: make(map[string]*dataset.Data), jobs: c.Jobs, cores: runtime.GOMAXPROCS(0)}, cells, err
}

// sweep is a grid at work.
type sweep struct {
	*env
	file    string
	text    []byte // of the file
	dir     string
	close   func()                   // gives up the directory; nil before open
	data    map[string]*dataset.Data // opened once, read by all cells
	jobs    int                      // cells at a time; 0 is one a core
	cores   int
	cells   []*plannedCell
	results []cellResult // one a cell

	store analyze.Store // of the cells that are shared
	mutex sync.Mutex
	fault error // of the place, not of a cell
}

// plan builds every cell once without training it, so that what is impossible is
// named before the first step, and looks at what an earlier call has left.
func (s *sweep) plan(cells []cell) error {
	var bad []string
	for i := range cells {
		p, err := s.planCell(cells[i])
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %s", cells[i].name, oneLine(err)))
			continue
		}
		s.cells = append(s.cells, p)
	}
	if n := len(bad); n > 0 {
		more := ""
		if n > 3 {
			bad, more = bad[:3], fmt.Sprintf("; and %d more", n-3)
		}
		return usagef("%d of %d cells cannot be trained, and nothing was: %s%s", n, len(cells), strings.Join(bad, "; "), more)
	}
	s.results = make([]cellResult, len(s.cells))
	return nil
}

func (s *sweep) planCell(c cell) (*plannedCell, error) {
	p := &plannedCell{cell: c, dir: filepath.Join(s.dir, cellsName, c.name)}
	var err error
	if p.config, err = c.config(); err != nil {
		return nil, err
	}
	if p.config.Opened, err = s.dataset(c.Data); err != nil {
		return nil, err
	}
	p.config.Workers = 1
	x, err := replay.New(p.config)
	if err != nil {
		return nil, err
	}
	defer x.Model().Close()
	p.header = x.Header()
	b, err := c.flags().estimate(p.header)
	if err != nil {
		return nil, err
	}
	p.bytes = b.TotalBytes
	text, err := toml.Marshal(storedConfig{*c.effective(p.header), c.Sketch})
	if err != nil {
		return nil, err
	}
	p.text = string(text)
	return p, p.look()
}

// dataset opens a data set once.
func (s *sweep) dataset(spec string) (d *dataset.Data, err error) {
	if d = s.data[spec]; d == nil {
		if d, err = dataset.Open(spec, dataset.Options{}); err != nil {
			return nil, err
		}
		s.data[spec] = d
	}
	return d, nil
}

// look finds out what an earlier call has left of the cell.
func (p *plannedCell) look() error {
	text, err := readRunFile(p.dir, configName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if string(text) != p.text {
		was, is := firstDifference(string(text), p.text)
		return fmt.Errorf("the sweep has this cell with %s, the file says %s; sweep into another directory, or remove the cell", was, is)
	}
	p.kept, err = readTrainSummary(p.dir)
	if p.kept != nil {
		p.bytes = 0
	}
	return err
}

// firstDifference returns the first line of two settings that is another.
func firstDifference(a, b string) (string, string) {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			other := "nothing"
			if i < len(y) {
				other = y[i]
			}
			return x[i], other
		}
	}
	return "nothing", y[min(len(x), len(y)-1)]
}

// room refuses a sweep that does not fit the disk or the limit.
func (s *sweep) room(maxBytes string) error {
	total := int64(0)
	for _, p := range s.cells {
		total += p.bytes
	}
	if maxBytes != "" {
		limit, err := parseSize("--max-bytes", maxBytes)
		if err != nil {
			return err
		}
		if total > limit {
			return usagef("--max-bytes %s: the cells that are left would take %s; record fewer steps (record = \"every:10\") or sketch them", maxBytes, bytesText(total))
		}
	}
	at := s.dir
	for {
		if _, err := os.Stat(at); err == nil || filepath.Dir(at) == at {
			break
		}
		at = filepath.Dir(at)
	}
	if free, ok := freeBytes(filepath.Join(at, cellsName)); ok && total > free {
		return fmt.Errorf("not enough room on the disk of %s: the cells that are left would take %s, there are %s; record fewer steps (record = \"every:10\") or sketch them", s.dir, bytesText(total), bytesText(free))
	}
	return nil
}

// open makes the directory, locks it and keeps the grid in it. close must be called.
func (s *sweep) open() error {
	for _, dir := range []string{s.dir, filepath.Join(s.dir, cellsName)} {
		if dir != s.dir {
			if err := safefile.CheckBelow(s.dir, dir); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	release, err := result.Lock(s.dir)
	if err != nil {
		return err
	}
	s.close = func() { _ = release() } // the tables are written by then
	safefile.RemoveLeftovers(filepath.Join(s.dir, sweepConfigName))
	safefile.RemoveLeftovers(filepath.Join(s.dir, sweepName))
	return safefile.WriteBytes(filepath.Join(s.dir, sweepConfigName), s.text)
}
