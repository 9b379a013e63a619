package consistency_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/sketch"
	"sgdwalk/train/consistency"
	"sgdwalk/train/dataset"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// digits is the data set of the tests, opened once.
var digits = sync.OnceValues(func() (*dataset.Data, error) { return dataset.Open("digits", dataset.Options{}) })

// config returns a small run of an optimizer with all options that the optimizer has.
func config(t testing.TB, optimizer string) replay.Config {
	t.Helper()
	data, err := digits()
	if err != nil {
		t.Fatal(err)
	}
	c := replay.Config{
		Data: "digits", Opened: data, Model: "mlp:6", Optimizer: optimizer, Batch: 100, Epochs: 2, Seed: 3, Grad: true,
		RateSchedule: "warmup:3+cosine", Hyperparameters: map[string]float64{}, Software: "test", Workers: 1,
	}
	d, err := optim.Describe(optimizer)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range d.Hyperparameters {
		switch h.Name {
		case "weight_decay":
			c.Hyperparameters[h.Name] = 0.01
		case "inner_steps":
			c.Hyperparameters[h.Name] = 3
		}
	}
	if optimizer == "gd" {
		c.Batch, c.Epochs = 0, 8
	}
	return c
}

// record trains in memory, with the losses over whole sets.
func trainRun(t testing.TB, c replay.Config) *record.Memory {
	t.Helper()
	x, err := replay.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Model().Close()
	m, err := record.NewMemory(x.Header())
	if err != nil {
		t.Fatal(err)
	}
	loop, err := x.Loop(m)
	if err == nil {
		err = x.MeasureLosses(loop)
	}
	if err == nil {
		_, err = loop.Run(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// check checks a recording of digits.
func check(t *testing.T, run record.Trajectory, o consistency.Options) *consistency.Result {
	t.Helper()
	var err error
	if o.Opened, err = digits(); err != nil {
		t.Fatal(err)
	}
	o.Workers = 1
	r, err := consistency.Check(t.Context(), run, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantNone reports all violations.
func wantNone(t *testing.T, r *consistency.Result) {
	t.Helper()
	for _, v := range r.Violations {
		t.Errorf("%s, step %d, tensor %q: %s", v.Code, v.Step, v.Tensor, v.Text)
	}
}

// noted reports whether a note has the text.
func noted(r *consistency.Result, text string) bool {
	return slices.ContainsFunc(r.Notes, func(n consistency.Note) bool { return strings.Contains(n.Text, text) })
}

// TestEveryOptimizer: a run of every optimizer has no violation, with a sample of losses, with
// all losses, and without recorded gradients.
func TestEveryOptimizer(t *testing.T) {
	for _, name := range optim.Names() {
		t.Run(name, func(t *testing.T) {
			c := config(t, name)
			run := trainRun(t, c)
			steps := int(run.Header().Steps)
			sample := check(t, run, consistency.Options{Samples: 4})
			wantNone(t, sample)
			if !sample.Exact || sample.Gradients != min(4, steps) || sample.Losses == 0 || sample.Rows != run.Len() {
				t.Errorf("%+v", sample)
			}
			want := steps
			if name == "entropy-sgd" {
				want = 0
				if !noted(sample, "needs further mini-batches") {
					t.Errorf("notes %+v", sample.Notes)
				}
			}
			if sample.Updates < want || noted(sample, "up to their length") != (name == "pal") {
				t.Errorf("%d updates of %d, notes %+v", sample.Updates, steps, sample.Notes)
			}
			all := check(t, run, consistency.Options{Samples: -1})
			wantNone(t, all)
			if all.Updates != steps || all.Gradients != steps || len(all.Notes) != 0 {
				t.Errorf("%d updates and %d gradients of %d steps, notes %+v", all.Updates, all.Gradients, steps, all.Notes)
			}
			c.Grad = false
			again := check(t, trainRun(t, c), consistency.Options{Samples: -1})
			wantNone(t, again)
			if again.Updates != steps || !again.Exact {
				t.Errorf("without gradients, %d updates of %d", again.Updates, steps)
			}
		})
	}
}

// TestHyperparameters: clipping, decay of some tensors, centered RMSProp, and momentum in it.
func TestHyperparameters(t *testing.T) {
	for _, name := range optim.Names() {
		c := config(t, name)
		d, _ := optim.Describe(name)
		for _, h := range d.Hyperparameters {
			switch h.Name {
			case "clip_norm":
				c.Hyperparameters[h.Name] = 0.5
			case "decay_all":
				c.Hyperparameters[h.Name] = 0
			case "centered":
				c.Hyperparameters[h.Name], c.Hyperparameters["momentum"] = 1, 0.5
			case "inner_steps":
				c.Hyperparameters[h.Name] = 0
			}
		}
		run := trainRun(t, c)
		r := check(t, run, consistency.Options{})
		wantNone(t, r)
		if r.Updates != int(run.Header().Steps) {
			t.Errorf("%s: %d updates of %d rows, %+v", name, r.Updates, r.Rows, r.Notes)
		}
	}
}

// TestRoundedRecordings: 16-bit vectors agree to their rounding, with every optimizer.
func TestRoundedRecordings(t *testing.T) {
	for _, name := range optim.Names() {
		for _, spec := range []string{"float16", "bfloat16", "subset:linear1*", "subset:linear2*+float16", "project:16"} {
			run := reduced(t, trainRun(t, config(t, name)), spec)
			r := check(t, run, consistency.Options{})
			wantNone(t, r)
			isSubset, isProjected := strings.Contains(spec, "subset"), strings.Contains(spec, "project")
			steps := int(run.Header().Steps)
			switch {
			case isProjected:
				if r.Updates != 0 || !noted(r, "no update can be checked on a projection") {
					t.Errorf("%s, %s: %+v", name, spec, r)
				}
			case name == "entropy-sgd":
			case optim.Sensitive(run.Header().Optimizer) != "" && strings.Contains(spec, "float16"):
				if r.Updates != 0 || !noted(r, name+" needs gradients without rounding") {
					t.Errorf("%s, %s: %+v", name, spec, r)
				}
			case isSubset && !optim.IsSeparable(run.Header().Optimizer):
				if r.Updates != 0 || !noted(r, name+" with its settings needs all tensors for an update") {
					t.Errorf("%s, %s: %+v", name, spec, r)
				}
			case r.Updates != steps || r.Exact != (spec == "subset:linear1*"):
				t.Errorf("%s, %s: %d updates of %d, exact %v, %+v", name, spec, r.Updates, steps, r.Exact, r.Notes)
			}
			if (isSubset || isProjected) == (r.Gradients > 0) {
				t.Errorf("%s, %s: %d gradients", name, spec, r.Gradients)
			}
		}
	}
}

// reduced returns the recording that a sketch makes.
func reduced(t *testing.T, run record.Trajectory, text string) *record.Memory {
	t.Helper()
	spec, err := sketch.ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sketch.Reduce(run, spec)
	if err != nil {
		t.Fatal(err)
	}
	return copied(t, s, nil)
}

// copied returns a copy of a run whose rows change may change; change may be nil, and drops a
// row by returning false.
func copied(t *testing.T, run record.Trajectory, change func(i int, s *record.Step) bool) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(run.Header())
	if err != nil {
		t.Fatal(err)
	}
	for i := range run.Len() {
		s, err := run.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		s = s.CloneInto(new([3][]float32))
		if change != nil && !change(i, &s) {
			continue
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	return m
}
