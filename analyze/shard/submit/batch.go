package submit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"sgdwalk/analyze/shard"
	"sgdwalk/record/safefile"
)

// Options of Prepare.
type Options struct {
	// Program is the absolute path of the program that the tasks run.
	Program string
	// Objective is the command that the plan starts and that the user allowed; empty for none.
	Objective string
	// Resume submits the shards again that are neither done nor in the queue.
	Resume bool
	// DryRun works without Slurm if this machine does not have it.
	DryRun bool
}

// Batch is a set of jobs to submit for a plan.
type Batch struct {
	Arrays []Array
	Done   int   // shards that are finished
	Queued []int // shards in the queue of Slurm
	Alive  []int // shards that a worker outside Slurm computes now
	Notes  []string

	plan          *shard.Plan
	slurm         Slurm
	jobs          *Jobs
	before        *queued
	shards, merge string // scripts
}

// ErrSubmitted is wrapped by the error of Prepare when the plan was submitted
// before and Resume is not set.
var ErrSubmitted = errors.New("the plan was submitted before")

// Prepare finds the shards of the plan that must be submitted. It writes nothing. The
// directory of the plan must be an absolute path.
func Prepare(ctx context.Context, p *shard.Plan, s Slurm, o Options) (*Batch, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := errors.Join(checkPath("the plan's directory", p.Dir()), checkPath("the program's path",
		o.Program)); err != nil {
		return nil, err
	}
	if strings.ContainsRune(p.Dir(), '\\') {
		return nil, fmt.Errorf("submit: the plan's directory %q has a backslash, which Slurm takes out of the names "+
			"of log files", p.Dir())
	}
	b := &Batch{plan: p, slurm: s}
	var err error
	if b.jobs, err = ReadJobs(p); err != nil {
		return nil, err
	}
	if len(b.jobs.Jobs) > 0 && !o.Resume {
		return nil, fmt.Errorf("submit: %s: %w, as %s; --resume submits the missing shards", p.Dir(), ErrSubmitted,
			b.jobs)
	}
	values := newScriptValues(p, o.Program, o.Objective)
	if b.shards, err = execute(shardsScript(), values); err != nil {
		return nil, err
	}
	if b.merge, err = execute(mergeScript(), values); err != nil {
		return nil, err
	}
	most, err := maxArraySize(ctx)
	if err != nil {
		if !o.DryRun {
			return nil, err
		}
		most = defaultArraySize
		b.Notes = append(b.Notes, fmt.Sprintf("Slurm is not available here; an array gets up to %d tasks, its default",
			most))
	}
	size := arraySize(most)
	if b.before, err = queue(ctx, p, b.names(size)); err != nil {
		if !o.DryRun {
			return nil, err
		}
		b.before = new(queued)
	}
	if len(b.before.shards) > 0 && !o.Resume {
		return nil, fmt.Errorf("submit: %s: %w: %d of its shards are in Slurm's queue; --resume submits the missing "+
			"shards", p.Dir(), ErrSubmitted, len(b.before.shards))
	}
	return b, b.choose(size)
}

