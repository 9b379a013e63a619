package main

import (
	"context"
	"fmt"

	"sgdwalk/analyze/audit"
	"sgdwalk/record"
	"sgdwalk/record/recorder"
	"sgdwalk/train/consistency"
	"sgdwalk/train/session"
)

// methodOfRuns says how the numbers of an audit of a recorded run are made.
const methodOfRuns = "Every recorded update is compared with the rule of the optimizer, and losses and gradients of " +
	"some rows are computed again from the recorded iterate."

// auditRun checks that a recorded run obeys its own header.
func (c *auditCmd) auditRun(ctx context.Context, e *env) error {
	if c.Against != "" {
		return usagef("--against compares series of checkpoints, and %s is a recorded run; compare takes runs", c.Run_)
	}
	a, err := c.open(e, "audit")
	if err != nil {
		return err
	}
	defer a.close()
	session.UseKernel(a.Header())
	rates, err := recorder.ReadGroupRates(a.Dir)
	if err != nil {
		return err
	}
	o := consistency.Options{
		External: a.IsForeign(), Data: c.Data, Samples: c.Losses, SkipLosses: c.Losses == 0, Progress: e.progress,
	}
	if rates != nil {
		o.GroupRates = rates.At
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	r, err := consistency.Check(ctx, a.trace, o)
	if err != nil {
		return err
	}
	s, err := c.summaryOf(a, r)
	if err != nil {
		return err
	}
	if err := a.begin(); err != nil {
		return err
	}
	for _, n := range r.Notes {
		a.Warnings.Add(true, "not_checked", "%s", n.Text)
	}
	a.lines = append(a.lines, fmt.Sprintf("%d rows, %d updates compared with the rule, %d gradients and %d losses computed again",
		r.Rows, r.Updates, r.Gradients, r.Losses))
	return c.finish(a, &s, a.trace.Header(), methodOfRuns, struct {
		Losses int    `json:"losses"`
		Data   string `json:"data,omitempty"`
		FailOn string `json:"fail_on"`
	}{c.Losses, c.Data, c.FailOn})
}

// summaryOf returns the violations as findings.
func (c *auditCmd) summaryOf(a *analysis, r *consistency.Result) (audit.Summary, error) {
	var findings []audit.Finding
	for _, v := range r.Violations {
		f := audit.Finding{
			Check: audit.Check(v.Code), Severity: audit.Fault, Step: v.Step, Value: v.Value, Expected: v.Expected,
			File: a.Dir, Text: fmt.Sprintf("step %d: %s", v.Step, v.Text),
		}
		if v.Code == consistency.Rounding {
			f.Severity = audit.Warning
		}
		if v.Tensor != "" {
			f.Tensors = []string{v.Tensor}
		}
		if v.LastStep > v.Step {
			f.Steps = []int64{v.Step, v.LastStep}
		}
		findings = append(findings, f)
	}
	first, last := int64(0), int64(0)
	if n := a.trace.Len(); n > 0 {
		s, err := a.trace.Read(0, record.ScalarsOnly)
		if err != nil {
			return audit.Summary{}, err
		}
		first = s.Step
		if s, err = a.trace.Read(n-1, record.ScalarsOnly); err != nil {
			return audit.Summary{}, err
		}
		last = s.Step
	}
	return audit.Recorded(a.trace.Len(), a.trace.Header(), first, last, findings), nil
}
