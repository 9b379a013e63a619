package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"sgdwalk/analyze/job"
	"sgdwalk/analyze/shard"
)

// errAgain is wrapped by the error of a worker that was interrupted.
var errAgain = errors.New("interrupted")

// workCmd evaluates one shard.
type workCmd struct {
	Plan  string `arg:"" name:"plan" help:"Directory of the plan."`
	Shard int    `default:"-1" placeholder:"I" help:"Which shard, from 0; -1 takes it from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, OMPI_COMM_WORLD_RANK or PMI_RANK (default ${default})."`
	Cores int    `default:"0" placeholder:"N" help:"Cores to use; 0 takes SLURM_CPUS_PER_TASK, or all (default ${default})."`
	consentFlags
	Grace time.Duration `default:"30s" placeholder:"TIME" help:"How long the unit that is being evaluated may take to finish when the process receives a signal to stop (default ${default})."`
}

func (workCmd) Help() string {
	return `Saves every unit when it is finished. A worker that died continues when it is called again,
on any machine. Two workers on one shard do no harm. After an interrupt or SIGTERM the current
unit finishes, or the current step in a run of a sweep; the exit status is then 75, and the
same call continues.

Examples:
  sgdwalk work PLAN --shard 7
  seq 0 63 | xargs -P 8 -I{} sgdwalk work PLAN --cores 1 --shard {}
  srun --ntasks 64 sgdwalk work PLAN     (the shard is the rank)`
}

// indexVariables have the number of the task in its array; the first that is set counts. The
// number of shards comes from the plan: an array that resubmits some shards is smaller.
var indexVariables = []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "OMPI_COMM_WORLD_RANK", "PMI_RANK"}

// index returns the shard that the flag or the environment names.
func (c *workCmd) index() (int, error) {
	if c.Shard != -1 {
		return c.Shard, nil
	}
	for _, name := range indexVariables {
		text, ok := os.LookupEnv(name)
		if !ok {
			continue
		}
		i, err := strconv.Atoi(text)
		if err != nil {
			return 0, usagef("%s is %q; it must be the number of a shard", name, text)
		}
		return i, nil
	}
	return 0, usagef("--shard is missing, and none of %v is set", indexVariables)
}

// cores returns how many cores to use; 0 means all.
func (c *workCmd) cores() (int, error) {
	if c.Cores < 0 {
		return 0, usagef("--cores is %d; it must be at least 1, or 0 for all", c.Cores)
	}
	if text, ok := os.LookupEnv("SLURM_CPUS_PER_TASK"); ok && c.Cores == 0 {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, usagef("SLURM_CPUS_PER_TASK is %q; it must be a number of at least 1", text)
		}
		return n, nil
	}
	return c.Cores, nil
}

// Run computes the shard.
func (c *workCmd) Run(ctx context.Context, e *env) error {
	i, err := c.index()
	if err != nil {
		return err
	}
	n, err := c.cores()
	if err != nil {
		return err
	}
	if n > 0 {
		runtime.GOMAXPROCS(n)
	}
	p, err := openPlan(c.Plan)
	if err != nil {
		return err
	}
	if err := p.CheckShard(i); err != nil {
		return usageError{err}
	}
	verb, err := c.verb(p)
	if err != nil {
		return err
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	w, err := p.Work(i, shard.WorkOptions{
		Progress: e.progress, Stop: cancel,
		Note: func(text string) { e.say("sgdwalk: note: %s", text) },
	})
	if errors.Is(err, shard.ErrDone) {
		return e.showShard(p, i, 0)
	}
	if err != nil {
		return err
	}
	defer w.Close()
	stopping, end := c.listen(ctx, p.Analysis, w, cancel)
	defer end()
	found := w.Found()
	r := &role{planned: &p.Identity, evaluate: func(ctx context.Context, j job.Evaluator) error {
		return job.Evaluate(ctx, j, job.Driver{Store: w, Mine: w.Mine})
	}}
	if r.input, err = p.ReadInput(); err == nil {
		err = verb.Run(working, e.as(r, noView{}))
	}
	if err == nil {
		err = w.Finish()
	}
	switch {
	case err == nil:
		return e.showShard(p, i, found)
	case stopping.Err() != nil:
		return fmt.Errorf("shard %d was %w after %d of %d units; the same call continues",
			i, errAgain, p.Count(i)-w.Left(), p.Count(i))
	default:
		return errors.Join(err, w.Fail(err))
	}
}

// listen ends the worker when the process receives a signal to stop: after the current unit,
// or in the middle of it when the time of grace is over. stopping is done after the signal.
func (c *workCmd) listen(ctx context.Context, analysis string, w *shard.Worker,
	cancel context.CancelFunc,
) (stopping context.Context, end func()) {
	stopping, stopTerm := signal.NotifyContext(ctx, syscall.SIGTERM)
	off := context.AfterFunc(stopping, func() {
		if analysis == "sweep" {
			cancel() // a run that is stopped keeps a checkpoint, and continues from it
			return
		}
		w.Interrupt()
		time.AfterFunc(c.Grace, cancel)
	})
	return stopping, func() { off(); stopTerm() }
}

// shardDone is what work prints with --json.
type shardDone struct {
	Plan  string `json:"plan"`
	Shard int    `json:"shard"`
	Units int    `json:"units"`
	Found int    `json:"units_found"` // units that earlier workers had saved
}

func (e *env) showShard(p *shard.Plan, i, found int) error {
	if e.json {
		return e.printJSON(shardDone{p.Dir(), i, p.Count(i), found})
	}
	e.printf("shard %d of %d is done: %d units\n", i, p.Shards, p.Count(i))
	return nil
}
