package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// trainConfig is what decides a run: the settings that a --config file may hold
// and that config.toml in the run keeps.
type trainConfig struct {
	Data      string             `toml:"data" placeholder:"DATA" help:"digits, spirals, mnist:DIR, fashion:DIR or cifar10:DIR."`
	Model     string             `toml:"model" default:"mlp:128" placeholder:"MODEL" help:"mlp:WIDTHS, for example mlp:128,64; lenet, vgg11, resnet:N or resnet:N:noshort (default ${default})."`
	Optimizer string             `toml:"optimizer" default:"sgd" help:"Update rule: ${optimizers} (default ${default})."`
	LR        *float64           `toml:"lr,omitempty" placeholder:"RATE" help:"Learning rate (default: the optimizer's own, 0.1 for sgd)."`
	LRSched   string             `toml:"lr_schedule,omitempty" name:"lr-schedule" placeholder:"SCHEDULE" help:"How the learning rate changes: ${schedules} (default constant)."`
	Hyper     map[string]float64 `toml:"hyper,omitempty" placeholder:"NAME=VALUE" help:"Further hyperparameter of the optimizer; may be repeated."`
	Batch     *int               `toml:"batch,omitempty" placeholder:"N" help:"Examples per mini-batch (default 100; gd takes all)."`
	Epochs    int                `toml:"epochs" default:"1" help:"Passes over the training set (default ${default})."`
	Seed      uint64             `toml:"seed" default:"1" help:"Seed of initialization and batch order (default ${default})."`
	Record    string             `toml:"record" default:"every:1" placeholder:"SCHEDULE" help:"Steps to keep: every:K, first:N, log:N, steps:A-B,C, epochs:A-B,C, joined by + (default ${default})."`
	Grad      bool               `toml:"grad" help:"Record the mini-batch gradients too."`
}

// trainCmd trains and records one run.
type trainCmd struct {
	trainConfig
	Out    string          `required:"" placeholder:"RUN" help:"Directory of the run; must not exist."`
	Config kong.ConfigFlag `placeholder:"FILE.toml" help:"Settings from a file; flags win over it."`
	Force  bool            `help:"Replace the run that is there."`
}

func (trainCmd) Help() string {
	return `Examples:
  sgdwalk train --data digits --model mlp:32 --epochs 5 --grad --out RUN
  sgdwalk train --data mnist:DIR --model mlp:128 --batch 100 --lr 0.1 --epochs 1 --out RUN
  sgdwalk train --data digits --optimizer momentum --lr 0.05 --hyper momentum=0.95 --out RUN
  sgdwalk train --config RUN/config.toml --seed 2 --out RUN2

A run that diverges is recorded up to and including the step that diverged.
Ctrl-C ends the run at the next step.`
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
	return replay.Config{
		Data: c.Data, Model: c.Model, Optimizer: c.Optimizer, Hyperparameters: hyper, RateSchedule: c.LRSched,
		Batch: batch, Epochs: c.Epochs, Seed: c.Seed, Schedule: schedule, Grad: c.Grad, Software: software,
	}, nil
}

// trainSummary is what train prints and keeps in RUN/train.json.
type trainSummary struct {
	Run        string          `json:"run"`
	Model      string          `json:"model"`
	Parameters int             `json:"parameters"`
	Result     train.Result    `json:"result"`
	BatchLoss  record.Optional `json:"last_batch_loss"`
	Bytes      int64           `json:"bytes"`
	Seconds    float64         `json:"-"`
}

// Run trains.
func (c *trainCmd) Run(ctx context.Context, e *env) error {
	s, err := c.train(ctx, e, c.Out, c.Force)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(s)
	}
	e.printf("%s\n", s.Result.Message)
	e.printf("%d rows, %s in %s\n", s.Result.Rows, bytesText(s.Bytes), s.Run)
	if s.Result.FullLoss.Valid {
		e.printf("training loss %.4g", s.Result.FullLoss.Value)
		if s.Result.TestLoss.Valid {
			e.printf(", held-out loss %.4g, held-out accuracy %.2f %%", s.Result.TestLoss.Value, 100*s.Result.TestAcc.Value)
		}
		e.printf("\n")
	}
	return nil
}

// train trains one run into the directory out.
func (c *trainConfig) train(ctx context.Context, e *env, out string, force bool) (s trainSummary, err error) {
	cfg, err := c.config()
	if err != nil {
		return s, err
	}
	// The directory is looked at before the data are read, and made only when
	// everything else is known to be right.
	if _, err := os.Lstat(out); err == nil && !force {
		return s, usagef("--out %s exists already; name a new directory, or give --force to replace a run", out)
	}
	x, err := replay.New(cfg)
	if err != nil {
		return s, usageError{err}
	}
	w, err := arrowfile.Create(out, x.Header(), arrowfile.Options{Overwrite: force})
	if err != nil {
		return s, err
	}
	defer func() {
		if cerr := w.Close(); err == nil {
			err = cerr
		}
	}()
	effective := c.effective(x.Header())
	text, err := toml.Marshal(effective)
	if err != nil {
		return s, err
	}
	if err := os.WriteFile(filepath.Join(out, "config.toml"), text, 0o666); err != nil {
		return s, err
	}
	loop, err := x.Loop(w)
	if err != nil {
		return s, err
	}
	if err := addEvaluators(loop, x); err != nil {
		return s, err
	}
	h := x.Header()
	e.say("%s on %s: %d parameters, %d training and %d held-out examples (%s)", h.Model, h.Data.Spec, h.Layout.Len(), h.Data.TrainExamples, h.Data.TestExamples, h.Data.Split)
	e.progress.Begin("train", int(h.Steps))
	loop.Hook = func(*record.Step) error { e.progress.Add(1); return nil }
	start := time.Now()
	s = trainSummary{Run: out, Model: h.Model, Parameters: h.Layout.Len()}
	s.Result, err = loop.Run(ctx)
	e.progress.end()
	s.Bytes, s.Seconds = w.Bytes(), time.Since(start).Seconds()
	s.BatchLoss = record.Some(s.Result.BatchLoss)
	if err != nil {
		return s, fmt.Errorf("%w (the run in %s has %d rows)", err, out, w.Rows())
	}
	return s, nil
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

// addEvaluators lets the loop measure the full and held-out loss once an epoch.
func addEvaluators(loop *train.Loop, x *replay.Experiment) error {
	full, err := x.TrainLoss()
	if err != nil {
		return err
	}
	loop.Full = full
	test, err := x.TestLoss()
	if err != nil {
		return err
	}
	if test != nil { // a nil *nn.Evaluator must not become a non-nil interface
		loop.Test = test
	}
	return nil
}
