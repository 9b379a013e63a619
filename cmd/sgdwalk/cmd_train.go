package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/session"
)

// trainCmd trains and records one run.
type trainCmd struct {
	session.Settings
	recordFlags
	Out    string          `placeholder:"RUN" help:"Directory of the run; must not exist."`
	Resume string          `placeholder:"RUN" help:"Continue a run that was stopped or killed, bit for bit."`
	Config kong.ConfigFlag `placeholder:"FILE.toml" help:"Settings from a file; flags win over it."`
	Force  bool            `help:"Replace an existing run."`
}

func (trainCmd) Help() string {
	return `Examples:
  sgdwalk train --data digits --model mlp:32 --epochs 5 --grad --out RUN
  sgdwalk train --data mnist:DIR --model mlp:128 --batch 100 --lr 0.1 --epochs 1 --out RUN
  sgdwalk train --data digits --optimizer momentum --lr 0.05 --hyper momentum=0.95 --out RUN
  sgdwalk train --data mnist:DIR --model lenet --optimizer muon --lr-schedule warmup:20+wsd:0.2 --epochs 4 --out RUN
  sgdwalk train --config RUN/config.toml --seed 2 --out RUN2
  sgdwalk train --resume RUN

train/optim/RULES.md has the rule of every optimizer, and what it records of a step.

A run that diverges is recorded up to and including the step that diverged.
Ctrl-C, SIGTERM and SIGHUP end the run at the next step, with a checkpoint and exit status 130;
--resume continues it from there. It uses the instruction set that the header names.`
}

// Run trains.
func (c *trainCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	o, err := c.sessionOptions(e, c.Force)
	if err != nil {
		return err
	}
	var s *session.Summary
	switch {
	case c.Resume == "" && c.Out == "":
		return usagef("--out is missing: the directory of the run, which must not exist (or --resume RUN)")
	case c.Resume == "":
		if err := checkNew(c.Out, c.Force); err != nil {
			return err
		}
		s, err = session.Start(ctx, c.Out, &c.Settings, o)
	case c.Out != "" || c.Force:
		return usagef("--resume %s continues the run in that directory: leave out --out and --force", c.Resume)
	default:
		given := givenFlags(k)
		s, err = session.Resume(ctx, c.Resume, o,
			func(stored *session.Settings) error { return c.CheckSame(stored, given) })
	}
	if err != nil {
		return err
	}
	e.progress.End()
	if e.json {
		err = e.printJSON(s)
	} else {
		printTrained(e, s)
	}
	if err == nil && s.Result.Status == train.Stopped {
		err = fmt.Errorf("training was %w at step %d of %d; sgdwalk train --resume %s continues it",
			errInterrupted, s.Result.Steps, s.Planned, s.Run)
	}
	return err
}

// sessionOptions returns the options of a session whose notes and progress go to standard error.
func (f *recordFlags) sessionOptions(e *env, force bool) (o session.Options, err error) {
	o.Software, o.Progress, o.Note = software, e.progress, func(text string) { e.say("%s", text) }
	o.Recording, err = f.options(force)
	return o, err
}

func printTrained(e *env, s *session.Summary) {
	r := &s.Recording
	e.printf("%s\n", s.Result.Message)
	e.printf("%d rows, %s in %s; recording took %s of the time (%.3g s copying, %.3g s waiting; at most %d rows queued)\n",
		r.Rows, record.Bytes(s.Bytes), s.Run, percent(r.Share), r.Copying, r.Blocked, r.MostQueued)
	if !s.Complete {
		e.printf("the recording is %s\n", r.Incomplete())
	}
	printLosses(e, "", s.Result.FullLoss, s.Result.TestLoss, s.Result.TestAcc)
	if a := s.Result.Average; a != nil {
		printLosses(e, "the average of the optimizer: ", a.FullLoss, a.TestLoss, a.TestAcc)
	}
	if s.CheckpointError != "" {
		e.printf("note: a checkpoint could not be written: %s\n", s.CheckpointError)
	}
}

func printLosses(e *env, what string, full, test, accuracy record.Optional) {
	if !full.Valid {
		return
	}
	e.printf("%straining loss %.4g", what, full.Value)
	if test.Valid {
		e.printf(", held-out loss %.4g, held-out accuracy %.2f %%", test.Value, 100*accuracy.Value)
	}
	e.printf("\n")
}

// givenFlags returns the names of the flags on the command line.
func givenFlags(k *kong.Context) map[string]bool {
	given := make(map[string]bool)
	for _, p := range k.Path {
		if p.Flag != nil {
			given[p.Flag.Name] = true
		}
	}
	return given
}

// fileConfig makes flag values of a --config file. Its keys are the flags' names with underscores for dashes;
// flags on the command line win.
type fileConfig map[string]any

var _ kong.Resolver = fileConfig(nil)

// loadConfig reads a TOML file. It refuses a key that is not a setting of train, and a value of the wrong type, and
// names the line.
func loadConfig(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	strict := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
	if err := strict.Decode(new(session.Settings)); err != nil {
		var unknown *toml.StrictMissingError
		var wrong *toml.DecodeError
		switch {
		case errors.As(err, &unknown):
			e := unknown.Errors[0]
			row, _ := e.Position()
			return nil, fmt.Errorf("line %d: %q is not a setting of train", row, strings.Join(e.Key(), "."))
		case errors.As(err, &wrong):
			row, _ := wrong.Position()
			return nil, fmt.Errorf("line %d: %s: %w", row, strings.Join(wrong.Key(), "."), err)
		}
		return nil, err
	}
	values := fileConfig{}
	err = toml.Unmarshal(text, &values)
	return values, err
}

// Validate has nothing left to check.
func (fileConfig) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value for a flag, or nil.
func (c fileConfig) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	v, ok := c[strings.ReplaceAll(flag.Name, "-", "_")]
	if !ok {
		return nil, nil
	}
	if table, ok := v.(map[string]any); ok {
		parts := make([]string, 0, len(table))
		for name, value := range table {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
		return strings.Join(parts, ";"), nil
	}
	return fmt.Sprint(v), nil
}
