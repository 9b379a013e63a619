package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"sgdwalk/analyze/shard"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// planCmd divides an analysis. Its flags are those of the analysis, --out
// excepted, which is the directory of the plan.
type planCmd struct {
	Landscape planLandscapeCmd `cmd:"" help:"The loss on a plane, or along lines: cells are the units."`
	Walk      planWalkCmd      `cmd:"" help:"The loss between iterates: segments are the units."`
	Line      planLineCmd      `cmd:"" help:"The loss between two points: points are the units."`
	Curvature planCurvatureCmd `cmd:"" help:"The Hessian along a run: iterates are the units."`
	PCA       planPCACmd       `cmd:"" name:"pca" help:"Principal directions: slabs of columns of the Gram matrix are the units."`
	Sweep     planSweepCmd     `cmd:"" help:"A grid of runs: runs are the units."`
}

func (planCmd) Help() string {
	return `Makes a directory that any number of processes and machines can work on, each on a shard
of the units, without talking to each other. The result is the same to the last bit as that
of one process.

Examples:
  sgdwalk plan landscape RUN --grid 51x51 --shards 64 --out PLAN
  sgdwalk plan walk RUN --segments epoch:1 --out PLAN
  sgdwalk plan sweep grid.toml --shards 10 --out PLAN
  sgdwalk work PLAN --shard 0        (to 63, anywhere, in any order)
  sgdwalk status PLAN
  sgdwalk merge PLAN

From a laptop to a cluster, and what it costs: analyze/SCALE.md.`
}

// planFlags are those of planning.
type planFlags struct {
	Shards int           `default:"0" placeholder:"N" help:"How many shards; 0 takes as many as give each task ten minutes of work (default ${default})."`
	Cores  int           `default:"1" placeholder:"N" help:"Cores of a task, for the estimate (default ${default})."`
	Timing time.Duration `default:"10s" placeholder:"TIME" help:"How long units may be timed for the estimate; 0 for no estimate (default ${default})."`
}

type (
	planLandscapeCmd struct {
		planFlags
		landscapeCmd
	}
	planWalkCmd struct {
		planFlags
		walkCmd
	}
	planLineCmd struct {
		planFlags
		lineCmd
	}
	planCurvatureCmd struct {
		planFlags
		curvatureCmd
	}
	planPCACmd struct {
		planFlags
		pcaCmd
	}
)

// Run of each plans the analysis instead of making it.
func (c *planLandscapeCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	return c.make(ctx, e, k, "landscape", c.runFlags)
}

// Run plans.
func (c *planWalkCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	return c.make(ctx, e, k, "walk", c.runFlags)
}

// Run plans.
func (c *planLineCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	return c.make(ctx, e, k, "line", c.runFlags)
}

// Run plans.
func (c *planCurvatureCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	return c.make(ctx, e, k, "curvature", c.runFlags)
}

// Run plans.
func (c *planPCACmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	return c.make(ctx, e, k, "pca", c.runFlags)
}

func (f *planFlags) check(out string) error {
	switch {
	case f.Shards < 0 || f.Shards > shard.MaxShards:
		return usagef("--shards is %d; it must be 1 to %d, or 0 for as many as give each task ten minutes", f.Shards, shard.MaxShards)
	case f.Cores < 1:
		return usagef("--cores is %d; it must be at least 1", f.Cores)
	case f.Timing < 0:
		return usagef("--timing is %v; it must be 0 or more", f.Timing)
	case f.Shards == 0 && f.Timing == 0:
		return usagef("--timing 0 gives no estimate, so --shards must say how many there are")
	case out == "":
		return usagef("--out is missing: the directory of the plan")
	}
	return nil
}

// timedUnits is how many units of a kind are timed.
const timedUnits = 16

