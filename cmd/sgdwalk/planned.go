package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/shard"
)

// sweepDirName is the directory of the runs of a sweep, below its plan.
const sweepDirName = "sweep"

// jobVerb is a verb whose analysis is a job, so that a plan can divide it. A plan keeps its
// fields as JSON. What paths and command point to is not among them.
type jobVerb interface {
	Run(ctx context.Context, e *env) error
	// paths returns what the analysis is of, a run or a file, and where its results go.
	paths() (of, out *string)
	// command returns the command of --objective, nil for a verb that takes none.
	command() *string
}

// jobVerbs makes a new value of each.
var jobVerbs = map[string]func() jobVerb{
	"landscape": func() jobVerb { return new(landscapeCmd) },
	"walk":      func() jobVerb { return new(walkCmd) },
	"line":      func() jobVerb { return new(lineCmd) },
	"curvature": func() jobVerb { return new(curvatureCmd) },
	"average":   func() jobVerb { return new(averageCmd) },
	"pca":       func() jobVerb { return new(pcaCmd) },
	"sweep":     func() jobVerb { return new(sweepCmd) },
}

// runVerb is a jobVerb whose analysis is of a run or a series.
type runVerb interface {
	jobVerb
	recordedBytes() (int64, error)
}

// recordedBytes returns the size of the run. It is an error when the run cannot be opened.
func (f *runFlags) recordedBytes() (int64, error) {
	r, err := f.openRecording(f.Run_)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.Bytes(), nil
}

func (f *runFlags) paths() (of, out *string) { return &f.Run_, &f.Out }
func (f *objectiveFlags) command() *string   { return &f.Objective }
func (*pcaCmd) command() *string             { return nil }

// consentFlags allow the program that a plan starts. A plan may come from elsewhere,
// and must not decide what runs here.
type consentFlags struct {
	Objective      string `placeholder:"COMMAND" help:"The command of --objective that the plan was made with, repeated: a plan starts no program that is not named here."`
	AllowObjective bool   `help:"Start the --objective command that the plan contains, without repeating it here."`
}

// newPlanned returns the plan of a verb with its options, what it is of and its command.
func newPlanned(analysis string, verb jobVerb) (*shard.Plan, error) {
	of, _ := verb.paths()
	p := &shard.Plan{Analysis: analysis}
	var err error
	if p.Of, err = filepath.Abs(*of); err != nil {
		return nil, err
	}
	if command := verb.command(); command != nil {
		p.Objective = *command
	}
	if p.Options, err = json.Marshal(verb); err != nil {
		return nil, err
	}
	p.Directory, err = os.Getwd()
	return p, err
}

// verb returns the verb of a plan. The only program that it can start is the one that the
// flags allow.
func (f *consentFlags) verb(p *shard.Plan) (jobVerb, error) {
	newVerb, ok := jobVerbs[p.Analysis]
	if !ok {
		return nil, usagef("%s: the plan is of %q; a plan divides %s, and runs nothing else", p.Dir(), p.Analysis,
			strings.Join(slices.Sorted(maps.Keys(jobVerbs)), ", "))
	}
	verb := newVerb()
	d := json.NewDecoder(bytes.NewReader(p.Options))
	d.DisallowUnknownFields()
	if err := d.Decode(verb); err != nil {
		return nil, usagef("%s: the options of the plan: %w", p.Dir(), err)
	}
	of, _ := verb.paths()
	*of = p.Of
	if s, ok := verb.(*sweepCmd); ok && s.Out == "" {
		s.Out = filepath.Join(p.Dir(), sweepDirName)
	}
	command := verb.command()
	switch {
	case f.Objective != "" && f.Objective != p.Objective:
		return nil, usagef("--objective is %q; the plan has %q", f.Objective, p.Objective)
	case p.Objective == "":
		return verb, nil
	case command == nil:
		return nil, usagef("%s: the plan has the program %q; %s starts none", p.Dir(), p.Objective, p.Analysis)
	case f.Objective == "" && !f.AllowObjective:
		return nil, usagef("%s: the plan starts the program %q; repeat it with --objective, or give "+
			"--allow-objective, "+
			"to allow that", p.Dir(), p.Objective)
	}
	*command = p.Objective
	return verb, nil
}

// openPlan opens a plan and changes to the directory where its relative paths begin.
func openPlan(dir string) (*shard.Plan, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p, err := shard.Open(path)
	if err != nil {
		return nil, err
	}
	if here, err := os.Getwd(); err == nil && here != p.Directory {
		if err := os.Chdir(p.Directory); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return p, nil
}

// as returns an environment in which a verb does a part of a plan.
func (e *env) as(r *role, progress view) *env {
	return &env{stdout: e.stdout, stderr: e.stderr, raw: e.raw, json: e.json, progress: progress, role: r}
}

// noView shows nothing.
type noView struct{ analyze.NoProgress }

func (noView) End() {}
