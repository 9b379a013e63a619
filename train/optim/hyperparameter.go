package optim

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Hyperparameter describes one number that decides how an optimizer moves theta.
type Hyperparameter struct {
	Name    string // snake_case, as in recordings and flags
	Default float64
	Doc     string // one line

	Min, Max   float64 // allowed range; a Max of +Inf allows every finite value
	ExcludeMin bool    // Min itself is not allowed
	ExcludeMax bool    // Max itself is not allowed
	Whole      bool    // only whole numbers are allowed
}

// Range returns the allowed values in words.
func (h Hyperparameter) Range() string {
	what, format := "a number", byte('g')
	if h.Whole {
		what, format = "a whole number", 'f'
	}
	number := func(v float64) string { return strconv.FormatFloat(v, format, -1, 64) }
	from := " from " + number(h.Min)
	if h.ExcludeMin {
		from = " above " + number(h.Min)
	}
	switch {
	case h.Whole && h.Min == 0 && h.Max == 1:
		return "0 or 1"
	case math.IsInf(h.Max, 1) && !h.ExcludeMin:
		return what + from + " on, finite"
	case math.IsInf(h.Max, 1):
		return what + from + ", finite"
	case h.ExcludeMax:
		return what + from + " to below " + number(h.Max)
	}
	return what + from + " to " + number(h.Max)
}

// Check returns an *OptionError if the value is not allowed.
func (h Hyperparameter) Check(v float64) error {
	if !math.IsInf(v, 0) && // the comparisons are false for NaN
		(v > h.Min || v == h.Min && !h.ExcludeMin) &&
		(v < h.Max || v == h.Max && !h.ExcludeMax) &&
		(!h.Whole || v == math.Trunc(v)) {
		return nil
	}
	return &OptionError{h.Name, strconv.FormatFloat(v, 'g', -1, 64), h.Range()}
}

// OptionError reports a name, a hyperparameter or a schedule that is not allowed:
// a mistake of the caller.
type OptionError struct {
	Field   string // what was set
	Value   string // the value that was given
	Allowed string // the allowed values, in words
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s is %s; allowed is %s", e.Field, e.Value, e.Allowed)
}

// values are the effective hyperparameters of one optimizer.
type values map[string]float64

// effective checks the given hyperparameters and fills in the defaults.
func effective(known []Hyperparameter, given map[string]float64) (values, error) {
	names := make([]string, len(known))
	all := make(values, len(known))
	for i, h := range known {
		names[i] = h.Name
		all[h.Name] = h.Default
	}
	for _, name := range slices.Sorted(maps.Keys(given)) { // sorted, so that the error does not depend on the map
		i := slices.Index(names, name)
		if i < 0 {
			return nil, &OptionError{"hyperparameter", strconv.Quote(name), strings.Join(names, ", ")}
		}
		if err := known[i].Check(given[name]); err != nil {
			return nil, err
		}
		all[name] = given[name]
	}
	return all, nil
}

// positive returns a hyperparameter that may be any finite number above 0.
func positive(name string, preset float64, doc string) Hyperparameter {
	return Hyperparameter{Name: name, Default: preset, Doc: doc, Max: math.Inf(1), ExcludeMin: true}
}

// nonNegative returns a hyperparameter that may be any finite number from 0 on.
func nonNegative(name string, preset float64, doc string) Hyperparameter {
	return Hyperparameter{Name: name, Default: preset, Doc: doc, Max: math.Inf(1)}
}

// factor returns a hyperparameter in [0, 1), such as momentum.
func factor(name string, preset float64, doc string) Hyperparameter {
	return Hyperparameter{Name: name, Default: preset, Doc: doc, Max: 1, ExcludeMax: true}
}

// toggle returns a hyperparameter that is 0 or 1.
func toggle(name string, preset float64, doc string) Hyperparameter {
	return Hyperparameter{Name: name, Default: preset, Doc: doc, Max: 1, Whole: true}
}

// The hyperparameters that several optimizers share.

func learningRate(preset float64, doc string) Hyperparameter {
	return positive("learning_rate", preset, doc)
}

func clipNorm() Hyperparameter {
	return nonNegative("clip_norm", 0, "largest norm of the gradient, which is scaled down to it; 0 does not clip")
}

// weightDecay returns the two hyperparameters of weight decay.
func weightDecay(preset float64, doc string) []Hyperparameter {
	const all = "1 decays every parameter, 0 leaves out biases and normalization"
	return []Hyperparameter{
		nonNegative("weight_decay", preset, doc),
		toggle("decay_all", 1, all),
	}
}

// decayDoc describes weight decay that is part of the gradient.
const decayDoc = "added to the gradient, times theta (L2 regularization)"

// decoupledDoc describes weight decay that is apart from the gradient.
const decoupledDoc = "each step scales theta by 1 minus this times the learning rate"