// names returns all names that jobs of the plan in the queue may have.
func (b *Batch) names(size int) []string {
	names := []string{mergeJobName(b.plan)}
	for offset := 0; offset < b.plan.Shards; offset += size {
		names = append(names, jobName(b.plan, offset))
	}
	for _, j := range b.jobs.Jobs { // from a time when Slurm had another limit
		names = append(names, j.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// choose finds the shards that are neither done nor being computed.
func (b *Batch) choose(size int) error {
	st, err := b.plan.Status(0)
	if err != nil {
		return err
	}
	b.Done = st.Done
	given, err := b.jobs.shards()
	if err != nil {
		return err
	}
	var missing []int
	for i := range st.Each {
		one := &st.Each[i]
		_, inQueue := b.before.shards[one.Shard]
		switch {
		case one.State == shard.Done:
		case inQueue:
			b.Queued = append(b.Queued, one.Shard)
		// A shard that Slurm started and no longer lists has just died.
		case one.State == shard.Running && !given[one.Shard]:
			b.Alive = append(b.Alive, one.Shard)
		default:
			missing = append(missing, one.Shard)
		}
	}
	if len(b.Alive) > 0 {
		b.Notes = append(b.Notes, "left out, because a worker outside Slurm was active less than a minute ago: "+
			shardsText(shard.Ranges(b.Alive)))
	}
	b.Arrays = arrays(missing, size, b.slurm.Limit)
	return nil
}

// Missing returns the number of shards to submit.
func (b *Batch) Missing() int {
	n := 0
	for i := range b.Arrays {
		n += len(b.Arrays[i].Shards)
	}
	return n
}

// Merging returns the id of a running merge; empty if no merge runs.
func (b *Batch) Merging() string {
	for _, id := range slices.Sorted(maps.Keys(b.before.merges)) {
		if b.before.merges[id] != "PENDING" {
			return id
		}
	}
	return ""
}

// waitingMerges returns the ids of merges that wait for earlier tasks. The new merge
// replaces them.
func (b *Batch) waitingMerges() []string {
	var ids []string
	for id, state := range b.before.merges {
		if state == "PENDING" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (b *Batch) path(name string) string { return filepath.Join(b.plan.Dir(), slurmName, name) }

// logs returns a pattern for names of log files. Percent signs in the path are doubled,
// so that Slurm replaces only those of the pattern.
func (b *Batch) logs(pattern string) string {
	return strings.ReplaceAll(b.path(logsName), "%", "%%") + "/" + pattern
}

// arrayArgs returns the arguments of sbatch for an array. The command line overrides
// SBATCH_ variables of the environment.
func (b *Batch) arrayArgs(a *Array, dependency string) []string {
	args := []string{
		"--parsable", "--job-name=" + jobName(b.plan, a.Offset), "--array=" + a.tasks(),
		"--requeue", fmt.Sprintf("--signal=B:TERM@%d", TermSeconds), "--open-mode=append",
		"--output=" + b.logs("%A_%a.log"),
	}
	args = append(args, b.slurm.resources(b.slurm.timeOf(b.plan))...)
	if dependency != "" {
		args = append(args, "--dependency="+dependency)
	}
	return append(args, b.path(shardsName), strconv.Itoa(a.Offset))
}

// mergeArgs returns the arguments of sbatch for the merge. Slurm removes the merge from
// the queue if a shard fails.
func (b *Batch) mergeArgs(dependency string) []string {
	limit := b.slurm.MergeTime
	if limit == "" {
		limit = b.slurm.timeOf(b.plan)
	}
	args := []string{
		"--parsable", "--job-name=" + mergeJobName(b.plan), "--requeue", "--open-mode=append",
		"--output=" + b.logs("merge-%j.log"),
	}
	args = append(args, b.slurm.resources(limit)...)
	if dependency != "" {
		args = append(args, "--dependency="+dependency, "--kill-on-invalid-dep=yes")
	}
	return append(args, b.path(mergeName))
}

// mergeAfter returns the dependency of the merge: the success of the new tasks, and the
// end of the tasks that were in the queue before. Arrays of the latter may have failed
// tasks that are now submitted again.
func (b *Batch) mergeAfter(ids []string) string {
	var parts []string
	if len(ids) > 0 {
		parts = append(parts, "afterok:"+strings.Join(ids, ":"))
	}
	if old := slices.Sorted(maps.Keys(b.before.arrays)); len(old) > 0 {
		parts = append(parts, "afterany:"+strings.Join(old, ":"))
	}
	return strings.Join(parts, ",")
}

func after(a *Array, ids []string) string {
	if a.After < 0 {
		return ""
	}
	return "afterany:" + ids[a.After]
}

// Submit writes the scripts and submits the jobs. It returns the submitted jobs, also
// with an error.
func (b *Batch) Submit(ctx context.Context) (done []Job, err error) {
	if err := errors.Join(safefile.CheckBelow(b.plan.Dir(), b.path(logsName)), safefile.Check(b.path(lockName)),
		os.MkdirAll(b.path(logsName), 0o777)); err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	}
	lock := flock.New(b.path(lockName))
	if free, err := lock.TryLock(); err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	} else if !free {
		return nil, fmt.Errorf("submit: %s is being submitted by another process", b.plan.Dir())
	}
	defer func() { _ = lock.Unlock() }() // the file is closed with it
	if now, err := ReadJobs(b.plan); err != nil {
		return nil, err
	} else if len(now.Jobs) != len(b.jobs.Jobs) {
		return nil, fmt.Errorf("submit: %s: %w, while this command read it; --resume submits the missing shards",
			b.plan.Dir(), ErrSubmitted)
	}
	if err := errors.Join(safefile.WriteScript(b.path(shardsName), []byte(b.shards)),
		safefile.WriteScript(b.path(mergeName), []byte(b.merge))); err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	}
	if old := b.waitingMerges(); len(old) > 0 {
		if _, err := call(ctx, "scancel", append([]string{"--state=PENDING"}, old...)...); err != nil {
			return nil, err
		}
	}
	var ids []string
	for i := range b.Arrays {
		a := &b.Arrays[i]
		id, err := b.sbatch(ctx, Job{
			Name: jobName(b.plan, a.Offset), Offset: a.Offset,
			Shards: shard.Ranges(a.Shards),
		}, b.arrayArgs(a, after(a, ids)))
		if err != nil {
			return b.jobs.Jobs[len(b.jobs.Jobs)-i:], fmt.Errorf("%w; %d of %d job arrays were submitted, and "+
				"--resume submits the rest", err, i, len(b.Arrays))
		}
		ids = append(ids, id)
	}
	_, err = b.sbatch(ctx, Job{Name: mergeJobName(b.plan)}, b.mergeArgs(b.mergeAfter(ids)))
	if err != nil {
		return b.jobs.Jobs[len(b.jobs.Jobs)-len(ids):], fmt.Errorf("%w; the shards are submitted, and --resume "+
			"submits the merge", err)
	}
	return b.jobs.Jobs[len(b.jobs.Jobs)-len(ids)-1:], nil
}

// sbatch submits one job. It notes the name of the job before and its number after
// submission: if this process dies in between, the queue can be searched by the name.
func (b *Batch) sbatch(ctx context.Context, j Job, args []string) (id string, err error) {
	b.jobs.Jobs = append(b.jobs.Jobs, j)
	if err := b.jobs.write(b.plan); err != nil {
		return "", err
	}
	out, err := call(ctx, "sbatch", args...)
	if err == nil {
		// With several clusters, the name of the cluster follows the number.
		id, _, _ = strings.Cut(strings.TrimSpace(out), ";")
		if _, bad := strconv.ParseUint(id, 10, 64); bad != nil {
			err = fmt.Errorf("submit: sbatch printed %q, which is not the number of a job", strings.TrimSpace(out))
		}
	}
	if err != nil {
		b.jobs.Jobs = b.jobs.Jobs[:len(b.jobs.Jobs)-1]
		return "", errors.Join(err, b.jobs.write(b.plan))
	}
	b.jobs.Jobs[len(b.jobs.Jobs)-1].ID = id
	return id, b.jobs.write(b.plan)
}

// String names the jobs for a reader.
func (j *Jobs) String() string {
	const most = 8
	var parts []string
	for i := range j.Jobs {
		one := &j.Jobs[i]
		id := one.ID
		if id == "" {
			id = "unknown (" + one.Name + ")"
		}
		if one.Merge() {
			parts = append(parts, id+" (merge)")
		} else {
			parts = append(parts, fmt.Sprintf("%s (%s)", id, shardsText(one.Shards)))
		}
	}
	if more := len(parts) - most; more > 0 {
		parts = append([]string{fmt.Sprintf("%d before", more)}, parts[more:]...)
	}
	return "Slurm jobs " + strings.Join(parts, ", ")
}

// shardsText names shards for a reader.
func shardsText(list string) string {
	const most = 40
	switch {
	case len(list) > most:
		return "shards " + list[:strings.LastIndexByte(list[:most], ',')+1] + "..."
	case strings.ContainsAny(list, "-,"):
		return "shards " + list
	default:
		return "shard " + list
	}
}

// Script returns a shell script that does the same as Submit, except that it does not
// keep the numbers of the jobs: later commands find the jobs by their names.
func (b *Batch) Script() string {
	var w strings.Builder
	w.WriteString("#!/bin/bash\nset -e\nunset " + strings.Join(jobVariables, " ") + "\n")
	fmt.Fprintf(&w, "mkdir -p %s\n", ShellQuote(b.path(logsName)))
	for _, f := range []struct{ path, text string }{{b.path(shardsName), b.shards}, {b.path(mergeName), b.merge}} {
		fmt.Fprintf(&w, "cat >%s <<'END_OF_SCRIPT'\n%sEND_OF_SCRIPT\n", ShellQuote(f.path), f.text)
	}
	if old := b.waitingMerges(); len(old) > 0 {
		fmt.Fprintf(&w, "scancel --state=PENDING %s\n", strings.Join(old, " "))
	}
	var ids []string
	line := func(variable string, args []string) {
		quoted := make([]string, len(args))
		for i, a := range args {
			quoted[i] = ShellQuote(a)
			if strings.HasPrefix(a, "--dependency=") {
				quoted[i] = a // numbers, and variables of this script
			}
		}
		fmt.Fprintf(&w, "%s=$(sbatch %s)\n%s=${%s%%%%;*}\n", variable, strings.Join(quoted, " "), variable, variable)
	}
	for i := range b.Arrays {
		a, variable := &b.Arrays[i], fmt.Sprintf("array%d", i)
		line(variable, b.arrayArgs(a, after(a, ids)))
		ids = append(ids, "$"+variable)
	}
	line("merge", b.mergeArgs(b.mergeAfter(ids)))
	return w.String()
}
