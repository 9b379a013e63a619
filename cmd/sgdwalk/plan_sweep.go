package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"sgdwalk/analyze/shard"
	"sgdwalk/train/session"
	"sgdwalk/train/sweep"
)

// planSweepCmd divides a sweep.
type planSweepCmd struct {
	planFlags
	sweepCmd
	Into string `placeholder:"DIR" help:"Directory of the runs, on a file system that all workers see (default PLAN/sweep). A sweep that is there goes on."`
}

func (planSweepCmd) Help() string {
	return `A unit is a run of the grid. Workers train them into the directory of the sweep, and go on
with those that were interrupted, bit for bit; merge writes the tables there. It is a
sweep like any other: compare takes it, and sgdwalk sweep --out on it tries failed runs again.

Examples:
  sgdwalk plan sweep grid.toml --shards 10 --out PLAN
  sgdwalk work PLAN --shard 0
  sgdwalk merge PLAN
  sgdwalk compare PLAN/sweep --out DIR`
}

// Run plans.
func (c *planSweepCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	if err := c.check(c.Out); err != nil {
		return err
	}
	command, err := commandOf(k, "sweep", "out", "shards", "cores", "timing", "into", "max-bytes", "json", "quiet")
	if err != nil {
		return err
	}
	begun, dir := time.Now(), filepath.Join(c.Out, sweepDirName)
	if c.Into != "" {
		if dir, err = filepath.Abs(c.Into); err != nil {
			return err
		}
		command = append([]string{command[0], "--out=" + dir}, command[1:]...)
	}
	s, err := c.sweepCmd.plan(e, dir, sweep.Options{})
	if err != nil {
		return err
	}
	setup, bytes := time.Since(begun), int64(0)
	for _, p := range s.Cells {
		bytes += p.Bytes
	}
	collected, sh, err := e.collect(ctx, command)
	if err != nil {
		return err
	}
	p := &shard.Plan{Analysis: "sweep", Command: command, Identity: sh.found, Shards: c.Shards, Kinds: cellKinds(s, c.Timing)}
	if p.Directory, err = os.Getwd(); err != nil {
		return err
	}
	var estimate *shard.Estimate
	if c.Timing > 0 {
		p.TimedCores, p.SetupSeconds = 1, setup.Seconds()
		of := shard.NewEstimate(p.Kinds, 1, c.Cores, setup, p.Bytes(collected))
		if estimate = &of; p.Shards == 0 {
			p.Shards = estimate.Suggested
		}
	}
	if err := shard.Create(c.Out, p, collected); err != nil {
		return err
	}
	return e.showPlan(c.Out, p, estimate, bytes)
}

// cellKinds are the cells that differ in learning rate, hyperparameters and seed
// alone, with the time that one of them takes on one core: steps are timed, until
// there is no more time for that.
func cellKinds(s *sweep.Sweep, most time.Duration) []shard.Kind {
	var kinds []shard.Kind
	place := make(map[string]int)
	until := time.Now().Add(most)
	for _, p := range s.Cells {
		name := s.Kind(p)
		i, known := place[name]
		if !known {
			i = len(kinds)
			place[name] = i
			k := shard.Kind{Name: name, Values: len(cellEnd(new(session.Summary)))}
			if most > 0 && (i == 0 || time.Now().Before(until)) {
				if took := p.Time(); took > 0 {
					k.Seconds, k.Timed = took.Seconds(), 1
				}
			}
			kinds = append(kinds, k)
		}
		kinds[i].Units++
	}
	timed, mean := 0, 0.0
	for _, k := range kinds {
		if k.Timed > 0 {
			timed, mean = timed+1, mean+k.Seconds
		}
	}
	for i := range kinds {
		if kinds[i].Timed == 0 && timed > 0 {
			kinds[i].Seconds = mean / float64(timed)
		}
	}
	return kinds
}
