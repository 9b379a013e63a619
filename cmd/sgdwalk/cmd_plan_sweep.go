package main

import (
	"context"
	"path/filepath"
	"time"

	"sgdwalk/analyze/job"
	"sgdwalk/analyze/shard"
	"sgdwalk/cmd/internal/sweepjob"
	"sgdwalk/train/sweep"
)

// planSweepCmd divides a sweep.
type planSweepCmd struct {
	planFlags
	sweepCmd
	Into string `placeholder:"DIR" help:"Directory of the runs, on a file system that all workers see (default PLAN/sweep). An existing sweep continues."`
}

func (planSweepCmd) Help() string {
	return `A unit is a run of the grid. Workers train the runs into the directory of the sweep, and
continue interrupted ones, bit for bit; merge writes the tables there. It is a sweep like any
other: compare takes it, and sgdwalk sweep --out on it tries failed runs again.

Examples:
  sgdwalk plan sweep grid.toml --shards 10 --out PLAN
  sgdwalk work PLAN --shard 0
  sgdwalk merge PLAN
  sgdwalk compare PLAN/sweep --out DIR`
}

func (c *sweepCmd) paths() (of, out *string) { return &c.File, &c.Out }
func (*sweepCmd) command() *string           { return nil }

// Run plans.
func (c *planSweepCmd) Run(ctx context.Context, e *env) error {
	if err := c.check(c.Out); err != nil {
		return err
	}
	out := c.Out
	begun := time.Now()
	c.Out = filepath.Join(out, sweepDirName)
	if c.Into != "" {
		c.Out = c.Into
	}
	var err error
	if c.Out, err = filepath.Abs(c.Out); err != nil {
		return err
	}
	s, cells, err := c.read(e, c.Out, sweep.Options{})
	if err != nil {
		return err
	}
	if err := c.planCells(s, cells, true); err != nil {
		return err
	}
	setup, bytes := time.Since(begun), int64(0)
	for _, p := range s.Cells {
		bytes += p.Bytes
	}
	var units []string
	r := &role{evaluate: func(_ context.Context, j job.Evaluator) error {
		units = shard.Names(j)
		return nil
	}}
	if err := c.sweepCmd.Run(ctx, e.as(r, noView{})); err != nil {
		return err
	}
	if c.Into == "" {
		c.Out = "" // it is below the plan, where the plan is
	}
	p, err := newPlanned("sweep", &c.sweepCmd)
	if err != nil {
		return err
	}
	p.Identity, p.Shards, p.Kinds = r.found, c.Shards, sweepjob.Kinds(s, c.Timing)
	if c.Timing > 0 {
		p.TimedCores, p.SetupSeconds = 1, setup.Seconds()
	}
	return c.create(e, out, p, units, bytes)
}
