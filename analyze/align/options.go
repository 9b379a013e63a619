package align

import (
	"fmt"

	"sgdwalk/analyze"
)

// Options are the options of Match. The zero value is the documented default.
type Options struct {
	// Orders is the number of orders in which the units are visited, 1 to 1000 (default: 3).
	// The first one is that of the layers, and the others are random. The result is the best.
	Orders int `json:"orders"`
	// Seed of the random orders.
	Seed uint64 `json:"seed"`

	// Progress receives every finished order; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
}

// Validate checks the options. The error names the first field that is not allowed, its
// value and the allowed values.
func (o *Options) Validate() error {
	if o.Orders < 0 || o.Orders > 1000 {
		return fmt.Errorf("align: orders is %d; it must be 1 to 1000, or 0 for 3", o.Orders)
	}
	return nil
}

// Effective returns the options with the defaults filled in, for the provenance of a result.
func (o Options) Effective() Options {
	if o.Orders == 0 {
		o.Orders = 3
	}
	if o.Progress == nil {
		o.Progress = analyze.NoProgress{}
	}
	return o
}
