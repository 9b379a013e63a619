package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"sgdwalk/analyze/job"
	"sgdwalk/analyze/shard"
	"sgdwalk/record"
)

// planCmd divides an analysis. It takes the flags of the analysis, but --out is the directory
// of the plan.
type planCmd struct {
	Landscape divided[landscapeCmd] `cmd:"" help:"The loss on a plane, or along lines: cells are the units."`
	Walk      divided[walkCmd]      `cmd:"" help:"The loss between iterates: segments are the units."`
	Line      divided[lineCmd]      `cmd:"" help:"The loss between two points: points are the units."`
	Curvature divided[curvatureCmd] `cmd:"" help:"The Hessian along a run: iterates are the units."`
	Average   divided[averageCmd]   `cmd:"" help:"The loss of averages of the iterates: averages at single steps are the units."`
	PCA       divided[pcaCmd]       `cmd:"" name:"pca" help:"Principal directions: slabs of columns of the Gram matrix are the units."`
	Sweep     planSweepCmd          `cmd:"" help:"A grid of runs: runs are the units."`
}

func (planCmd) Help() string {
	return `Makes a directory that any number of processes and machines can work on, each on a shard
of the units, without messages between them. The result is that of one process, to the last
bit.

Examples:
  sgdwalk plan landscape RUN --grid 51x51 --shards 64 --out PLAN
  sgdwalk plan walk RUN --segments epoch:1 --out PLAN
  sgdwalk plan sweep grid.toml --shards 10 --out PLAN
  sgdwalk work PLAN --shard 0        (to 63, anywhere, in any order)
  sgdwalk status PLAN
  sgdwalk merge PLAN

From a laptop to a cluster, and what it costs: analyze/SCALE.md.`
}

// planFlags are the flags of planning.
type planFlags struct {
	Shards int           `default:"0" placeholder:"N" help:"How many shards; 0 takes the number that gives each task ten minutes of work (default ${default})."`
	Cores  int           `default:"1" placeholder:"N" help:"Cores of a task, for the estimate (default ${default})."`
	Timing time.Duration `default:"10s" placeholder:"TIME" help:"How long to evaluate units for the estimate; 0 makes no estimate (default ${default})."`
}

// divided is a verb that is planned instead of run.
type divided[V any] struct {
	planFlags
	Verb V `embed:""`
}

// Help returns the help of the verb.
func (c divided[V]) Help() string { return any(c.Verb).(interface{ Help() string }).Help() }

// Run plans.
func (c *divided[V]) Run(ctx context.Context, e *env, k *kong.Context) error {
	return c.plan(ctx, e, k.Selected().Name, any(&c.Verb).(runVerb))
}

func (f *planFlags) check(out string) error {
	switch {
	case f.Shards < 0 || f.Shards > shard.MaxShards:
		return usagef("--shards is %d; it must be 1 to %d, or 0 for the number that gives each task ten minutes",
			f.Shards, shard.MaxShards)
	case f.Cores < 1:
		return usagef("--cores is %d; it must be at least 1", f.Cores)
	case f.Timing < 0:
		return usagef("--timing is %v; it must be 0 or more", f.Timing)
	case f.Shards == 0 && f.Timing == 0:
		return usagef("--timing 0 makes no estimate; with it --shards must be at least 1")
	case out == "":
		return usagef("--out is missing: the directory of the plan")
	}
	return nil
}

// timedUnits is how many units of each kind are timed.
const timedUnits = 16

// plan plans the analysis of a run.
func (f *planFlags) plan(ctx context.Context, e *env, analysis string, verb runVerb) error {
	_, out := verb.paths()
	dir := *out
	if err := f.check(dir); err != nil {
		return err
	}
	*out = ""
	p, err := newPlanned(analysis, verb)
	if err != nil {
		return err
	}
	bytes, err := verb.recordedBytes()
	if err != nil {
		return err
	}
	begun := time.Now()
	var units []string
	p.Shards = f.Shards
	r := &role{}
	r.keepInput = func(input []byte, took time.Duration) {
		p.Input = input
		begun = begun.Add(took) // workers read it
	}
	r.evaluate = func(ctx context.Context, j job.Evaluator) (err error) {
		setup := time.Since(begun)
		units = shard.Names(j)
		p.Kinds = shard.Kinds(units)
		if f.Timing > 0 {
			p.TimedCores, p.SetupSeconds = runtime.GOMAXPROCS(0), setup.Seconds()
			p.Kinds, err = shard.Time(ctx, j, timedUnits, f.Timing, e.progress)
		}
		return err
	}
	if err := verb.Run(ctx, e.as(r, noView{})); err != nil {
		return err
	}
	p.Identity = r.found
	return f.create(e, dir, p, units, bytes)
}

// create makes the directory of a plan and prints what it costs. runBytes is the size of
// what the shards read or write.
func (f *planFlags) create(e *env, dir string, p *shard.Plan, units []string, runBytes int64) error {
	var estimate *shard.Estimate
	if f.Timing > 0 {
		setup := time.Duration(p.SetupSeconds * float64(time.Second))
		of := shard.NewEstimate(p.Kinds, p.TimedCores, f.Cores, setup, p.Bytes(units))
		if estimate = &of; p.Shards == 0 {
			p.Shards = estimate.Suggested
		}
	}
	if err := shard.Create(dir, p, units); err != nil {
		return err
	}
	return e.showPlan(dir, p, estimate, runBytes)
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

// counted returns a number with its noun in the right form.
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
	e.printf("%s: %s (%s) in %s of up to %d\n", p.Analysis, counted(p.Units, "unit"), strings.Join(kinds, ", "),
		counted(p.Shards, "shard"), (p.Units+p.Shards-1)/p.Shards)
	if estimate != nil {
		e.printf("about %.3g core hours; on %s a task takes %s, %.2g s of it before its first unit\n",
			estimate.CoreSeconds/3600, counted(estimate.Cores, "core"), estimate.Task(p.Shards), estimate.Setup)
		switch estimate.Suggested {
		case p.Shards:
		case 1:
			e.printf("a task should have at least ten minutes of work: this is work for one process\n")
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
		e.printf("the shards' files take about %s; "+reads+"\n", record.Bytes(estimate.ShardBytes),
			record.Bytes(runBytes))
	}
	e.printf("the plan is in %s; next:\n  sgdwalk work %s --shard 0   (to %d, anywhere, in any order; or sgdwalk "+
		"submit %s --slurm)\n  sgdwalk merge %s\n", dir, dir, p.Shards-1, dir, dir)
	return nil
}
