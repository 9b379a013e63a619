package average

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
)

// Measure is a further function of theta that is evaluated at every point, such as the
// accuracy or the loss on held-out data. It must have a Loss.
type Measure = walk.Measure

// Options choose the averages and the steps at which they are evaluated. The zero value is
// the documented default.
type Options struct {
	// At selects the steps at which the iterate and all averages are evaluated (default: 20
	// iterates, spread over the recording). The zero value is the default; "every:1" selects
	// all iterates.
	At analyze.Segments `json:"at"`
	// Averages are the averages (default: windows of 2, 4, 8, ... iterates up to a quarter of
	// the recording, at most 10 of them spread over these, and exponential averages with decay
	// 0.9, 0.99, ... that exist in its second half).
	Averages []Average `json:"averages"`
	// Also are evaluated at every point too. Their values are further columns.
	Also []Measure `json:"also,omitempty"`
	// NoNull leaves out the gain of a stationary walk on a quadratic, which takes a gradient at
	// every step of At.
	NoNull bool `json:"no_null,omitempty"`
	// MaxMemory is the most memory for sums of iterates, in bytes (default: 4 GiB). With less
	// than all averages need together, the recording is read several times. The last bits of
	// an average can depend on it.
	MaxMemory int64 `json:"max_memory"`
	// Seed of the bootstrap intervals.
	Seed uint64 `json:"seed"`
	// Branches are training runs with a decaying learning rate, to be compared with averages
	// of as many steps.
	Branches Branches `json:"branches,omitzero"`

	// NullAbsent returns the reason why the loss gives no gradient, or "". It is called once,
	// when the first gradient is needed. nil means that the loss has one if it is an
	// analyze.Gradient.
	NullAbsent func() string `json:"-"`
	// Progress receives every evaluated point; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps finished units; nil keeps nothing.
	Store analyze.Store `json:"-"`
}

// Branches are training runs that start at recorded iterates.
type Branches struct {
	From  []int64 `json:"from"`  // steps at which a branch starts, ascending
	Steps int64   `json:"steps"` // updates of a branch, at least 1
	Decay string  `json:"decay"` // how the learning rate decays, in the words of Train
	// Train trains on from a step of the run. It returns the parameters after the last update
	// and the running statistics of normalization layers, which may be nil.
	Train func(ctx context.Context, from int64) (theta, state []float32, err error) `json:"-"`
}

// average returns the mean of the iterates of the run in the steps of a branch.
func (b *Branches) average(from int64) Average {
	return Average{Scheme: SWA, Start: from + 1, Every: 1}
}

const (
	defaultMarks  = 20
	defaultMemory = 4 << 30
	mostWindows   = 10
)

// Validate checks the options. The error names the field, its value and the allowed values.
func (o *Options) Validate() error {
	seen := make(map[string]bool)
	for _, a := range o.Averages {
		if err := a.validate(); err != nil {
			return err
		}
		if seen[a.String()] {
			return fmt.Errorf("average: %s is named twice", a)
		}
		seen[a.String()] = true
	}
	if err := walk.CheckMeasures(o.Also, "row", "step", "epoch", "average", "scheme", "iterates", "first_step",
		"effective", "age", "loss", "gain", "null_gain"); err != nil {
		return fmt.Errorf("average: %w", err)
	}
	for _, m := range o.Also {
		if m.Loss == nil {
			return fmt.Errorf("average: measure %q has At; an average belongs to no segment, so it needs Loss", m.Name)
		}
	}
	if o.MaxMemory < 0 {
		return fmt.Errorf("average: max memory is %d; it must be above 0, or 0 for 4 GiB", o.MaxMemory)
	}
	return o.Branches.validate()
}

func (b *Branches) validate() error {
	if len(b.From) == 0 {
		return nil
	}
	if b.Steps < 1 {
		return fmt.Errorf("average: a branch has %d steps; it must have at least 1", b.Steps)
	}
	if b.Train == nil {
		return fmt.Errorf("average: there are %d branches and no function that trains them", len(b.From))
	}
	last := int64(-1)
	for _, k := range b.From {
		if k <= last {
			return fmt.Errorf("average: a branch starts at step %d; steps must be at least 0 and ascend", k)
		}
		last = k
	}
	return nil
}

// effective fills in the defaults for a recording of n iterates.
func (o Options) effective(n int) Options {
	if o.MaxMemory == 0 {
		o.MaxMemory = defaultMemory
	}
	if len(o.Averages) == 0 {
		o.Averages = defaultAverages(n)
	}
	return o
}

// defaultAverages returns the default for a recording of n iterates.
func defaultAverages(n int) []Average {
	var list []Average
	longest := 0
	for 8<<longest <= n {
		longest++
	}
	for _, i := range analyze.Spread(longest, mostWindows) {
		list = append(list, Average{Scheme: Window, Length: 2 << i})
	}
	for i := 1; i <= 6; i++ {
		if d := 1 - math.Pow10(-i); 2*settled(d) <= n {
			list = append(list, Average{Scheme: EMA, Decay: d})
		}
	}
	return list
}
