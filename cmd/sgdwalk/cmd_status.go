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

// statusCmd says how a plan is.
type statusCmd struct {
	Plan  string        `arg:"" name:"plan" help:"Directory of the plan."`
	Watch bool          `help:"Look again and again until all shards are done."`
	Every time.Duration `default:"10s" placeholder:"TIME" help:"Time between two looks (default ${default})."`
}

func (statusCmd) Help() string {
	return `Everything is seen from the directory of the plan, on any machine that sees it. A worker that
has given no sign of life for a minute counts as lost: its shard can be given to another.

Examples:
  sgdwalk status PLAN
  sgdwalk status --watch PLAN
  sgdwalk status --json PLAN`
}

// Run looks.
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

// mostReasons is how many failures are told in words.
const mostReasons = 10

// statusPrinted is what status prints with --json.
type statusPrinted struct {
	*shard.Status
	Jobs []submit.Job `json:"jobs"` // that were submitted to Slurm
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
	told := 0
	for _, one := range s.Each {
		if one.State != shard.Failed || told == mostReasons {
			continue
		}
		told++
		e.printf("  shard %d failed on %s: %s\n", one.Shard, one.Host, one.Reason)
	}
	if s.Rate > 0 {
		e.printf("  %.3g units a second, %s left at that rate\n", s.Rate, time.Duration(s.ETA*float64(time.Second)).Round(time.Second))
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
