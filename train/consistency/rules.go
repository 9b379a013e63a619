package consistency

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/sketch"
	"sgdwalk/train"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/optim"
)

// part is a part of theta with its own optimizer: one tensor where the rule updates
// tensors independently of each other, and otherwise all of them.
type part struct {
	tensors   []int // of the layout, consecutive
	from, to  int   // elements of theta
	group     int   // parameter group
	rule      record.Optimizer
	newRule   func() train.Optimizer
	optimizer train.Optimizer
	saved     []train.Buffer // the optimizer's state before the current step

	stateful bool
	known    bool    // the optimizer's state is known
	inferred bool    // the state was inferred from an update, and is right to rounding only
	touched  bool    // a gradient was not 0
	relative float64 // largest error of an update, relative to the largest element of the update
	// masked are the elements whose gradient 16 bits do not describe well enough, where the
	// rule divides by the size of the gradient; nil for other rules and float32.
	masked   []bool
	smallest float64 // gradient that 16 bits describe with all digits
}

// save copies the optimizer's state.
func (p *part) save() {
	o, ok := p.optimizer.(train.Checkpointed)
	if !ok {
		return
	}
	now := o.State()
	if p.saved == nil {
		p.saved = (&train.Checkpoint{Optimizer: now}).Clone().Optimizer
		return
	}
	for i, b := range now {
		copy(p.saved[i].Float32, b.Float32)
		copy(p.saved[i].Float64, b.Float64)
		copy(p.saved[i].Uint64, b.Uint64)
	}
}

// restore sets the optimizer to its saved state.
func (p *part) restore() error {
	if o, ok := p.optimizer.(train.Checkpointed); ok {
		return o.SetState(p.saved)
	}
	return nil
}

// inferrer is an optimizer whose state follows from one update; see optim.Nesterov.
type inferrer interface {
	InferState(theta, next, grad []float32, learningRate float64, isWrong bool) bool
}

// newParts returns the parts of a recording. absent says why there is none.
func newParts(h *record.Header, j *journal, foreign bool) (parts []*part, absent string) {
	switch {
	case !h.Columns.Theta:
		return nil, "theta is not recorded"
	case h.Sketch != nil && isProjected(h):
		return nil, fmt.Sprintf("the rows are reduced by %s, and no update can be checked on a projection", h.Sketch.Spec)
	case len(h.Groups) == 0:
		return newGroup(h, j, foreign, 0, h.Optimizer, allTensors(h.Layout))
	}
	for i, g := range h.Groups {
		tensors := slices.DeleteFunc(allTensors(h.Layout), func(t int) bool {
			return !slices.Contains(g.Tensors, h.Layout[t].Name)
		})
		group, absent := newGroup(h, j, foreign, i, g.Optimizer, tensors)
		if absent != "" {
			j.note("updates", "the %d tensors of parameter group %d are not checked: %s", len(tensors), i, absent)
		}
		parts = append(parts, group...)
	}
	if len(parts) == 0 {
		return nil, "no parameter group has a known rule"
	}
	return parts, ""
}

func allTensors(l record.Layout) []int {
	all := make([]int, len(l))
	for i := range all {
		all[i] = i
	}
	return all
}

// isProjected reports whether the rows are not the values of tensors.
func isProjected(h *record.Header) bool {
	spec, err := sketch.ParseSpec(h.Sketch.Spec)
	return err != nil || spec.Project != 0
}

