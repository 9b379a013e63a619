package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// trainConfig is what decides a run: the settings that a --config file may hold
// and that config.toml in the run keeps.
type trainConfig struct {
	Data      string             `toml:"data" placeholder:"DATA" help:"Data set: ${datasets}."`
	Model     string             `toml:"model" default:"mlp:128" placeholder:"MODEL" help:"Network: ${models} (default ${default})."`
	Optimizer string             `toml:"optimizer" default:"sgd" help:"Update rule: ${optimizers} (default ${default})."`
	LR        *float64           `toml:"lr,omitempty" placeholder:"RATE" help:"Learning rate (default: the optimizer's own, 0.1 for sgd)."`
	LRSched   string             `toml:"lr_schedule,omitempty" name:"lr-schedule" placeholder:"SCHEDULE" help:"How the learning rate changes: ${schedules} (default constant)."`
	Hyper     map[string]float64 `toml:"hyper,omitempty" placeholder:"NAME=VALUE" help:"Further hyperparameter of the optimizer; may be repeated."`
	Batch     *int               `toml:"batch,omitempty" placeholder:"N" help:"Examples per mini-batch (default 100; gd takes all)."`
	Epochs    int                `toml:"epochs" default:"1" help:"Passes over the training set (default ${default})."`
	Seed      uint64             `toml:"seed" default:"1" help:"Seed of batch order and initialization (default ${default})."`
	InitSeed  *uint64            `toml:"init_seed,omitempty" name:"init-seed" placeholder:"N" help:"Seed of the initialization alone: runs with other seeds then start at the same point (default: --seed)."`
	Record    string             `toml:"record" default:"every:1" placeholder:"SCHEDULE" help:"Steps to keep: every:K, first:N, log:N, steps:A-B,C, epochs:A-B,C, joined by + (default ${default})."`
	Grad      bool               `toml:"grad" help:"Record the mini-batch gradients too."`
	RecGrad   string             `toml:"record_grad,omitempty" name:"record-grad" placeholder:"SCHEDULE" help:"Record gradients at these of the kept steps only (implies --grad)."`
	RecTheta  string             `toml:"record_theta,omitempty" name:"record-theta" placeholder:"SCHEDULE" help:"Record theta at these of the kept steps only; the first and the last always have it."`
	RecState  string             `toml:"record_state,omitempty" name:"record-state" placeholder:"SCHEDULE" help:"Record running statistics at these of the kept steps only."`
}

// trainCmd trains and records one run.
type trainCmd struct {
	trainConfig
	recordFlags
	Out    string          `placeholder:"RUN" help:"Directory of the run; must not exist."`
	Resume string          `placeholder:"RUN" help:"Continue a run that was stopped or killed, bit for bit."`
	Config kong.ConfigFlag `placeholder:"FILE.toml" help:"Settings from a file; flags win over it."`
	Force  bool            `help:"Replace the run that is there."`
}

func (trainCmd) Help() string {
	return `Examples:
  sgdwalk train --data digits --model mlp:32 --epochs 5 --grad --out RUN
  sgdwalk train --data mnist:DIR --model mlp:128 --batch 100 --lr 0.1 --epochs 1 --out RUN
  sgdwalk train --data digits --optimizer momentum --lr 0.05 --hyper momentum=0.95 --out RUN
  sgdwalk train --config RUN/config.toml --seed 2 --out RUN2
  sgdwalk train --resume RUN

A run that diverges is recorded up to and including the step that diverged.
Ctrl-C, SIGTERM and SIGHUP end the run at the next step, with a checkpoint and exit status 130;
--resume continues it from there. It uses the instruction set that the header names.`
}

