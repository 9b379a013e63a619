package record_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func TestHeaderRoundTrip(t *testing.T) {
	h := recordtest.Header(9)
	h.Comment = "a<b & \"ü\"\n"
	h.Schedule = mustSchedule(t, "first:100+epochs:1,10-25")
	h.Seed, h.InitSeed = math.MaxUint64, new(uint64)
	b, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(b), "}\n") || !strings.Contains(string(b), "a<b &") {
		t.Errorf("encoded:\n%s", b)
	}
	got, err := record.DecodeHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(h, got); d != "" {
		t.Error(d)
	}
	again, err := got.Encode()
	if err != nil || string(again) != string(b) {
		t.Errorf("encoding twice gave other bytes (%v)", err)
	}
}

func TestHeaderCloneIsDeep(t *testing.T) {
	h := recordtest.Header(9)
	want, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	c := h.Clone()
	c.Optimizer.Hyperparameters["learning_rate"] = 7
	c.Layout[0].Shape[1] = 3
	c.Layout[1].Name = "other"
	c.State[0].Shape[0] = 9
	if got, err := h.Encode(); err != nil || string(got) != string(want) {
		t.Errorf("changing a clone changed the header (%v)", err)
	}
}

func TestHeaderValidate(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*record.Header)
		want  string // part of the error, "" for none
	}{
		"sound":             {func(h *record.Header) {}, ""},
		"nothing recorded":  {func(h *record.Header) { h.Columns = record.Columns{} }, ""},
		"no state":          {func(h *record.Header) { h.State, h.Columns.State = nil, false }, ""},
		"format 0":          {func(h *record.Header) { h.Format = 0 }, "format is 0"},
		"newer format":      {func(h *record.Header) { h.Format = 99 }, "format is 99"},
		"other dtype":       {func(h *record.Header) { h.DType = "float64" }, `dtype is "float64"`},
		"negative batch":    {func(h *record.Header) { h.Batch = -1 }, "batch -1"},
		"negative steps":    {func(h *record.Header) { h.Steps = -5 }, "steps -5"},
		"negative examples": {func(h *record.Header) { h.Data.TestExamples = -2 }, "-2 held-out"},
		"NaN hyperparameter": {
			func(h *record.Header) { h.Optimizer.Hyperparameters["momentum"] = math.NaN() },
			"momentum is NaN",
		},
		"infinite learning rate": {func(h *record.Header) { h.Optimizer.Hyperparameters["learning_rate"] = math.Inf(1) }, "learning_rate is +Inf"},
		"no layout":              {func(h *record.Header) { h.Layout = nil }, "has no tensor"},
		"state without layout":   {func(h *record.Header) { h.State = nil }, "state layout has no tensor"},
		"bad state layout":       {func(h *record.Header) { h.State[0].Kind = "x" }, "(state)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := recordtest.Header(9)
			test.spoil(h)
			err := h.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if _, encodeErr := h.Encode(); (encodeErr == nil) != (err == nil) {
				t.Errorf("encode: %v", encodeErr)
			}
			if _, memoryErr := record.NewMemory(h); (memoryErr == nil) != (err == nil) {
				t.Errorf("memory: %v", memoryErr)
			}
		})
	}
}

func TestDecodeHeaderRefuses(t *testing.T) {
	b, err := recordtest.Header(4).Encode()
	if err != nil {
		t.Fatal(err)
	}
	sound := string(b)
	for name, text := range map[string]string{
		"nothing":       "",
		"no JSON":       "steps: 4",
		"an array":      "[]",
		"unknown field": strings.Replace(sound, `"seed"`, `"sead"`, 1),
		"wrong type":    strings.Replace(sound, `"seed": 1`, `"seed": "one"`, 1),
		"more behind":   sound + "{}",
		"bad schedule":  strings.Replace(sound, `"every:1"`, `"sometimes"`, 1),
		"no format":     "{}",
	} {
		if _, err := record.DecodeHeader([]byte(text)); err == nil {
			t.Errorf("%s: decoded", name)
		} else if errors.Is(err, record.ErrNewerFormat) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The version is looked at before the fields, which a newer one may well have.
	_, err = record.DecodeHeader([]byte(`{"format": 12, "colour": "new"}`))
	if !errors.Is(err, record.ErrNewerFormat) || !strings.Contains(err.Error(), "format is 12") {
		t.Errorf("newer format: %v", err)
	}
	for n := range len(sound) - 1 {
		if _, err := record.DecodeHeader(b[:n]); err == nil {
			t.Errorf("%d of %d bytes were decoded", n, len(sound))
		}
	}
}

func TestCheckStepEmptyState(t *testing.T) {
	h := recordtest.Header(3)
	h.State, h.Columns.State = nil, false
	if err := h.CheckStep(&record.Step{State: []float32{}}, nil); err != nil {
		t.Errorf("the empty state of a model without one: %v", err)
	}
	if err := h.CheckStep(&record.Step{State: []float32{1}}, nil); err == nil {
		t.Error("a state that is not recorded was taken")
	}
}

func TestHyperparameter(t *testing.T) {
	h := recordtest.Header(3)
	if v, ok := h.Hyperparameter("learning_rate"); v != 0.1 || !ok {
		t.Errorf("learning_rate is %v, %v", v, ok)
	}
	if _, ok := h.Hyperparameter("no such"); ok {
		t.Error("a hyperparameter that is not there was found")
	}
}

func TestTitle(t *testing.T) {
	rate := map[string]float64{"learning_rate": 0.1}
	for want, h := range map[string]record.Header{
		"lenet on mnist, sgd \u03b7 = 0.1, batch 50": {
			Model: "lenet",
			Data:  record.Data{Spec: "mnist:/data"}, Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: rate},
			Batch: 50,
		},
		"Net, adam \u03b7 = 0.1": {Model: "Net", Optimizer: record.Optimizer{Name: "adam", Hyperparameters: rate}},
		"imported":               {Model: "imported"},
		"sgd":                    {Optimizer: record.Optimizer{Name: "sgd"}},
		"\u03b7 = 0.1":           {Optimizer: record.Optimizer{Hyperparameters: rate}},
		"":                       {},
	} {
		if got := h.Title(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
