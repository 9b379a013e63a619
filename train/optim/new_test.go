package optim

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
)

// flat is a layout of one weight tensor.
func flat(n int) record.Layout {
	return record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{n}})
}

func TestRecordHasEveryDefault(t *testing.T) {
	for _, name := range Names() {
		d, err := Describe(name)
		if err != nil {
			t.Fatal(err)
		}
		o, r, err := New(name, nil, flat(3), 1)
		if err != nil || o == nil {
			t.Fatal(err)
		}
		if d.Hyperparameters[0].Name != "learning_rate" || d.Doc == "" || d.Name != name {
			t.Errorf("%s: %+v", name, d)
		}
		want := make(map[string]float64)
		for _, h := range d.Hyperparameters {
			want[h.Name] = h.Default
			if err := h.Check(h.Default); err != nil || h.Doc == "" {
				t.Errorf("%s: default: %v; doc %q", name, err, h.Doc)
			}
		}
		if len(want) != len(d.Hyperparameters) {
			t.Errorf("%s names a hyperparameter twice", name)
		}
		if diff := cmp.Diff(record.Optimizer{Name: name, Hyperparameters: want}, r); diff != "" {
			t.Error(diff)
		}
		// The record builds the same again.
		_, again, err := New(r.Name, r.Hyperparameters, flat(3), 1)
		if diff := cmp.Diff(r, again); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
	if !slices.Equal(Names(), []string{
		"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "gd", "pal",
		"entropy-sgd", "lion", "muon", "sam-sgd", "sam-adam", "schedule-free-sgd", "schedule-free-adamw",
	}) {
		t.Errorf("names are %q", Names())
	}
}

func TestNewErrors(t *testing.T) {
	type m = map[string]float64
	for _, c := range []struct {
		name  string
		given m
		want  string
	}{
		{"prodigy", nil, `optim: optimizer is "prodigy"; allowed is sgd, momentum, nesterov, adam, adamw, rmsprop, gd, ` +
			`pal, entropy-sgd, lion, muon, sam-sgd, sam-adam, schedule-free-sgd, schedule-free-adamw`},
		{"", nil, `optim: optimizer is ""; allowed is sgd,`},
		{
			"sgd",
			m{"momentum": 0.9},
			`optim: sgd: hyperparameter is "momentum"; allowed is learning_rate, weight_decay, decay_all, clip_norm`,
		},
		{
			"pal",
			m{"weight_decay": 0},
			`optim: pal: hyperparameter is "weight_decay"; allowed is learning_rate, mu, alpha, beta, max_step`,
		},
		{
			"sgd",
			m{"learning_rate": math.NaN()},
			"optim: sgd: learning_rate is NaN; allowed is a number above 0, finite",
		},
		{
			"sgd",
			m{"learning_rate": math.Inf(1)},
			"optim: sgd: learning_rate is +Inf; allowed is a number above 0, finite",
		},
		{"sgd", m{"learning_rate": 0}, "optim: sgd: learning_rate is 0; allowed is a number above 0, finite"},
		{"sgd", m{"learning_rate": -0.1}, "optim: sgd: learning_rate is -0.1;"},
		{"sgd", m{"weight_decay": -1e-4}, "optim: sgd: weight_decay is -0.0001; allowed is a number from 0 on, finite"},
		{"momentum", m{"momentum": 1}, "optim: momentum: momentum is 1; allowed is a number from 0 to below 1"},
		{"adam", m{"beta2": math.NaN()}, "optim: adam: beta2 is NaN; allowed is a number from 0 to below 1"},
		{"adam", m{"epsilon": 0}, "optim: adam: epsilon is 0; allowed is a number above 0, finite"},
		{"rmsprop", m{"centered": 0.5}, "optim: rmsprop: centered is 0.5; allowed is 0 or 1"},
		{"gd", m{"micro_batch": 0}, "optim: gd: micro_batch is 0; allowed is a whole number from 1 to 2147483647"},
		{
			"entropy-sgd",
			m{"inner_steps": 2.5},
			"optim: entropy-sgd: inner_steps is 2.5; allowed is a whole number from 0 to 10000",
		},
		{"adam", m{"zeta": 1, "alpha": 1}, `optim: adam: hyperparameter is "alpha"`},
	} {
		_, _, err := New(c.name, c.given, flat(3), 1)
		var oe *OptionError
		if !errors.As(err, &oe) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("New(%q, %v): %v, want %q", c.name, c.given, err, c.want)
		}
	}
	if _, err := Describe("prodigy"); err == nil {
		t.Error("an unknown optimizer is described")
	}
	bad := record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{3}, Offset: 1}}
	if _, _, err := New("sgd", nil, bad, 1); err == nil || !strings.Contains(err.Error(), "offset 1") {
		t.Errorf("bad layout: %v", err)
	}
}

func TestBatchesPerStepAndMicroBatch(t *testing.T) {
	for _, name := range Names() {
		_, r, _ := New(name, nil, flat(3), 1)
		batches, micro := 1, 0
		switch name {
		case "entropy-sgd":
			batches = 21
		case "gd":
			micro = 500
		}
		if BatchesPerStep(r) != batches || MicroBatch(r) != micro {
			t.Errorf("%s: %d batches a step, micro-batch %d; want %d and %d",
				name, BatchesPerStep(r), MicroBatch(r), batches, micro)
		}
	}
}
