package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// OptionError is the error for a spec or an option that is not allowed; it is a
// mistake of the person who asks, not of a file.
type OptionError struct {
	Field   string // name of the option
	Value   string // what was given
	Allowed string // what is allowed, in words
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("%s is %s; allowed is %s", e.Field, e.Value, e.Allowed)
}

// Options says how a data set is opened. The zero value is the documented
// default of each field. An option that does not apply to the data set is an
// error. Every option can also be part of the spec, after a question mark:
// "spirals?examples=500&seed=7". One that is given in both places is an error.
type Options struct {
	Holdout  float64      // spec "holdout"; share of the examples held out, where only one part was published or is present: the last floor(n*Holdout); in (0, 1); default 1/5
	Spread   bool         // spec "spread"; those examples are spread evenly over the part instead of being its last ones; default false
	Limit    int          // spec "limit"; the most examples of each part, the first ones of it after the split; default all
	Pad      int          // spec "pad"; zero pixels added to every side of every image, 0 to 64; default 0
	Augment  Augmentation // spec "crop" and "flip"; of training batches; default none
	Examples int          // spec "examples"; spirals: number of examples, 10 to 10,000,000; default 2,000
	Noise    float64      // spec "noise"; spirals: standard deviation of the Gaussian noise, the radius is 1, in (0, 10]; default 0.02
	Seed     uint64       // spec "seed"; spirals: seed of the positions and of the noise; default 0
}

const (
	defaultHoldout  = 0.2
	defaultExamples = 2000
	defaultNoise    = 0.02

	maxPad      = 64
	minExamples = 10
	maxExamples = 10_000_000
	maxNoise    = 10
)

// Validate names the field, its value and what is allowed.
func (o Options) Validate() error {
	switch {
	case o.Holdout != 0 && !(o.Holdout > 0 && o.Holdout < 1):
		return &OptionError{"holdout", fmt.Sprint(o.Holdout), "a share between 0 and 1, both excluded"}
	case o.Limit < 0:
		return &OptionError{"limit", fmt.Sprint(o.Limit), "1 or more examples"}
	case o.Pad < 0 || o.Pad > maxPad:
		return &OptionError{"pad", fmt.Sprint(o.Pad), fmt.Sprintf("0 to %d pixels", maxPad)}
	case o.Examples != 0 && (o.Examples < minExamples || o.Examples > maxExamples):
		return &OptionError{"examples", fmt.Sprint(o.Examples), fmt.Sprintf("%d to %d", minExamples, maxExamples)}
	case o.Noise != 0 && !(o.Noise > 0 && o.Noise <= maxNoise):
		return &OptionError{"noise", fmt.Sprint(o.Noise), fmt.Sprintf("more than 0, at most %d", maxNoise)}
	}
	return o.Augment.Validate()
}

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	if o.Holdout == 0 {
		o.Holdout = defaultHoldout
	}
	if o.Examples == 0 {
		o.Examples = defaultExamples
	}
	if o.Noise == 0 {
		o.Noise = defaultNoise
	}
	return o
}

// option ties the name of an option in a spec to its field.
type option struct {
	name   string
	given  func(*Options) bool
	parse  func(*Options, string) error
	format func(*Options) string
}

// options lists all options in the order in which a canonical spec has them.
func options() []option {
	return []option{
		floatOption("holdout", defaultHoldout, func(o *Options) *float64 { return &o.Holdout }),
		boolOption("spread", func(o *Options) *bool { return &o.Spread }),
		intOption("limit", 0, func(o *Options) *int { return &o.Limit }),
		intOption("pad", 0, func(o *Options) *int { return &o.Pad }),
		intOption("crop", 0, func(o *Options) *int { return &o.Augment.Crop }),
		boolOption("flip", func(o *Options) *bool { return &o.Augment.Flip }),
		intOption("examples", defaultExamples, func(o *Options) *int { return &o.Examples }),
		floatOption("noise", defaultNoise, func(o *Options) *float64 { return &o.Noise }),
		{
			name:  "seed",
			given: func(o *Options) bool { return o.Seed != 0 },
			parse: func(o *Options, s string) (err error) {
				if o.Seed, err = strconv.ParseUint(s, 10, 64); err != nil {
					return &OptionError{"seed", strconv.Quote(s), "a whole number from 0 to 18446744073709551615"}
				}
				return nil
			},
			format: func(o *Options) string {
				if o.Seed == 0 {
					return ""
				}
				return strconv.FormatUint(o.Seed, 10)
			},
		},
	}
}

func boolOption(name string, field func(*Options) *bool) option {
	return option{
		name:  name,
		given: func(o *Options) bool { return *field(o) },
		parse: func(o *Options, s string) error {
			if s != "0" && s != "1" {
				return &OptionError{name, strconv.Quote(s), "0 or 1"}
			}
			*field(o) = s == "1"
			return nil
		},
		format: func(o *Options) string {
			if *field(o) {
				return "1"
			}
			return ""
		},
	}
}

func floatOption(name string, preset float64, field func(*Options) *float64) option {
	return option{
		name:  name,
		given: func(o *Options) bool { return *field(o) != 0 },
		parse: func(o *Options, s string) error {
			v, err := strconv.ParseFloat(s, 64)
			// Zero stands for the default in Options; in a spec, where the
			// default is what is absent, it is a value that is not allowed.
			if err != nil || v == 0 || math.IsInf(v, 0) {
				return &OptionError{name, strconv.Quote(s), "a number that is not 0"}
			}
			*field(o) = v
			return nil
		},
		format: func(o *Options) string {
			if v := *field(o); v != 0 && v != preset {
				return strconv.FormatFloat(v, 'g', -1, 64)
			}
			return ""
		},
	}
}

func intOption(name string, preset int, field func(*Options) *int) option {
	return option{
		name:  name,
		given: func(o *Options) bool { return *field(o) != 0 },
		parse: func(o *Options, s string) error {
			v, err := strconv.Atoi(s)
			if err != nil || v == 0 && preset != 0 {
				return &OptionError{name, strconv.Quote(s), "a whole number"}
			}
			*field(o) = v
			return nil
		},
		format: func(o *Options) string {
			if v := *field(o); v != 0 && v != preset {
				return strconv.Itoa(v)
			}
			return ""
		},
	}
}

// cutOptions splits the options off a spec. A question mark that is not followed
// by name=value pairs belongs to the directory.
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
	all := options()
	seen := make(map[string]bool)
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		i := 0
		for i < len(all) && all[i].name != name {
			i++
		}
		if i == len(all) {
			names := make([]string, len(all))
			for i := range all {
				names[i] = all[i].name
			}
			return o, &OptionError{"option of the data set", strconv.Quote(name), strings.Join(names, ", ")}
		}
		if seen[name] || all[i].given(&o) {
			return o, &OptionError{name, "given twice", "one value"}
		}
		seen[name] = true
		if err := all[i].parse(&o, value); err != nil {
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
