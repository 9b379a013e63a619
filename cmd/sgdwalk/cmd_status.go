package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sgdwalk/analyze/shard"
	"sgdwalk/analyze/shard/submit"
)

// statusCmd shows the state of a plan.
type statusCmd struct {
	Plan  string        `arg:"" name:"plan" help:"Directory of the plan."`
	Watch bool          `help:"Repeat until all shards are done."`
	Every time.Duration `default:"10s" placeholder:"TIME" help:"Time between two repetitions (default ${default})."`
}

func (statusCmd) Help() string {
	return `Reads the directory of the plan, on any machine that sees it. A worker that has given no sign
of life for a minute counts as lost: another worker can take its shard.

Examples:
  sgdwalk status PLAN
  sgdwalk status --watch PLAN
  sgdwalk status --json PLAN`
}

// Run shows it.
func (c *statusCmd) Run(ctx context.Context, e *env) error {
	if c.Every <= 0 {
		return usagef("--every is %v; it must be above 0", c.Every)
	}
	p, err := shard.Open(c.Plan)
	if err != nil {
		return err
	}
	for {
		s, err := p.Status(0)
		if err != nil {
			return err
		}
		jobs, err := submit.ReadJobs(p)
		if err != nil {
			return err
		}
		if err := e.showStatus(p, s, jobs); err != nil {
			return err
		}
		if !c.Watch || s.Done == s.Shards {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.Every):
		}
	}
}

// mostReasons is how many reasons of failures are printed.
const mostReasons = 10

// statusPrinted is what status prints with --json.
type statusPrinted struct {
	*shard.Status
	Jobs []submit.Job `json:"jobs"` // of Slurm
}

func (e *env) showStatus(p *shard.Plan, s *shard.Status, jobs *submit.Jobs) error {
	if e.json {
		return e.printJSON(statusPrinted{s, append([]submit.Job{}, jobs.Jobs...)})
	}
	e.printf("%s: %d of %d shards done, %d of %d units\n", p.Analysis, s.Done, s.Shards, s.Present, s.Units)
	for _, state := range []shard.State{shard.Running, shard.Lost, shard.Failed, shard.Damaged, shard.Waiting} {
		if list := s.Numbers(state); len(list) > 0 {
			e.printf("  %d %s: %s\n", len(list), state, shorten(shard.Ranges(list)))
		}
	}
	printed := 0
	for _, one := range s.Each {
		if one.State != shard.Failed || printed == mostReasons {
			continue
		}
		printed++
		e.printf("  shard %d failed on %s: %s\n", one.Shard, one.Host, one.Reason)
	}
	if s.Rate > 0 {
		e.printf("  %.3g units per second, %s left at this rate\n",
			s.Rate, time.Duration(s.ETA*float64(time.Second)).Round(time.Second))
	}
	if len(jobs.Jobs) > 0 {
		e.printf("  submitted as %s; logs are in %s\n", jobs, filepath.Join(p.Dir(), "slurm", "logs"))
	}
	if s.Done == s.Shards {
		e.printf("next: sgdwalk merge %s\n", p.Dir())
	}
	return nil
}

// shorten keeps a list on one line.
func shorten(list string) string {
	const most = 90
	if len(list) <= most {
		return list
	}
	cut := strings.LastIndexByte(list[:most], ',')
	return fmt.Sprintf("%s,... (--json has all)", list[:max(cut, 1)])
}