// make plans the analysis of a run.
func (f *planFlags) make(ctx context.Context, e *env, k *kong.Context, analysis string, run runFlags) error {
	if err := f.check(run.Out); err != nil {
		return err
	}
	command, err := commandOf(k, analysis, "out", "shards", "cores", "timing", "json", "quiet")
	if err != nil {
		return err
	}
	trace, err := arrowfile.Open(run.Run_)
	if err != nil {
		return err
	}
	bytes := trace.Bytes()
	trace.Close()
	collected, s, err := e.collect(ctx, command)
	if err != nil {
		return err
	}
	p := &shard.Plan{Analysis: analysis, Command: command, Identity: s.found, Shards: f.Shards, Kinds: shard.Kinds(collected)}
	if s.keeps != nil {
		if p.Input, err = s.keeps.encode(); err != nil {
			return err
		}
	}
	if p.Directory, err = os.Getwd(); err != nil {
		return err
	}
	var estimate *shard.Estimate
	if f.Timing > 0 {
		if estimate, err = f.time(ctx, e, p, collected); err != nil {
			return err
		}
		if p.Shards == 0 {
			p.Shards = estimate.Suggested
		}
	}
	if err := shard.Create(run.Out, p, collected); err != nil {
		return err
	}
	return e.showPlan(run.Out, p, estimate, bytes)
}

// collect lists the units of an analysis.
func (e *env) collect(ctx context.Context, command []string) ([]string, *share, error) {
	c := shard.NewCollector()
	s := &share{store: c, planning: true}
	if err := e.rerun(ctx, s, noView{}, command...); err != nil {
		return nil, nil, err
	}
	if len(c.Names()) == 0 {
		return nil, nil, errors.New("the analysis has no unit to share")
	}
	return c.Names(), s, nil
}

// time computes a few units to see how long they take.
func (f *planFlags) time(ctx context.Context, e *env, p *shard.Plan, units []string) (*shard.Estimate, error) {
	timer := shard.NewTimer(units, timedUnits, f.Timing)
	begun, setup := time.Now(), time.Duration(0)
	s := &share{store: timer, planned: &p.Identity, blob: p.Input, opened: func() { setup = time.Since(begun) }}
	if err := e.rerun(ctx, s, e.progress, p.Command...); err != nil {
		return nil, err
	}
	p.Kinds, p.TimedCores, p.SetupSeconds = timer.Kinds(), runtime.GOMAXPROCS(0), setup.Seconds()
	estimate := shard.NewEstimate(p.Kinds, runtime.GOMAXPROCS(0), f.Cores, setup, p.Bytes(units))
	return &estimate, nil
}

// planned is what plan prints with --json.
type planned struct {
	Plan     string          `json:"plan"`
	Analysis string          `json:"analysis"`
	Units    int             `json:"units"`
	Shards   int             `json:"shards"`
	Kinds    []shard.Kind    `json:"kinds"`
	Estimate *shard.Estimate `json:"estimate"`
	RunBytes int64           `json:"run_bytes"`
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (e *env) showPlan(dir string, p *shard.Plan, estimate *shard.Estimate, runBytes int64) error {
	if e.json {
		return e.printJSON(planned{dir, p.Analysis, p.Units, p.Shards, p.Kinds, estimate, runBytes})
	}
	kinds := make([]string, len(p.Kinds))
	for i, k := range p.Kinds {
		kinds[i] = fmt.Sprintf("%d %s", k.Units, k.Name)
		if k.Timed > 0 {
			kinds[i] += fmt.Sprintf(" (%.3g s each)", k.Seconds)
		}
	}
	e.printf("%s: %s (%s) in %s of up to %d\n", p.Analysis, counted(p.Units, "unit"), strings.Join(kinds, ", "), counted(p.Shards, "shard"), (p.Units+p.Shards-1)/p.Shards)
	if estimate != nil {
		e.printf("about %.3g core hours; on %s a task takes %s, %.2g s of it to begin\n", estimate.CoreSeconds/3600, counted(estimate.Cores, "core"), estimate.Task(p.Shards), estimate.Setup)
		switch estimate.Suggested {
		case p.Shards:
		case 1:
			e.printf("a task should have ten minutes of work at least: this is work for one process\n")
		default:
			e.printf("%d shards would give each task ten minutes of work\n", estimate.Suggested)
		}
		reads := "every task reads the recording of %s"
		switch p.Analysis {
		case "pca":
			reads = "the tasks share the reading of the recording, %s, and the merge reads it once more"
		case "sweep":
			reads = "the recordings take %s"
		}
		e.printf("the shards' files take about %s; "+reads+"\n", record.Bytes(estimate.ShardBytes), record.Bytes(runBytes))
	}
	e.printf("the plan is in %s; next:\n  sgdwalk work %s --shard 0   (to %d, anywhere, in any order; or sgdwalk submit %s --slurm)\n  sgdwalk merge %s\n", dir, dir, p.Shards-1, dir, dir)
	return nil
}
