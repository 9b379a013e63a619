package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sgdwalk/analyze/shard"
)

// consentFlags allow the program that a plan starts. A plan may come from elsewhere,
// and must not decide what runs here.
type consentFlags struct {
	Objective      string `placeholder:"COMMAND" help:"The command of --objective that the plan was made with, repeated: a plan starts no program that is not named here."`
	AllowObjective bool   `help:"Start the command of --objective that is in the plan, whatever it is."`
}

// plannable are the analyses that plan divides.
var plannable = []string{"landscape", "walk", "line", "curvature", "pca", "sweep"}

// check looks at the command of a plan before anything of it is run: it must be the
// analysis that the plan is of, it must not say where results go, and the program
// that it starts must be allowed. It returns that program's command.
func (f *consentFlags) check(p *shard.Plan) (objective string, err error) {
	parser, err := newParser(new(cli), io.Discard, io.Discard, func(int) {})
	if err != nil {
		return "", err
	}
	if len(p.Command) == 0 || p.Command[0] != p.Analysis || !slices.Contains(plannable, p.Analysis) {
		return "", usagef("%s: the planned command is %q, of %q; a plan divides %s, and runs nothing else", p.Dir(), strings.Join(p.Command, " "), p.Analysis, strings.Join(plannable, ", "))
	}
	k, err := parser.Parse(p.Command)
	if err != nil {
		return "", usagef("%s: the planned command %q: %w", p.Dir(), strings.Join(p.Command, " "), err)
	}
	for _, at := range k.Path {
		switch {
		case at.Flag == nil:
		case at.Flag.Name == "out" && p.Analysis != "sweep":
			return "", usagef("%s: the planned command has --out %v; where results go is said to merge", p.Dir(), at.Flag.Target.Interface())
		case at.Flag.Name == "objective":
			objective = fmt.Sprint(at.Flag.Target.Interface())
		}
	}
	switch {
	case f.Objective != "" && f.Objective != objective:
		return "", usagef("--objective is %q; the plan has %q", f.Objective, objective)
	case objective != "" && f.Objective == "" && !f.AllowObjective:
		return "", usagef("%s: the plan starts the program %q; repeat it with --objective, or give --allow-objective, to allow that", p.Dir(), objective)
	}
	return objective, nil
}
