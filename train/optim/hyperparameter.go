package optim

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Hyperparameter describes one number that decides how an optimizer moves.
type Hyperparameter struct {
	Name    string // snake_case, as in recordings and flags
	Default float64
	Doc     string // one line

	Min, Max   float64 // allowed values; Max may be +Inf, which itself is not allowed
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

// Check returns an error when the hyperparameter cannot have the value.
func (h Hyperparameter) Check(v float64) error {
	if !math.IsInf(v, 0) && // the comparisons are false for NaN
		(v > h.Min || v == h.Min && !h.ExcludeMin) &&
		(v < h.Max || v == h.Max && !h.ExcludeMax) &&
		(!h.Whole || v == math.Trunc(v)) {
		return nil
	}
	return &OptionError{h.Name, strconv.FormatFloat(v, 'g', -1, 64), h.Range()}
}

// OptionError is the error for a name, a hyperparameter or a schedule that is
// not allowed; it is a mistake of the person who asks.
type OptionError struct {
	Field   string // what was set
	Value   string // what was given
	Allowed string // what is allowed, in words
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s is %s; allowed is %s", e.Field, e.Value, e.Allowed)
}

// values are the effective hyperparameters of one optimizer.
type values map[string]float64

// resolve checks what is given and fills in the defaults.
func resolve(known []Hyperparameter, given map[string]float64) (values, error) {
	names := make([]string, len(known))
	effective := make(values, len(known))
	for i, h := range known {
		names[i] = h.Name
		effective[h.Name] = h.Default
	}
	for _, name := range slices.Sorted(maps.Keys(given)) { // in order, so that the same mistake is named every time
		i := slices.Index(names, name)
		if i < 0 {
			return nil, &OptionError{"hyperparameter", strconv.Quote(name), strings.Join(names, ", ")}
		}
		if err := known[i].Check(given[name]); err != nil {
			return nil, err
		}
		effective[name] = given[name]
	}
	return effective, nil
}

// The hyperparameters that several optimizers share.

func learningRate(preset float64, doc string) Hyperparameter {
	return Hyperparameter{Name: "learning_rate", Default: preset, Doc: doc, Max: math.Inf(1), ExcludeMin: true}
}

func momentumFactor(preset float64, doc string) Hyperparameter {
	return Hyperparameter{Name: "momentum", Default: preset, Doc: doc, Max: 1, ExcludeMax: true}
}

func clipNorm() Hyperparameter {
	return Hyperparameter{Name: "clip_norm", Doc: "largest norm of the gradient, which is scaled down to it; 0 does not clip", Max: math.Inf(1)}
}

// weightDecay returns the two hyperparameters of weight decay.
func weightDecay(preset float64, doc string) []Hyperparameter {
	return []Hyperparameter{
		{Name: "weight_decay", Default: preset, Doc: doc, Max: math.Inf(1)},
		{Name: "decay_all", Default: 1, Doc: "1 decays every parameter, 0 leaves out biases and normalization", Max: 1, Whole: true},
	}
}

// coupled is how weight decay works where it is part of the gradient.
const coupled = "added to the gradient, times theta (L2 regularization)"
