package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// OptionError reports a spec or an option that is not allowed: a mistake of the
// caller, not of a file.
type OptionError struct {
	Field   string // name of the option
	Value   string // the value that was given
	Allowed string // the allowed values, in words
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s is %s; allowed is %s", e.Field, e.Value, e.Allowed)
}

// Options select how a data set is opened. The zero value of each field is its
// documented default. An option that does not apply to the data set is an error.
// A spec can have options too, after a question mark:
// "spirals?examples=500&seed=7". The same option in both places is an error.
type Options struct {
	// Holdout (spec "holdout") is the fraction of examples that are held out if
	// the data set has one part only: the last floor(n*Holdout) ones. In (0, 1),
	// default 1/5.
	Holdout float64
	// Spread (spec "spread") holds out evenly spread examples instead of the last
	// ones.
	Spread bool
	// Limit (spec "limit") is the largest number of examples of each part. The
	// first ones are taken, after the split. Default all.
	Limit int
	// Pad (spec "pad") is the number of zero pixels added on every side, 0 to 64.
	Pad int
	// Augment (spec "crop" and "flip") changes training batches at random.
	// Default none.
	Augment Augmentation
	// Classes (spec "classes") is the number of classes of IDX files, 2 to 256: labels
	// are 0 to Classes-1. Default 10.
	Classes int
	// Examples (spec "examples") is the number of examples of spirals, 10 to
	// 10,000,000. Default 2,000.
	Examples int
	// Noise (spec "noise") is the standard deviation of the Gaussian noise of
	// spirals, whose radius is 1. In (0, 10], default 0.02.
	Noise float64
	// Seed (spec "seed") is the seed of the points and of the noise of spirals.
	Seed uint64
}

const (
	defaultHoldout  = 0.2
	defaultClasses  = 10
	defaultExamples = 2000
	defaultNoise    = 0.02

	maxPad      = 64
	minClasses  = 2
	maxClasses  = 256 // a label is one byte
	minExamples = 10
	maxExamples = 10_000_000
	maxNoise    = 10
)

// Validate checks the ranges. The error names the option, its value and the
// allowed range.
func (o Options) Validate() error {
	switch {
	case o.Holdout != 0 && !(o.Holdout > 0 && o.Holdout < 1):
		return &OptionError{"holdout", fmt.Sprint(o.Holdout), "a fraction between 0 and 1, both excluded"}
	case o.Limit < 0:
		return &OptionError{"limit", fmt.Sprint(o.Limit), "1 or more examples"}
	case o.Pad < 0 || o.Pad > maxPad:
		return &OptionError{"pad", fmt.Sprint(o.Pad), fmt.Sprintf("0 to %d pixels", maxPad)}
	case o.Classes != 0 && (o.Classes < minClasses || o.Classes > maxClasses):
		return &OptionError{"classes", fmt.Sprint(o.Classes), fmt.Sprintf("%d to %d", minClasses, maxClasses)}
	case o.Examples != 0 && (o.Examples < minExamples || o.Examples > maxExamples):
		return &OptionError{"examples", fmt.Sprint(o.Examples), fmt.Sprintf("%d to %d", minExamples, maxExamples)}
	case o.Noise != 0 && !(o.Noise > 0 && o.Noise <= maxNoise):
		return &OptionError{"noise", fmt.Sprint(o.Noise), fmt.Sprintf("above 0, at most %d", maxNoise)}
	}
	return o.Augment.Validate()
}

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	if o.Holdout == 0 {
		o.Holdout = defaultHoldout
	}
	if o.Classes == 0 {
		o.Classes = defaultClasses
	}
	if o.Examples == 0 {
		o.Examples = defaultExamples
	}
	if o.Noise == 0 {
		o.Noise = defaultNoise
	}
	return o
}

// option connects the name of an option in a spec with its field.
type option struct {
	name   string
	given  func(*Options) bool
	parse  func(*Options, string) error
	format func(*Options) string // "" for the default
}

