package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/shard"
	"sgdwalk/cmd/runloss"
)

// role is what this process does with the units of a job for a plan: it plans, works on a
// shard or merges. A process without a role evaluates all units, keeps them in a journal
// and makes the result.
type role struct {
	planned *shard.Identity // what the plan depends on, to be compared; nil while a plan is made
	found   shard.Identity  // what the job of this process depends on

	// evaluate does the part of a planner or of a worker, which make no result; nil merges.
	evaluate func(ctx context.Context, j job.Evaluator) error
	merged   *shard.Merged // the units of a merge
	preview  bool          // merge the units that are available

	input     []byte                                 // that the plan keeps for workers; nil for none
	keepInput func(input []byte, took time.Duration) // receives it while a plan is made
}

// finish is what a verb does with the result of its job.
type finish[R any] struct {
	// key is what the values of the units depend on, besides the run and the loss.
	key any
	// noJournal keeps no units, because they take longer to write than to evaluate.
	noJournal bool
	// write writes and prints the result.
	write func(r R) error
	// leave writes what was evaluated before the job stopped; nil writes nothing.
	leave func(r R, stopped error) error
}

// withPlain returns the key of a job. Points that share work have other bits, so they are
// not mixed with points that are evaluated one by one.
func withPlain(key any, plain bool) any {
	if !plain {
		return key
	}
	return struct {
		Plain   bool
		Options any
	}{true, key}
}

// runJob runs the job of an analysis: here, or as a part of a plan. Only the process that
// makes the result calls the functions of f.
func runJob[R any](ctx context.Context, a *analysis, j job.Job[R], f finish[R]) error {
	d, done, err := a.role.part(ctx, j, func() (shard.Identity, error) { return a.identity(f.key) })
	if done || err != nil {
		return err
	}
	d.Progress = a.progress
	if err := a.begin(); err != nil {
		return err
	}
	if !f.noJournal && !d.Preview {
		journal, err := a.journal(f.key)
		if err != nil {
			return err
		}
		defer journal.Close()
		if a.role == nil {
			d.Store = journal
		} else {
			a.role.merged.Behind = journal // for units that depend on the values of others
		}
	}
	r, err := job.Run(ctx, j, d)
	switch {
	case err == nil:
		return f.write(r)
	case errors.Is(err, job.ErrIncomplete) && d.Preview:
		return fmt.Errorf("%w; the analysis has no preview before all units are there", err)
	case a.role == nil && f.leave != nil:
		return f.leave(r, err)
	default:
		return a.interrupted(ctx, err)
	}
}

// part compares what the units depend on with the plan and does the part of the role that
// makes no result; then done is true. Otherwise it returns the driver that makes the result.
func (r *role) part(
	ctx context.Context, j job.Evaluator, identity func() (shard.Identity, error),
) (d job.Driver, done bool, err error) {
	if r == nil {
		return d, false, nil
	}
	if r.found, err = identity(); err != nil {
		return d, true, err
	}
	if r.planned != nil {
		if err := r.planned.Check(&r.found); err != nil {
			return d, true, err
		}
	}
	if r.evaluate != nil {
		return d, true, r.evaluate(ctx, j)
	}
	d.Store, d.Preview = r.merged, r.preview
	d.Mine = func(unit string) bool { return !r.merged.Planned(unit) }
	return d, false, nil
}

// indivisible refuses to be a part of a plan; why says what the analysis does instead.
func (a *analysis) indivisible(why string) error {
	if a.role == nil {
		return nil
	}
	return usageError{errors.New(why)}
}

// once sets v to what all workers of a plan begin with: a worker reads it from the plan, and
// every other process calls make, which sets v and reports whether a plan may keep it.
func (a *analysis) once(v any, make func() (keep bool, err error)) error {
	if a.role != nil && a.role.input != nil {
		if err := gob.NewDecoder(bytes.NewReader(a.role.input)).Decode(v); err != nil {
			return fmt.Errorf("the input of the plan: %w", err)
		}
		return nil
	}
	begun := time.Now()
	keep, err := make()
	if err != nil || !keep || a.role == nil || a.role.keepInput == nil {
		return err
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		return fmt.Errorf("the input of the plan: %w", err)
	}
	a.role.keepInput(b.Bytes(), time.Since(begun))
	return nil
}

// checkBefore compares the plan with what is known before another program starts: this
// program, the header and the rows of the run. The command has its own hash.
func (r *role) checkBefore(a *analysis) error {
	if r == nil || r.planned == nil {
		return nil
	}
	id, err := shard.NewIdentity(software, nil)
	if err != nil {
		return err
	}
	now := *r.planned
	now.Software, now.Program = id.Software, id.Program
	if now.Header, err = result.HeaderSHA256(a.trace.Header()); err != nil {
		return err
	}
	rows, err := a.trace.Fingerprint()
	if err != nil {
		return err
	}
	if first, _, _ := strings.Cut(now.Recording, "+"); first != rows { // further runs follow
		now.Recording = rows
	}
	return r.planned.Check(&now)
}

// mark marks the result of a preview, instead of the warning of one that was interrupted.
func (r *role) mark(warnings []analyze.Warning) []analyze.Warning {
	if r == nil || !r.preview {
		return warnings
	}
	present, planned := r.merged.Units()
	warnings = slices.DeleteFunc(warnings, func(w analyze.Warning) bool { return w.Code == "unfinished" })
	text := fmt.Sprintf("a preview: %d of %d units are there", present, planned)
	return append(warnings, analyze.Warning{Code: "preview", Text: text})
}

// dependsOn notes a further run that the units depend on.
func (a *analysis) dependsOn(other runloss.Recording) error {
	if a.role == nil {
		return nil
	}
	rows, err := other.Fingerprint()
	a.others = append(a.others, rows)
	return err
}

// identity is what the units of the analysis depend on.
func (a *analysis) identity(key any) (id shard.Identity, err error) {
	if id, err = shard.NewIdentity(software, key); err != nil {
		return id, err
	}
	if id.Header, err = result.HeaderSHA256(a.trace.Header()); err != nil {
		return id, err
	}
	if id.Recording, err = a.trace.Fingerprint(); err != nil {
		return id, err
	}
	for _, rows := range a.others {
		id.Recording += "+" + rows
	}
	id.Data, id.Kernel, id.Policy, id.Objective = a.DataHash, a.Kernel, a.Policy, a.ObjectiveKey
	id.FitKernel = a.fitKernel
	return id, nil
}
