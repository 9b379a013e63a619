package objective

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"sgdwalk/record"
)

// Options says what to start and how long to wait. Command and Layout must be
// given; the zero value of everything else is the documented default.
type Options struct {
	// program and arguments, see ParseCommand; or connect:ADDRESS and a name for a process that listens
	Command []string
	Env     []string // environment; nil means the environment of this process
	Set     []string // KEY=VALUE pairs that are added to the environment
	Procs   int      // number of processes; default 1

	Layout      record.Layout // of theta
	StateLayout record.Layout // of state; nil without a state
	State       []float32     // for all evaluations except those of CheckRecorded; the Objective keeps the slice
	Gradient    bool          // request gradients
	Hessian     bool          // request products with the Hessian if the program offers them; needs Gradient
	Also        []string      // further numbers to request: "accuracy", "test_loss", ...

	StartTimeout time.Duration // from the start to the first answer; 2 minutes
	Timeout      time.Duration // of an evaluation; 10 minutes
	ExitTimeout  time.Duration // from the end of input to the end of the process; 5 seconds
	// how often processes that died may be started again, in total; default 5; negative means never
	Restarts   int
	AllowNoisy bool // take a loss that is not deterministic, with a warning

	Dir string // directory of the files with the vectors; default: in memory if the system offers it
}

// Defaults.
const (
	DefaultStartTimeout = 2 * time.Minute
	DefaultTimeout      = 10 * time.Minute
	DefaultExitTimeout  = 5 * time.Second
	DefaultRestarts     = 5
)

const maxProcs = 1024

var valueName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate names the field, the value and what is allowed.
func (o *Options) Validate() error {
	switch {
	case len(o.Command) == 0 || o.Command[0] == "":
		return fmt.Errorf("objective: the command is empty")
	case o.Procs < 0 || o.Procs > maxProcs:
		return fmt.Errorf("objective: %d processes; there must be 1 to %d", o.Procs, maxProcs)
	case len(o.Layout) == 0:
		return fmt.Errorf("objective: the layout has no parameters")
	case o.Hessian && !o.Gradient:
		return fmt.Errorf("objective: products with the Hessian are requested without gradients; they need both")
	case len(o.State) != o.StateLayout.Len():
		return fmt.Errorf("objective: state has %d elements; its layout has %d", len(o.State), o.StateLayout.Len())
	case o.StartTimeout < 0 || o.Timeout < 0 || o.ExitTimeout < 0:
		return fmt.Errorf("objective: a time-out is negative (%v, %v, %v)", o.StartTimeout, o.Timeout, o.ExitTimeout)
	}
	if address, ok := o.address(); ok {
		if _, _, _, err := splitAddress(address); err != nil {
			return err
		}
		if o.Procs > 1 {
			return fmt.Errorf("objective: %d processes; a process that listens evaluates one point at a time", o.Procs)
		}
	}
	for _, name := range o.Also {
		if !valueName.MatchString(name) || slices.Contains(reserved, name) {
			return fmt.Errorf("objective: %q cannot be the name of a number; it must be snake_case and not one of %s",
				name, strings.Join(reserved, ", "))
		}
	}
	return nil
}

// effective fills in the defaults.
func (o Options) effective() Options {
	for _, d := range []struct {
		to *time.Duration
		v  time.Duration
	}{{&o.StartTimeout, DefaultStartTimeout}, {&o.Timeout, DefaultTimeout}, {&o.ExitTimeout, DefaultExitTimeout}} {
		if *d.to == 0 {
			*d.to = d.v
		}
	}
	if o.Restarts == 0 {
		o.Restarts = DefaultRestarts
	}
	o.Procs = max(o.Procs, 1)
	if o.Env == nil {
		o.Env = os.Environ()
	}
	o.Env = append(slices.Clone(o.Env), o.Set...) // the last value of a name counts
	return o
}

func (o *Options) gradientLen() int {
	if o.Gradient {
		return o.Layout.Len()
	}
	return 0
}

// vectorsBytes bounds the file of the vectors of a request.
const vectorsBytes = 256 << 20

// mostVectors is how many vectors a request for products has at most.
func (o *Options) mostVectors() int {
	if !o.Hessian {
		return 0
	}
	return max(1, min(8, vectorsBytes/(4*o.Layout.Len())))
}

// values are the names of the numbers of a request, the loss first.
func (o *Options) values() []string { return append([]string{"loss"}, o.Also...) }

// name returns the command line, or the name of a process that listens.
func (o *Options) name() string {
	if _, ok := o.address(); ok {
		return strings.Join(append([]string{"connect"}, o.Command[1:]...), " ")
	}
	return strings.Join(append(slices.Clone(o.Set), o.Command...), " ")
}

// same reports whether two losses are the same number, or both NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
