package record

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Setting is one setting of a run, with its value as a text.
type Setting struct {
	Section string `json:"section"` // for example "optimizer"
	Name    string `json:"name"`
	Value   string `json:"value"`
	// IsPlace is true for a value that names a place on the machine of the recording.
	IsPlace bool `json:"-"`
}

// Settings returns everything that the header says about a run, except the tensors one by one,
// in an order for reading. It leaves out what the header does not say.
func (h *Header) Settings() []Setting {
	var all []Setting
	section := "model"
	add := func(name, value string) {
		if value != "" {
			all = append(all, Setting{Section: section, Name: name, Value: value})
		}
	}
	count := func(name string, n int64) {
		if n > 0 {
			add(name, strconv.FormatInt(n, 10))
		}
	}
	add("model", h.Model)
	count("parameters", int64(h.Layout.Len()))
	count("parameter tensors", int64(len(h.Layout)))
	count("running statistics", int64(h.State.Len()))
	section = "data"
	d := &h.Data
	add("data", d.Name())
	if d.Spec != d.Name() {
		all = append(all, Setting{section, "opened as", d.Spec, true})
	}
	add("hash of the data", d.Hash)
	count("training examples", int64(d.TrainExamples))
	count("held-out examples", int64(d.TestExamples))
	add("split into training and held-out examples", d.Split)
	if d.Height > 0 {
		add("size of an example", fmt.Sprintf("%d x %d x %d", d.Height, d.Width, d.Channels))
	}
	count("classes", int64(d.Classes))
	add("scaling", d.Scaling)
	section = "optimizer"
	optimizer := func(before string, o *Optimizer) {
		add(before+"optimizer", o.Name)
		for _, name := range slices.Sorted(maps.Keys(o.Hyperparameters)) {
			add(before+strings.ReplaceAll(name, "_", " "), strconv.FormatFloat(o.Hyperparameters[name], 'g', -1, 64))
		}
		add(before+"learning rate schedule", o.RateSchedule)
	}
	optimizer("", &h.Optimizer)
	for i := range h.Groups {
		before := fmt.Sprintf("group %d: ", i+1)
		optimizer(before, &h.Groups[i].Optimizer)
		add(before+"tensors", strings.Join(h.Groups[i].Tensors, ", "))
	}
	section = "training"
	count("mini-batch", int64(h.Batch))
	count("epochs", int64(h.Epochs))
	count("planned steps", h.Steps)
	section = "seed"
	if h.Seed != 0 || h.InitSeed != nil || h.Kernel != "" { // other programs do not say a seed
		add("seed", strconv.FormatUint(h.Seed, 10))
		add("seed of the initialization", strconv.FormatUint(h.InitializationSeed(), 10))
	}
	section = "recording"
	add("recorded rows", h.Schedule.String())
	for i, at := range []Schedule{h.ThetaSchedule, h.GradSchedule, h.StateSchedule} {
		switch name := VectorNames[i]; {
		case !h.Columns.has(i):
			add(name, "not recorded")
		case at.IsZero():
			add(name, "in every row")
		default:
			add(name, "at "+at.String())
		}
	}
	add("element type", h.DType)
	if h.Sketch != nil {
		add("reduction", h.Sketch.Spec)
		count("parameters before the reduction", int64(h.Sketch.Parameters))
	}
	section = "program"
	add("recorded by", h.Software)
	add("kernels", h.Kernel)
	add("format", strconv.Itoa(h.Format))
	section = "comment"
	add("comment", h.Comment)
	return all
}

// SettingPair is one setting of two runs. A value is "" where the run does not have the setting.
type SettingPair struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	A       string `json:"a"`
	B       string `json:"b"`
}

// Differs reports whether the two values differ.
func (p SettingPair) Differs() bool { return p.A != p.B }

// PairSettings puts the settings of two runs side by side: in the order of a, and then those
// that only b has.
func PairSettings(a, b []Setting) []SettingPair {
	type key struct{ section, name string }
	rest := make(map[key]string, len(b))
	for _, s := range b {
		rest[key{s.Section, s.Name}] = s.Value
	}
	pairs := []SettingPair{}
	for _, s := range a {
		k := key{s.Section, s.Name}
		pairs = append(pairs, SettingPair{s.Section, s.Name, s.Value, rest[k]})
		delete(rest, k)
	}
	for _, s := range b {
		if _, only := rest[key{s.Section, s.Name}]; only {
			pairs = append(pairs, SettingPair{s.Section, s.Name, "", s.Value})
		}
	}
	return pairs
}
