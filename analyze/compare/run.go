package compare

import (
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Run is one of the runs that are compared. The trajectory must stay open.
type Run struct {
	Name       string // unique, not empty
	Group      string // what it is a repetition of; the name where it is empty
	Seed       uint64 // pairs it with the runs of other groups
	Trajectory record.Trajectory
	Loss       analyze.Gradient // its full training loss; nil if nothing needs to be evaluated
	Ends       []EndMeasure     // further measures of its last iterate
}

// EndMeasure is something to evaluate at the last iterate: the held-out loss, an
// accuracy.
type EndMeasure struct {
	Name string // snake_case
	Loss analyze.Loss
}

// group returns the group's name.
func (r *Run) group() string {
	if r.Group == "" {
		return r.Name
	}
	return r.Group
}

// Groups names the group of each header by what distinguishes it from the others:
// the optimizer, then as far as they differ the learning rate and its schedule, the
// batch size, the model, the hyperparameters, the data and the number of epochs.
// Headers that differ in their seeds alone are one group.
func Groups(headers []*record.Header) []string {
	names := make([]string, len(headers))
	for i, h := range headers {
		names[i] = h.Optimizer.Name
		if names[i] == "" {
			names[i] = "run"
		}
	}
	for _, p := range properties(headers) {
		values := make([]string, len(headers))
		for i, h := range headers {
			values[i] = p(h)
		}
		// A property tells groups apart when two headers of one name differ in it.
		differ := false
		for i := range headers {
			for j := range i {
				differ = differ || names[i] == names[j] && values[i] != values[j]
			}
		}
		if !differ {
			continue
		}
		for i, v := range values {
			if v != "" {
				names[i] += " " + v
			}
		}
	}
	return names
}

// properties are what may tell groups apart, each in words, "" where a header does
// not have it.
func properties(headers []*record.Header) []func(*record.Header) string {
	out := []func(*record.Header) string{
		func(h *record.Header) string { return h.Model },
		func(h *record.Header) string { return hyper(h, "learning_rate", "\u03b7") },
		func(h *record.Header) string { return h.Optimizer.RateSchedule },
		func(h *record.Header) string {
			if h.Batch == 0 || h.Batch == h.Data.TrainExamples {
				return ""
			}
			return fmt.Sprintf("B=%d", h.Batch)
		},
	}
	var names []string
	for _, h := range headers {
		for name := range h.Optimizer.Hyperparameters {
			if name != "learning_rate" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		out = append(out, func(h *record.Header) string { return hyper(h, name, name) })
	}
	return append(
		out,
		func(h *record.Header) string { return h.Data.Spec },
		func(h *record.Header) string { return fmt.Sprintf("%d epochs", h.Epochs) },
	)
}

func hyper(h *record.Header, name, symbol string) string {
	v, ok := h.Hyperparameter(name)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s=%g", symbol, v)
}

// sorted returns the runs in the order of their names, in which everything is
// computed, after checking what every question needs.
func sorted(runs []Run) ([]Run, error) {
	if len(runs) == 0 {
		return nil, fmt.Errorf("compare: no run is given; at least one is needed")
	}
	out := slices.Clone(runs)
	slices.SortStableFunc(out, func(a, b Run) int { return strings.Compare(a.Name, b.Name) })
	for i, r := range out {
		switch {
		case r.Name == "":
			return nil, fmt.Errorf("compare: a run has no name; names must be unique and not empty")
		case i > 0 && out[i-1].Name == r.Name:
			return nil, fmt.Errorf("compare: two runs are named %q; names must be unique", r.Name)
		case r.Trajectory == nil || r.Trajectory.Len() == 0:
			return nil, fmt.Errorf("compare: run %s has no rows", r.Name)
		}
	}
	return out, nil
}

// Common is what runs have in common, and with it which comparisons mean
// something.
type Common struct {
	Layout bool `json:"layout"` // one space of parameters: planes, lines and distances between runs
	Model  bool `json:"model"`
	Data   bool `json:"data"`
	Loss   bool `json:"loss"`  // model and data: one landscape for all, barriers between ends
	Start  bool `json:"start"` // one first iterate, to the last bit
}

// Check finds what the runs have in common. What they do not is a warning that
// names the first two runs that differ, in the order of their names.
func Check(runs []Run) (Common, []analyze.Warning, error) {
	s, err := sorted(runs)
	if err != nil {
		return Common{}, nil, err
	}
	c := Common{Layout: true, Model: true, Data: true, Start: true}
	var warnings []analyze.Warning
	first := s[0].Trajectory.Header()
	differ := func(same *bool, is bool, code string, r Run, format string, args ...any) {
		if is || !*same {
			return
		}
		*same = false
		warnings = append(warnings, analyze.Warning{Code: code, Text: fmt.Sprintf("%s and %s ", s[0].Name,
			r.Name) + fmt.Sprintf(format, args...)})
	}
	for _, r := range s[1:] {
		h := r.Trajectory.Header()
		differ(&c.Model, h.Model == first.Model, "different_models", r,
			"have different models (%s and %s): each is measured on its own loss, and there is no landscape or "+
				"barrier between them", first.Model, h.Model)
		differ(&c.Layout, h.Layout.Equal(first.Layout), "different_layouts", r,
			"have different layouts (%d and %d parameters): they have no plane and no distance in common",
			first.Layout.Len(), h.Layout.Len())
		differ(&c.Data, h.Data.Hash == first.Data.Hash, "different_data", r,
			"have different data (%s and %s): their losses are not the same function", first.Data.Spec, h.Data.Spec)
	}
	c.Loss = c.Model && c.Data && c.Layout
	if !c.Layout {
		c.Start = false
		return c, warnings, nil
	}
	start, err := record.ThetaOf(s[0].Trajectory, 0)
	if err != nil {
		return c, nil, fmt.Errorf("compare: run %s: row 0: %w", s[0].Name, err)
	}
	for _, r := range s[1:] {
		theta, err := record.ThetaOf(r.Trajectory, 0)
		if err != nil {
			return c, nil, fmt.Errorf("compare: run %s: row 0: %w", r.Name, err)
		}
		differ(&c.Start, start != nil && theta != nil && slices.Equal(start, theta), "different_starts", r,
			"start at different points: part of what lies between them is there from the start (sweep, or train "+
				"--init-seed, starts all at one)")
	}
	return c, warnings, nil
}

// last returns the last iterate of the run: the last row that is not an inner iterate and has
// theta. The vector is a copy.
func last(r *Run) (record.Step, error) {
	for i := r.Trajectory.Len() - 1; i >= 0; i-- {
		it, ok, err := record.IterateAt(r.Trajectory, i)
		if err != nil {
			return record.Step{}, fmt.Errorf("compare: run %s: row %d: %w", r.Name, i, err)
		}
		if ok {
			it.Theta = slices.Clone(it.Theta)
			return it.Step, nil
		}
	}
	return record.Step{}, fmt.Errorf("compare: run %s has no iterate with theta", r.Name)
}

// lastState returns a copy of the last recorded running statistics of a run; nil without any.
func lastState(r *Run) ([]float32, error) {
	if !r.Trajectory.Header().Columns.State {
		return nil, nil
	}
	for i := r.Trajectory.Len() - 1; i >= 0; i-- {
		state, err := record.StateOf(r.Trajectory, i)
		if err != nil {
			return nil, fmt.Errorf("compare: run %s: row %d: %w", r.Name, i, err)
		}
		if state != nil {
			return slices.Clone(state), nil
		}
	}
	return nil, nil
}
