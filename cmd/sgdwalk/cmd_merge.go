package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// mergeCmd makes the result of a plan.
type mergeCmd struct {
	Plan string `arg:"" name:"plan" help:"Directory of the plan."`
	Out  string `placeholder:"DIR" help:"Where the results go (default RUN/analysis/NAME; PLAN/preview for a preview; a sweep's tables go to its runs)."`
	consentFlags
	Preview bool `help:"Make a result of the available units."`
}

func (mergeCmd) Help() string {
	return `Reads the files of all shards and writes what a single process would have written, to the
last bit. The merge itself evaluates units that depend on others, for example the cells of
--refine. It does not change the plan: you can merge it again.

Examples:
  sgdwalk merge PLAN
  sgdwalk merge --preview PLAN    the picture so far, which shows the missing cells`
}

// Run merges.
func (c *mergeCmd) Run(ctx context.Context, e *env) error {
	out := c.Out
	if out != "" {
		var err error
		if out, err = filepath.Abs(out); err != nil {
			return err
		}
	}
	p, err := openPlan(c.Plan)
	if err != nil {
		return err
	}
	verb, err := c.verb(p)
	if err != nil {
		return err
	}
	m, err := p.Merge(c.Preview)
	if err != nil {
		return err
	}
	if present, planned := m.Units(); present == 0 {
		return fmt.Errorf("none of the %d units is available yet", planned)
	}
	if p.Analysis == "sweep" && out != "" {
		return usagef("--out is %s; the tables of a sweep go to the directory of its runs only", c.Out)
	}
	if out == "" && c.Preview && p.Analysis != "sweep" {
		out = filepath.Join(p.Dir(), "preview")
	}
	if out != "" {
		_, to := verb.paths()
		*to = out
	}
	return verb.Run(ctx, e.as(&role{planned: &p.Identity, merged: m, preview: c.Preview}, e.progress))
}