func (c *trainConfig) config() (replay.Config, error) {
	if c.Data == "" {
		return replay.Config{}, usagef("--data is missing; allowed are digits, spirals, mnist:DIR, fashion:DIR and cifar10:DIR")
	}
	hyper := maps.Clone(c.Hyper)
	if hyper == nil {
		hyper = make(map[string]float64)
	}
	if v, ok := hyper["learning_rate"]; ok {
		return replay.Config{}, usagef("--hyper learning_rate=%v: the learning rate is given by --lr", v)
	}
	if c.LR != nil {
		if r := *c.LR; math.IsNaN(r) || math.IsInf(r, 0) || r <= 0 {
			return replay.Config{}, usagef("--lr is %v; it must be a finite number above 0", r)
		}
		hyper["learning_rate"] = *c.LR
	}
	batch := 0
	if c.Batch != nil {
		if batch = *c.Batch; batch < 1 {
			return replay.Config{}, usagef("--batch is %d; it must be at least 1", batch)
		}
	}
	if c.Epochs < 1 {
		return replay.Config{}, usagef("--epochs is %d; it must be at least 1", c.Epochs)
	}
	schedule, err := record.ParseSchedule(c.Record)
	if err != nil {
		return replay.Config{}, usageError{err}
	}
	theta, err := record.ParseSchedule(c.RecTheta)
	if err != nil {
		return replay.Config{}, usagef("--record-theta: %w", err)
	}
	grad, err := record.ParseSchedule(c.RecGrad)
	if err != nil {
		return replay.Config{}, usagef("--record-grad: %w", err)
	}
	state, err := record.ParseSchedule(c.RecState)
	if err != nil {
		return replay.Config{}, usagef("--record-state: %w", err)
	}
	return replay.Config{
		Data: c.Data, Model: c.Model, Optimizer: c.Optimizer, Hyperparameters: hyper, RateSchedule: c.LRSched,
		Batch: batch, Epochs: c.Epochs, Seed: c.Seed, InitSeed: c.InitSeed, Schedule: schedule, Grad: c.Grad || c.RecGrad != "", Software: software,
		ThetaSchedule: theta, GradSchedule: grad, StateSchedule: state,
	}, nil
}

// Run trains.
func (c *trainCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	var s trainSummary
	var err error
	switch {
	case c.Resume == "" && c.Out == "":
		return usagef("--out is missing: the directory of the run, which must not exist (or --resume RUN)")
	case c.Resume == "":
		s, err = c.start(ctx, e, c.recordFlags, c.Out, c.Force)
	case c.Out != "" || c.Force:
		return usagef("--resume %s goes on in that directory: leave out --out and --force", c.Resume)
	default:
		s, err = c.resume(ctx, e, givenFlags(k))
	}
	if err != nil {
		return err
	}
	if e.json {
		err = e.printJSON(s)
	} else {
		s.print(e)
	}
	if err == nil && s.Result.Status == train.Stopped {
		err = fmt.Errorf("training was %w at step %d of %d; sgdwalk train --resume %s continues it", errInterrupted, s.Result.Steps, s.planned, s.Run)
	}
	return err
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

// differs compares the settings that were given on the command line with those of
// the run; the error names the first that is another, and both values.
func (c *trainConfig) differs(stored *trainConfig, given map[string]bool) error {
	a, b := reflect.ValueOf(*c), reflect.ValueOf(*stored)
	for i := range a.NumField() {
		key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("toml"), ",")
		if !given[strings.ReplaceAll(key, "_", "-")] {
			continue
		}
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Pointer && !x.IsNil() && !y.IsNil() {
			x, y = x.Elem(), y.Elem()
		}
		if x.Kind() == reflect.Map { // some of the hyperparameters
			for _, k := range x.MapKeys() {
				if v := y.MapIndex(k); !v.IsValid() || v.Float() != x.MapIndex(k).Float() {
					return usagef("--%s %v=%v: the run was begun with %v; a run that goes on keeps its settings", key, k, x.MapIndex(k), y)
				}
			}
			continue
		}
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			return usagef("--%s is %v; the run was begun with %v, and one that goes on keeps its settings", strings.ReplaceAll(key, "_", "-"), x, y)
		}
	}
	return nil
}

// effective is the configuration with every default filled in.
func (c *trainConfig) effective(h *record.Header) *trainConfig {
	e := *c
	e.Hyper = maps.Clone(h.Optimizer.Hyperparameters)
	rate := e.Hyper["learning_rate"]
	delete(e.Hyper, "learning_rate")
	e.LR, e.Batch, e.Record = &rate, &h.Batch, h.Schedule.String()
	return &e
}