// options returns all options, in the order in which a canonical spec has them.
func options() []option {
	return []option{
		newOption("holdout", defaultHoldout, parseFloat, "a number that is not 0",
			func(o *Options) *float64 { return &o.Holdout }),
		newOption("spread", false, parseBool, "0 or 1", func(o *Options) *bool { return &o.Spread }),
		newOption("limit", 0, parseInt, "a whole number", func(o *Options) *int { return &o.Limit }),
		newOption("pad", 0, parseInt, "a whole number", func(o *Options) *int { return &o.Pad }),
		newOption("crop", 0, parseInt, "a whole number", func(o *Options) *int { return &o.Augment.Crop }),
		newOption("flip", false, parseBool, "0 or 1", func(o *Options) *bool { return &o.Augment.Flip }),
		newOption("classes", defaultClasses, parsePositive, "a whole number from 2",
			func(o *Options) *int { return &o.Classes }),
		newOption("examples", defaultExamples, parsePositive, "a whole number from 1",
			func(o *Options) *int { return &o.Examples }),
		newOption("noise", defaultNoise, parseFloat, "a number that is not 0",
			func(o *Options) *float64 { return &o.Noise }),
		newOption("seed", 0, parseSeed, "a whole number from 0 to 18446744073709551615",
			func(o *Options) *uint64 { return &o.Seed }),
	}
}

// newOption returns the option for a field whose default is preset. The zero value
// of the field also means the default.
func newOption[T comparable](
	name string, preset T, parse func(string) (T, bool), allowed string, field func(*Options) *T,
) option {
	var zero T
	return option{
		name:  name,
		given: func(o *Options) bool { return *field(o) != zero },
		parse: func(o *Options, s string) error {
			v, ok := parse(s)
			if !ok {
				return &OptionError{name, strconv.Quote(s), allowed}
			}
			*field(o) = v
			return nil
		},
		format: func(o *Options) string {
			v := *field(o)
			switch {
			case v == zero || v == preset:
				return ""
			case any(v) == any(true):
				return "1"
			}
			return fmt.Sprint(v)
		},
	}
}

// parseFloat rejects 0: in Options it means the default, so in a spec, where a
// missing option means the default, it cannot mean anything.
func parseFloat(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v != 0 && !math.IsInf(v, 0)
}

// parseInt accepts 0, which is the documented default of the options that use it.
func parseInt(s string) (int, bool) {
	v, err := strconv.Atoi(s)
	return v, err == nil
}

// parsePositive rejects 0 for the same reason as parseFloat. Negative numbers are
// rejected by Validate, which names the range.
func parsePositive(s string) (int, bool) {
	v, err := strconv.Atoi(s)
	return v, err == nil && v != 0
}

func parseBool(s string) (v, ok bool) { return s == "1", s == "0" || s == "1" }

func parseSeed(s string) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, 64)
	return v, err == nil
}

// cutOptions splits the options off a spec. A question mark without name=value
// pairs after it belongs to the directory.
func cutOptions(spec string) (rest string, pairs []string) {
	i := strings.LastIndexByte(spec, '?')
	if i < 0 {
		return spec, nil
	}
	pairs = strings.Split(spec[i+1:], "&")
	for _, p := range pairs {
		name, _, found := strings.Cut(p, "=")
		if !found || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return spec, nil
		}
	}
	return spec[:i], pairs
}

// parseOptions adds the name=value pairs of a spec to o.
func parseOptions(pairs []string, o Options) (Options, error) {
	known, names := make(map[string]option), []string{}
	for _, p := range options() {
		known[p.name] = p
		names = append(names, p.name)
	}
	seen := make(map[string]bool)
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		p, ok := known[name]
		if !ok {
			return o, &OptionError{"option of the data set", strconv.Quote(name), strings.Join(names, ", ")}
		}
		if seen[name] || p.given(&o) {
			return o, &OptionError{name, "given twice", "one value"}
		}
		seen[name] = true
		if err := p.parse(&o, value); err != nil {
			return o, err
		}
	}
	return o, nil
}

// canonical returns the spec with every option that is not the default, in a
// fixed order.
func canonical(base string, o Options) string {
	var pairs []string
	for _, p := range options() {
		if s := p.format(&o); s != "" {
			pairs = append(pairs, p.name+"="+s)
		}
	}
	if len(pairs) == 0 {
		return base
	}
	return base + "?" + strings.Join(pairs, "&")
}
