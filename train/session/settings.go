package session

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"sgdwalk/record"
	"sgdwalk/record/recorder"
	"sgdwalk/train/dataset"
	"sgdwalk/train/replay"
)

// Settings decide a run. config.toml in the run keeps them. The tags describe every setting for a command line;
// a flag has the name of the key, with dashes.
type Settings struct {
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
	Sketch    string             `toml:"sketch,omitempty" placeholder:"SPEC" help:"Record reduced rows: subset:PATTERNS, project:K, float16 or bfloat16, joined by +."`
}

// Config returns the experiment that the settings describe. Every error is a record.OptionError, which names the
// setting, its value and what is allowed.
func (s *Settings) Config(software string) (c replay.Config, err error) {
	if s.Data == "" {
		return c, record.Optionf("data is missing; allowed are %s", dataset.Specs())
	}
	hyper := make(map[string]float64)
	maps.Copy(hyper, s.Hyper)
	if v, ok := hyper["learning_rate"]; ok {
		return c, record.Optionf("hyper has learning_rate=%v; set the learning rate with lr", v)
	}
	if s.LR != nil {
		if r := *s.LR; math.IsNaN(r) || math.IsInf(r, 0) || r <= 0 {
			return c, record.Optionf("lr is %v; it must be a finite number above 0", r)
		}
		hyper["learning_rate"] = *s.LR
	}
	batch := 0
	if s.Batch != nil {
		if batch = *s.Batch; batch < 1 {
			return c, record.Optionf("batch is %d; it must be at least 1", batch)
		}
	}
	if s.Epochs < 1 {
		return c, record.Optionf("epochs is %d; it must be at least 1", s.Epochs)
	}
	c = replay.Config{
		Data: s.Data, Model: s.Model, Optimizer: s.Optimizer, Hyperparameters: hyper, RateSchedule: s.LRSched,
		Batch: batch, Epochs: s.Epochs, Seed: s.Seed, InitSeed: s.InitSeed, Grad: s.Grad || s.RecGrad != "",
		Software: software,
	}
	return c, ParseSchedules(s.Record, s.RecTheta, s.RecGrad, s.RecState,
		&c.Schedule, &c.ThetaSchedule, &c.GradSchedule, &c.StateSchedule)
}

// ParseSchedules parses which steps are kept, and which of the kept steps have theta, gradients and state. An
// empty text leaves its schedule as it is.
func ParseSchedules(steps, theta, grad, state string, toSteps, toTheta, toGrad, toState *record.Schedule) error {
	for _, s := range []struct {
		key, text string
		to        *record.Schedule
	}{
		{"record", steps, toSteps},
		{"record-theta", theta, toTheta},
		{"record-grad", grad, toGrad},
		{"record-state", state, toState},
	} {
		if s.text == "" {
			continue
		}
		v, err := record.ParseSchedule(s.text)
		if err != nil {
			return record.Optionf("--%s: %w", s.key, err)
		}
		*s.to = v
	}
	return nil
}

// Encode returns config.toml of a run with the header h: the settings with every default filled in.
func (s *Settings) Encode(h *record.Header) ([]byte, error) {
	e := *s
	e.Hyper = maps.Clone(h.Optimizer.Hyperparameters)
	rate := e.Hyper["learning_rate"]
	delete(e.Hyper, "learning_rate")
	e.LR, e.Batch, e.Record = &rate, &h.Batch, h.Schedule.String()
	return toml.Marshal(e)
}

// ReadSettings reads the settings with which the run in dir was started.
func ReadSettings(dir string) (*Settings, error) {
	text, err := recorder.ReadFile(dir, recorder.ConfigName)
	if err != nil {
		return nil, fmt.Errorf("%s was not made by train: %w", dir, err)
	}
	stored := new(Settings)
	if err := toml.Unmarshal(text, stored); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, recorder.ConfigName), err)
	}
	return stored, nil
}

// CheckSame returns an error for the first of the given settings that differs from the stored settings of a run.
// given holds names of flags.
func (s *Settings) CheckSame(stored *Settings, given map[string]bool) error {
	a, b := reflect.ValueOf(*s), reflect.ValueOf(*stored)
	for i := range a.NumField() {
		key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("toml"), ",")
		flag := strings.ReplaceAll(key, "_", "-")
		if !given[flag] {
			continue
		}
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Pointer && !x.IsNil() && !y.IsNil() {
			x, y = x.Elem(), y.Elem()
		}
		same := reflect.DeepEqual(x.Interface(), y.Interface())
		if x.Kind() == reflect.Map { // a call may repeat some of the hyperparameters
			same = true
			for _, k := range x.MapKeys() {
				v := y.MapIndex(k)
				same = same && v.IsValid() && v.Float() == x.MapIndex(k).Float()
			}
		}
		if !same {
			return record.Optionf("--%s is %v, but the run was started with %v; a resumed run keeps its settings",
				flag, x, y)
		}
	}
	return nil
}