// newGroup returns the parts of the tensors of a parameter group.
func newGroup(h *record.Header, j *journal, foreign bool, group int, o record.Optimizer, tensors []int) (
	[]*part, string,
) {
	if foreign {
		var absent string
		if o, absent = knownSettings(j, o); absent != "" {
			return nil, absent
		}
	}
	var parts []*part
	why := optim.Sensitive(o)
	switch {
	case why != "" && foreign:
		return nil, fmt.Sprintf("%s of another program is not compared to rounding: %s", o.Name, why)
	case why != "" && !storedPrecision(h).isFull():
		return nil, fmt.Sprintf("%s needs gradients without rounding: %s", o.Name, why)
	case optim.UsesKernel(o) && h.Kernel != kernel.Name():
		return nil, fmt.Sprintf("the update of %s depends on the instruction set: the run was recorded with the kernel %s, "+
			"and this process uses %s", o.Name, h.Kernel, kernel.Name())
	case optim.IsSeparable(o):
		for _, t := range tensors {
			parts = append(parts, &part{tensors: []int{t}})
		}
	case h.Sketch != nil && len(h.Layout) != len(h.Sketch.Layout):
		return nil, fmt.Sprintf("%s with its settings needs all tensors for an update, and %s keeps some of them", o.Name, h.Sketch.Spec)
	case len(tensors) != len(h.Layout):
		return nil, o.Name + " with its settings needs all tensors for an update, and the parameter group has some of them"
	default:
		parts = append(parts, &part{tensors: tensors})
	}
	precision := storedPrecision(h)
	for _, p := range parts {
		layout := make(record.Layout, len(p.tensors))
		for i, t := range p.tensors {
			layout[i] = h.Layout[t]
		}
		p.from = layout[0].Offset
		layout = record.Pack(layout...)
		p.to = p.from + layout.Len()
		p.group, p.rule = group, o
		if _, _, err := optim.New(o.Name, o.Hyperparameters, layout, h.Seed); err != nil {
			return nil, printable.OneLine(err)
		}
		p.newRule = func() train.Optimizer {
			rule, _, _ := optim.New(o.Name, o.Hyperparameters, layout, h.Seed) // checked above
			return rule
		}
		p.optimizer = p.newRule()
		_, p.stateful = p.optimizer.(train.Checkpointed)
		p.setPrecision(precision)
	}
	return parts, ""
}

// Limits on the error of an update whose bits are not expected to agree, relative to the
// largest element of the update in the tensor.
const (
	// otherRounding allows for another order of float32 operations. An operation has an
	// error of 6e-8. A running mean over a thousand steps adds up about 1e-6.
	otherRounding = 1e-5
	// perUnit is the number of rounding errors of a 16-bit gradient. Ten gradients
	// count in a momentum buffer, and their errors do not cancel when they do.
	perUnit = 16
	// centeredFactor allows for the cancellation in a variance.
	centeredFactor = 100
)

// setPrecision sets how exactly the part's gradients are known.
func (p *part) setPrecision(q precision) {
	p.relative = otherRounding
	if !q.isFull() {
		p.relative = perUnit * q.unit()
	}
	if p.rule.Hyperparameters["centered"] != 0 {
		p.relative *= centeredFactor
	}
	if !q.isFull() && optim.EdgeOf(p.rule).Preconditioned {
		p.masked = make([]bool, p.to-p.from)
		if q == float16Precision {
			p.smallest = smallestFloat16
		}
	}
}

// knownSettings returns the optimizer of another program with the settings that the
// rule of this name has here. absent says why the rule cannot be computed.
func knownSettings(j *journal, o record.Optimizer) (known record.Optimizer, absent string) {
	if o.Name == "" {
		return o, "the header does not name the optimizer"
	}
	d, err := optim.Describe(o.Name)
	if err != nil {
		return o, fmt.Sprintf("the rule of optimizer %q is not known", o.Name)
	}
	known = record.Optimizer{Name: o.Name, Hyperparameters: make(map[string]float64)}
	var assumed, ignored []string
	for _, h := range d.Hyperparameters {
		v, ok := o.Hyperparameters[h.Name]
		switch {
		case ok:
			known.Hyperparameters[h.Name] = v
		case h.Name != "decay_all" && h.Name != "clip_norm" && h.Name != "learning_rate" && h.Name != "micro_batch":
			assumed = append(assumed, fmt.Sprintf("%s=%g", h.Name, h.Default))
		}
		if h.Name == "learning_rate" && v == 0 { // the rate of every row counts, also 0
			delete(known.Hyperparameters, h.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Hyperparameters)) {
		_, isKnown := known.Hyperparameters[name]
		switch v := o.Hyperparameters[name]; {
		case isKnown || v == 0 || name == "learning_rate":
		case strings.Contains(name, "_group_"):
			return o, "the header has settings of several parameter groups, and does not say which tensors they have"
		case name == "dampening":
			return o, fmt.Sprintf("the rule of %s with dampening %g is not known", o.Name, v)
		default:
			ignored = append(ignored, fmt.Sprintf("%s=%g", name, v))
		}
	}
	if assumed != nil {
		j.note("updates", "the header does not have all settings of %s: %s is assumed", o.Name, strings.Join(assumed, ", "))
	}
	if ignored != nil {
		j.note("updates", "the settings %s are not known to the rule of %s and are ignored", strings.Join(ignored, ", "), o.Name)
	}
	return known, ""
}
