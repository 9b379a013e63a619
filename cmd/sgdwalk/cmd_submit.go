package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	"sgdwalk/analyze/shard"
	"sgdwalk/analyze/shard/submit"
)

// submitCmd gives a plan to a scheduler.
type submitCmd struct {
	Plan       string `arg:"" name:"plan" help:"Directory of the plan; on a file system that all nodes see."`
	Slurm      bool   `help:"To Slurm: a job array of the shards, and the merge that waits for it."`
	Kubernetes bool   `name:"k8s" help:"For Kubernetes: write PLAN/k8s with the manifests of the jobs and a Dockerfile."`
	DryRun     bool   `help:"Print what would be submitted or written, and do nothing."`
	Cpus       int    `default:"1" placeholder:"N" help:"Cores of a task (default ${default})."`
	consentFlags
	Mem string `placeholder:"SIZE" help:"Memory of a task, such as 4G (default: Slurm the site's, Kubernetes 2G)."`

	Resume     bool     `group:"Slurm" help:"Submit what is missing: shards that are not done, not in the queue and not at work."`
	Partition  string   `group:"Slurm" placeholder:"NAME" help:"Partition."`
	Account    string   `group:"Slurm" placeholder:"NAME" help:"Account."`
	Time       string   `group:"Slurm" placeholder:"TIME" help:"Time limit of a task (default: twice the plan's estimate and ten minutes)."`
	MergeTime  string   `group:"Slurm" placeholder:"TIME" help:"Time limit of the merge (default: the limit of a task)."`
	ArrayLimit int      `group:"Slurm" default:"0" placeholder:"N" help:"Tasks that run at once, over all arrays; 0 for no limit (default ${default})."`
	Extra      []string `group:"Slurm" sep:"none" placeholder:"ARGS" help:"Further arguments for sbatch, such as '--qos=long --constraint=avx2'; can be repeated."`

	Image       string `group:"Kubernetes" placeholder:"NAME" help:"Image with the program."`
	Claim       string `group:"Kubernetes" placeholder:"NAME" help:"ReadWriteMany volume claim that holds what is below --mount."`
	Mount       string `group:"Kubernetes" placeholder:"DIR" help:"Directory that the claim holds; the pods see it under the same path (default: the deepest that has all paths of the plan)."`
	Namespace   string `group:"Kubernetes" placeholder:"NAME" help:"Namespace."`
	Parallelism int    `group:"Kubernetes" default:"0" placeholder:"N" help:"Pods that run at once; 0 for one a shard, up to 1000 (default ${default})."`
}

func (submitCmd) Help() string {
	return `The scripts are kept in PLAN/slurm, with the logs of the tasks and the numbers of the jobs.
A task that is told to stop (its time limit, a preemption, scontrol requeue) keeps what it
has and is put back into the queue; one whose node dies is started elsewhere by Slurm. One that
fails is not tried again, and the merge does not run: see status, put right what is wrong, and
submit again with --resume. Tasks run this very program: it must be the one that made the
plan, on a file system that all nodes see.

Examples:
  sgdwalk submit PLAN --slurm --partition short --mem 4G --cpus 4
  sgdwalk submit PLAN --slurm --dry-run
  sgdwalk submit PLAN --slurm --resume --time 8:00:00
  sgdwalk submit PLAN --k8s --image registry.example.org/sgdwalk:1 --claim shared`
}

// Run submits.
func (c *submitCmd) Run(ctx context.Context, e *env) error {
	if err := c.checkFlags(); err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Plan)
	if err != nil {
		return err
	}
	p, err := shard.Open(dir)
	if err != nil {
		return err
	}
	if _, err := c.verb(p); err != nil {
		return err
	}
	program, err := p.Program()
	if err != nil {
		return err
	}
	if c.Kubernetes {
		return c.kubernetes(e, p, program, p.Objective)
	}
	return c.slurm(ctx, e, p, program, p.Objective)
}

// checkFlags refuses flags of the other scheduler.
func (c *submitCmd) checkFlags() error {
	if c.Slurm == c.Kubernetes {
		return usagef("one of --slurm and --k8s must say which scheduler the plan is for")
	}
	type flag struct {
		name  string
		given bool
	}
	scheduler, strange := "--slurm",
		[]flag{
			{"--image", c.Image != ""},
			{"--claim", c.Claim != ""},
			{"--mount", c.Mount != ""},
			{"--namespace", c.Namespace != ""},
			{"--parallelism", c.Parallelism != 0},
		}
	if c.Kubernetes {
		scheduler, strange = "--k8s",
			[]flag{
				{"--resume", c.Resume},
				{"--partition", c.Partition != ""},
				{"--account", c.Account != ""},
				{"--time", c.Time != ""},
				{"--merge-time", c.MergeTime != ""},
				{"--array-limit", c.ArrayLimit != 0},
				{"--extra", len(c.Extra) > 0},
			}
	}
	if i := slices.IndexFunc(strange, func(f flag) bool { return f.given }); i >= 0 {
		return usagef("%s does not go with %s", strange[i].name, scheduler)
	}
	if c.Cpus < 1 {
		return usagef("--cpus is %d; it must be at least 1", c.Cpus)
	}
	return nil
}

