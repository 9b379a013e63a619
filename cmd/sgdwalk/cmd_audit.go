package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sgdwalk/analyze"
	"sgdwalk/analyze/audit"
	"sgdwalk/analyze/result"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// auditCmd looks for faults in a series of checkpoints, or in what a run recorded.
type auditCmd struct {
	runFlags
	Against    string `placeholder:"SERIES2" help:"Another series of the same model, for example of another seed: find checkpoints that belong to it."`
	Losses     int    `default:"20" placeholder:"N" help:"Of a run: compute losses and gradients of N rows again, -1 for all and 0 for none (default ${default})."`
	Data       string `placeholder:"DATA" help:"Of a run: where the data are now, if not where the run was recorded."`
	FailOn     string `default:"warning" enum:"error,warning,event,never" help:"Exit with status 3 if a finding is at least this severe: error, warning, event or never (default ${default})."`
	Seed       uint64 `default:"0" help:"Seed of the random projections that keep distances (default ${default})."`
	Dimensions int    `default:"0" placeholder:"K" help:"Dimensions of the projection of a tensor, a multiple of 16 from 32 to 4096 (default up to 512, as memory allows)."`
}

func (auditCmd) Help() string {
	return `Reads every value of every checkpoint once, and reports weights that belong to another step, shard
or training, tensors that do not train, rounded values, missing steps and more. Each finding is an
error, a warning, or an event that is no fault, such as a restart. The folder of the checkpoints is
not changed.

Of a recorded run, every update must follow from the recorded gradient by the rule of the optimizer:
bit for bit for runs of this program. Steps, learning rates and losses must be those of the header.

Examples:
  sgdwalk audit checkpoints/
  sgdwalk audit models--org--name/ --fail-on error
  sgdwalk audit seed1/ --against seed2/ --json
  sgdwalk audit RUN --losses -1

What is checked, and how: record/exchange/CHECKPOINTS.md.`
}

// severity returns the least severity that makes the audit fail; ok is false for never.
func (c *auditCmd) severity() (s audit.Severity, ok bool) {
	return audit.Severity(c.FailOn), c.FailOn != "never"
}

// Run audits.
func (c *auditCmd) Run(ctx context.Context, e *env) error {
	if !runloss.IsSeries(c.Run_) {
		return c.auditRun(ctx, e)
	}
	o := audit.Options{Seed: c.Seed, Dimensions: c.Dimensions, Progress: e.progress}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	style, err := c.check()
	if err != nil {
		return err
	}
	series, err := c.options(c.TensorKinds)
	if err != nil {
		return err
	}
	dir, err := c.resultDir("audit")
	if err != nil {
		return err
	}
	a := &analysis{env: e, Run: &runloss.Run{Dir: c.Run_}, name: "audit", dir: dir, style: style}
	catalog, err := exchange.OpenCatalog([]string{c.Run_}, series)
	if err != nil {
		return err
	}
	index, note := exchange.OpenIndex(c.indexDir(dir))
	a.Warnings.Add(note != "", "index", "%s", note)
	known := catalog.Hashes(index)
	r, err := c.audit(ctx, catalog, series, o)
	if err != nil {
		return err
	}
	r.CompareHashes(func(file, tensor, hash string) string {
		before := known[[2]string{file, tensor}]
		if before == "" { // otherwise the difference is reported again until the file is replaced
			index.SetHash(file, tensor, hash)
		}
		return before
	})
	if err := a.begin(); err != nil {
		return err
	}
	defer a.closeOut()
	if err := index.Save(); err != nil {
		return err
	}
	if t := r.StartTable(); t != nil {
		if err := a.out.Table("starts", t); err != nil {
			return err
		}
	}
	if t := r.Distances.Table(); t != nil {
		if err := a.out.Table("checkpoint_distances", t); err != nil {
			return err
		}
	}
	a.heading = seriesName(c.Run_)
	for _, note := range catalog.Notes {
		a.Warnings.Add(true, "checkpoints", "%s", note)
	}
	return c.finish(a, &r.Summary, catalog.Header(), audit.Method, struct {
		audit.Options
		Against string `json:"against,omitempty"`
		FailOn  string `json:"fail_on"`
	}{o, c.Against, c.FailOn})
}

// indexDir returns the directory of the index of the series, which all analyses of it share.
func (c *auditCmd) indexDir(result string) string {
	if c.Out != "" {
		return result
	}
	return filepath.Dir(result)
}

// audit audits the series, alone or against another one.
func (c *auditCmd) audit(
	ctx context.Context, catalog *exchange.Catalog, series exchange.ImportOptions, o audit.Options,
) (*audit.Result, error) {
	if c.Against == "" {
		return audit.Run(ctx, catalog, o)
	}
	other, err := exchange.OpenCatalog([]string{c.Against}, series)
	if err != nil {
		return nil, err
	}
	return audit.Against(ctx, catalog, other, o)
}

// finish writes the summary, prints it, and returns an error if a finding is severe enough.
func (c *auditCmd) finish(a *analysis, s *audit.Summary, h *record.Header, method string, options any) error {
	p, err := result.NewProvenance(a.Dir, h)
	if err != nil {
		return err
	}
	p.Software, p.Method, p.Options = software, method, options
	findings := s.Table()
	if err := a.out.Table("findings", &findings); err != nil {
		return err
	}
	if a.Warnings == nil {
		a.Warnings = analyze.Warnings{}
	}
	document := &result.Document{Analysis: a.name, Summary: s, Warnings: a.Warnings, Provenance: p}
	if err := a.draw(document); err != nil {
		return err
	}
	if err := a.out.Finish(document); err != nil {
		return err
	}
	if err := a.show(s); err != nil {
		return err
	}
	least, ok := c.severity()
	if n := s.Above(least); ok && n > 0 {
		return fmt.Errorf("%s: %w: %d of severity %s or above", a.Dir, errFindings, n, least)
	}
	return nil
}

// errFindings is wrapped by the error of an audit with findings that are severe enough.
var errFindings = errors.New("the audit has findings")
