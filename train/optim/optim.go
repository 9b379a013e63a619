package optim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/record"
	"sgdwalk/train"
)

// rule describes an optimizer: everything that the rest of the program knows about
// it. Help, flags, headers, replay and curvature follow from the rule.
type rule struct {
	name  string
	doc   string           // one line
	hyper []Hyperparameter // learning_rate first
	build func(v values, layout record.Layout, seed uint64) train.Optimizer
	// edge returns the edge of stability for recorded hyperparameters; see EdgeOf.
	edge func(o record.Optimizer) Edge
	// innerBatches is the number of mini-batches that a step draws in addition to
	// its own; nil means none. Each has a row of its own.
	innerBatches func(v values) int
	// innerRows is the number of inner iterates that a step records, where that is
	// not the number of innerBatches.
	innerRows int
	// microBatch is the number of examples evaluated at once by an optimizer whose
	// every step uses the whole training set; nil for all others.
	microBatch func(v values) int
	// furtherEvaluations is the number of losses and gradients of its own mini-batch
	// that a step computes in addition to the gradient.
	furtherEvaluations int
	// coupled means that the update of a parameter depends on the gradients of
	// other parameters, also without clip_norm.
	coupled bool
	// averages means that the optimizer is train.Averaging.
	averages bool
	// sensitive says why rounding of the gradient can change an update by much more
	// than rounding; "" if it cannot.
	sensitive string
	// usesKernel means that the bits of an update depend on the instruction set.
	usesKernel bool
}

// rules lists all optimizers, in the order in which help shows them.
var rules = []rule{
	sgdRule(), momentumRule(), nesterovRule(), adamRule(), adamWRule(),
	rmspropRule(), gdRule(), palRule(), entropyRule(),
	lionRule(), muonRule(), samSGDRule(), samAdamRule(), scheduleFreeSGDRule(), scheduleFreeAdamWRule(),
}

// Names returns the names of all optimizers, in the order in which help shows
// them. The slice is a copy.
func Names() []string {
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}

// Description describes an optimizer and its hyperparameters.
type Description struct {
	Name            string
	Doc             string           // one line
	Hyperparameters []Hyperparameter // learning_rate first
}

// Describe returns the description of an optimizer.
func Describe(name string) (Description, error) {
	r, err := find(name)
	if err != nil {
		return Description{}, fmt.Errorf("optim: %w", err)
	}
	return Description{r.name, r.doc, slices.Clone(r.hyper)}, nil
}

// find returns the rule of a name, or an *OptionError that lists the names.
func find(name string) (rule, error) {
	for _, r := range rules {
		if r.name == name {
			return r, nil
		}
	}
	return rule{}, &OptionError{"optimizer", strconv.Quote(name), strings.Join(Names(), ", ")}
}

// New builds an optimizer for parameters with the given layout. It also returns
// the record of all hyperparameters: the given ones, and the defaults of the
// others. Building from the record gives the same optimizer. Only an optimizer
// that draws random numbers uses seed, the seed of the run.
//
// An unknown name, an unknown hyperparameter or a value out of range is an
// *OptionError.
func New(name string, given map[string]float64, layout record.Layout, seed uint64) (
	train.Optimizer, record.Optimizer, error,
) {
	o, err := Effective(name, given)
	if err != nil {
		return nil, record.Optimizer{}, err
	}
	if err := layout.Validate(); err != nil {
		return nil, record.Optimizer{}, fmt.Errorf("optim: %s: %w", name, err)
	}
	r, _ := find(name) // Effective has found it
	return r.build(o.Hyperparameters, layout, seed), o, nil
}

// Effective returns the record of an optimizer with all hyperparameters, as [New]
// does, without building the optimizer. The batch size of a run depends on this
// record, and the model on the batch size.
func Effective(name string, given map[string]float64) (record.Optimizer, error) {
	r, err := find(name)
	if err != nil {
		return record.Optimizer{}, fmt.Errorf("optim: %w", err)
	}
	v, err := effective(r.hyper, given)
	if err != nil {
		return record.Optimizer{}, fmt.Errorf("optim: %s: %w", name, err)
	}
	return record.Optimizer{Name: name, Hyperparameters: v}, nil
}

// BatchesPerStep returns how many mini-batches one step draws: 1, or more for an
// optimizer with an inner loop. The number of steps in an epoch is smaller by
// this factor.
func BatchesPerStep(o record.Optimizer) int {
	if r, err := find(o.Name); err == nil && r.innerBatches != nil {
		return 1 + r.innerBatches(o.Hyperparameters)
	}
	return 1
}

// EvaluationsPerStep returns how many gradients and losses of mini-batches one
// step computes: 1, or more for an optimizer that gets further ones from its
// train.Probe.
func EvaluationsPerStep(o record.Optimizer) int {
	n := BatchesPerStep(o)
	if r, err := find(o.Name); err == nil {
		n += r.furtherEvaluations
	}
	return n
}

// InnerRows returns how many inner iterates one step records.
func InnerRows(o record.Optimizer) int {
	if r, err := find(o.Name); err == nil && r.innerRows > 0 {
		return r.innerRows
	}
	return BatchesPerStep(o) - 1
}

// Averages reports whether the optimizer is a train.Averaging.
func Averages(o record.Optimizer) bool {
	r, err := find(o.Name)
	return err == nil && r.averages
}

// Cost returns what the size of a recording depends on.
func Cost(o record.Optimizer) record.BudgetOptions {
	return record.BudgetOptions{InnerRows: InnerRows(o), BatchesPerStep: BatchesPerStep(o), LastStep: Averages(o)}
}

// Sensitive says why the rounding of a gradient can change an update by much more
// than rounding, so that an update can only be checked with the very bits of the
// training; "" if it cannot.
func Sensitive(o record.Optimizer) string {
	r, _ := find(o.Name)
	return r.sensitive
}

// UsesKernel reports whether the bits of an update depend on the instruction set of
// train/nn/kernel.
func UsesKernel(o record.Optimizer) bool {
	r, err := find(o.Name)
	return err == nil && r.usesKernel
}

// IsSeparable reports whether the rule updates every parameter from its own theta
// and gradients alone. Then an optimizer of some tensors computes for them what an
// optimizer of all tensors computes. It is false for an unknown optimizer.
func IsSeparable(o record.Optimizer) bool {
	r, err := find(o.Name)
	return err == nil && !r.coupled && o.Hyperparameters["clip_norm"] == 0
}

// MicroBatch returns how many examples are evaluated at once for an optimizer
// whose every step uses the whole training set, and 0 for every other optimizer.
// The training loop then uses the training set as one batch and wraps the model
// in a train.Accumulator of that size.
func MicroBatch(o record.Optimizer) int {
	if r, err := find(o.Name); err == nil && r.microBatch != nil {
		return r.microBatch(o.Hyperparameters)
	}
	return 0
}