// submitted is what submit prints with --json.
type submitted struct {
	Plan    string       `json:"plan"`
	Shards  int          `json:"shards"`
	Done    int          `json:"done"`
	Queued  int          `json:"queued"`
	Missing int          `json:"submitted"` // shards of this call
	Jobs    []submit.Job `json:"jobs"`
	Notes   []string     `json:"notes"`
}

func (c *submitCmd) slurm(ctx context.Context, e *env, p *shard.Plan, program, objective string) error {
	s := submit.Slurm{
		Partition: c.Partition, Account: c.Account, Time: c.Time, MergeTime: c.MergeTime, Mem: c.Mem,
		CPUs: c.Cpus, Limit: c.ArrayLimit,
	}
	for _, text := range c.Extra {
		words, err := submit.Words(text)
		if err != nil {
			return usageError{err}
		}
		s.Extra = append(s.Extra, words...)
	}
	if err := s.Validate(); err != nil {
		return usageError{err}
	}
	b, err := submit.Prepare(ctx, p, s,
		submit.Options{Program: program, Objective: objective, Resume: c.Resume, DryRun: c.DryRun})
	if err != nil {
		return err
	}
	for _, n := range b.Notes {
		e.say("sgdwalk: note: %s", n)
	}
	switch {
	case b.Merging() != "" && b.Missing() == 0:
		return fmt.Errorf("all %d shards are done, and Slurm job %s is merging them", p.Shards, b.Merging())
	case b.Missing() == 0 && len(b.Queued) == 0 && len(b.Alive) > 0:
		return fmt.Errorf("nothing to submit: all shards that are not done are at work outside of Slurm, or were "+
			"less than a minute ago: %s", shard.Ranges(b.Alive))
	case c.DryRun:
		e.print(b.Script())
		return nil
	}
	jobs, err := b.Submit(ctx)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(submitted{
			p.Dir(), p.Shards, b.Done, len(b.Queued), b.Missing(), jobs,
			append([]string{}, b.Notes...),
		})
	}
	e.printf("%d of %d shards are submitted (%d done, %d in the queue before): %s\n",
		b.Missing(), p.Shards, b.Done, len(b.Queued), &submit.Jobs{Jobs: jobs})
	e.printf("scripts and logs are in %s; next:\n  sgdwalk status %s\n", filepath.Join(p.Dir(), "slurm"), c.Plan)
	return nil
}

// written is what submit --k8s prints with --json.
type written struct {
	Plan  string `json:"plan"`
	Name  string `json:"name"`
	Files string `json:"files"`
}

func (c *submitCmd) kubernetes(e *env, p *shard.Plan, program, objective string) error {
	k := submit.Kubernetes{
		Image: c.Image, Namespace: c.Namespace, Claim: c.Claim, Mount: c.Mount, Mem: c.Mem,
		CPUs: c.Cpus, Parallelism: c.Parallelism, Objective: objective,
	}
	if err := k.Validate(); err != nil {
		return usageError{err}
	}
	m, err := k.Manifests(p, runtime.GOARCH, filepath.Base(program))
	if err != nil {
		return usageError{err}
	}
	if why := submit.WhyNotStatic(program); why != "" {
		e.say("sgdwalk: note: %s %s: it will not run in an empty image; build it with CGO_ENABLED=0 for linux, and "+
			"plan and submit with that", program, why)
	}
	if c.DryRun {
		e.print("# job.yaml\n" + m.Job + "---\n# merge.yaml\n" + m.Merge + "---\n# Dockerfile\n" + m.Dockerfile)
		return nil
	}
	dir, err := m.Write(p)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(written{p.Dir(), m.Name, dir})
	}
	quote := submit.ShellQuote
	e.printf(`the manifests of %d shards are in %s; next:
  docker build --file %s --tag %s %s && docker push %s
  kubectl apply --filename %s
  kubectl wait --for=condition=complete --timeout=-1s job/%s && kubectl apply --filename %s
`, p.Shards, dir, quote(filepath.Join(dir, "Dockerfile")), c.Image, quote(filepath.Dir(program)), c.Image, quote(filepath.Join(dir, "job.yaml")), m.Name, quote(filepath.Join(dir, "merge.yaml")))
	return nil
}
