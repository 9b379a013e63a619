package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"text/tabwriter"

	"sgdwalk/analyze"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/shard"
	"sgdwalk/cmd/internal/sweepjob"
	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/train"
	"sgdwalk/train/sweep"
)

// sweepCmd trains a grid of runs.
type sweepCmd struct {
	File     string `json:"-" arg:"" name:"file" help:"TOML file that names the grid."`
	Out      string `placeholder:"DIR" help:"Directory of the sweep. An existing sweep continues: finished cells are kept."`
	Data     string `placeholder:"DATA" help:"Data set instead of the file's, for example where the data are on this machine."`
	Jobs     int    `placeholder:"N" help:"Cells at a time (default: one a core; a cell that fills the cores has them alone)."`
	MaxBytes string `json:"-" placeholder:"SIZE" help:"Refuse before the first step if the recordings would take more, for example 20GB."`

	figureFlags `json:"-"`
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
hyperparameter. An optimizer's table may also have its own epochs and record.
Impossible cells are named before anything trains. A cell that diverges or fails is a
result: the others are still trained. Called again, the sweep keeps finished cells
and continues interrupted ones, bit for bit; the file may have more seeds or optimizers by then.

Examples:
  sgdwalk sweep grid.toml --out SWEEP
  sgdwalk sweep grid.toml --out SWEEP --data mnist:DIR --jobs 4
  sgdwalk compare SWEEP --out DIR`
}

// Run trains.
func (c *sweepCmd) Run(ctx context.Context, e *env) error {
	if c.Out == "" {
		return usagef("--out is missing: the directory of the sweep")
	}
	style, err := c.check()
	if err != nil {
		return err
	}
	j, again := &sweepjob.Job{Shared: e.role != nil}, "the same call"
	if j.Shared {
		again = fmt.Sprintf("sgdwalk sweep %s --out %s", c.File, c.Out)
	}
	j.Sweep, j.Grid, err = c.read(e, c.Out, sweep.Options{Shared: j.Shared, Ended: j.Ended})
	if err != nil {
		return err
	}
	d, done, err := e.role.part(ctx, j, func() (shard.Identity, error) { return c.identity(j) })
	if done || err != nil {
		return err
	}
	if err := c.planCells(j.Sweep, j.Grid, !j.Shared); err != nil {
		return err
	}
	release, err := j.Lock()
	if err != nil {
		return err
	}
	defer func() { _ = release() }() // the tables are written by then
	sum, stopped := job.Run(ctx, j, d)
	e.progress.End()
	if sum == nil {
		return stopped
	}
	if err := saveSweep(style, j.Dir, sum); err != nil {
		return err
	}
	err = c.print(e, j.Sweep, sum)
	switch {
	case err != nil:
		return err
	case stopped != nil:
		return fmt.Errorf("%w; %d of %d cells are left; the same command continues with them",
			stopped, sum.Left, sum.Cells)
	case sum.Failed > 0:
		return fmt.Errorf("%d of %d cells failed; %s tries them again", sum.Failed, sum.Cells, again)
	}
	return nil
}

// saveSweep draws the final losses of the cells next to their table.
func saveSweep(style figureStyle, dir string, sum *sweep.Summary) error {
	t := sweep.Table(sum.Results)
	_, err := style.save(draw.Sweep(&t), dir)
	return err
}

// identity is what the cells depend on.
func (c *sweepCmd) identity(j *sweepjob.Job) (id shard.Identity, err error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return id, err
	}
	if id, err = shard.NewIdentity(software, struct{ Data string }{c.Data}); err != nil {
		return id, err
	}
	err = j.Identify(&id, text)
	return id, err
}

// read reads the file and returns its cells, and a sweep without them.
func (c *sweepCmd) read(e *env, dir string, o sweep.Options) (*sweep.Sweep, []sweep.Cell, error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, nil, usageError{err}
	}
	cells, err := sweep.ReadGrid(c.File, text, c.Data)
	if err != nil {
		return nil, nil, err
	}
	o.Jobs, o.Software, o.Progress = c.Jobs, software, e.progress
	s, err := sweep.New(dir, text, o)
	return s, cells, err
}

// planCells plans cells. All of them can be trained; with room, their recordings fit on the
// disk.
func (c *sweepCmd) planCells(s *sweep.Sweep, cells []sweep.Cell, room bool) error {
	limit, err := parseSize("--max-bytes", c.MaxBytes)
	if err != nil {
		return err
	}
	if err := s.Plan(cells); err != nil || !room {
		return err
	}
	return s.CheckRoom(record.Bytes(limit))
}

// print prints the results.
func (c *sweepCmd) print(e *env, s *sweep.Sweep, sum *sweep.Summary) error {
	if e.json {
		return e.printJSON(sum)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "cell\tstatus\tsteps\tpasses\ttraining loss\theld-out loss\theld-out accuracy")
	for _, r := range sum.Results {
		accuracy := "-"
		if r.TestAccuracy.Valid {
			accuracy = fmt.Sprintf("%.2f %%", 100*r.TestAccuracy.Value)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.4g\t%s\t%s\t%s\n", printable.Line(r.Cell), printable.Line(string(r.Status)),
			r.Steps, r.Passes, analyze.Number(r.FullLoss), analyze.Number(r.TestLoss), accuracy)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range sum.Results {
		if r.Status != train.Finished {
			e.printf("%s: %s\n", r.Cell, r.Message)
		}
	}
	e.printf("%d cells: %d finished, %d diverged, %d failed, %d left; %d had finished before\n",
		sum.Cells, sum.Finished, sum.Diverged, sum.Failed, sum.Left, sum.Kept)
	e.printf("a pass is one gradient of every training example: optimizers that evaluate more gradients cost more " +
		"passes a step\n")
	e.printf("the runs are in %s, the table is in %s and in sweep.csv, the figures are final.*\n",
		path.Join(s.Dir, "cells"), path.Join(s.Dir, sweep.Name))
	return nil
}
