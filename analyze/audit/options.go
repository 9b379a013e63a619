package audit

import (
	"fmt"

	"sgdwalk/analyze"
)

// Options are the settings of an audit. The zero value is the default.
type Options struct {
	// Seed of the random projections. Series are only comparable with the same seed.
	Seed uint64 `json:"seed"`
	// Dimensions of the projection of one tensor, a multiple of 16 from 32 to 4096. Shorter
	// tensors are kept whole. 0 chooses up to 512, so that all sketches fit into 64 MiB.
	Dimensions int `json:"dimensions"`
	// Workers is how many checkpoints are read at the same time; 0 means one for each
	// processor. It changes no number.
	Workers int `json:"-"`
	// Progress receives the number of checkpoints read; nil disables it.
	Progress analyze.Progress `json:"-"`
}

const (
	minDimensions = 32
	maxDimensions = 4096
	// sketchBudget is how many numbers the sketches of a series may have by default.
	sketchBudget = 8 << 20
)

// Validate names the option, its value and what is allowed.
func (o Options) Validate() error {
	if o.Dimensions != 0 && (o.Dimensions < minDimensions || o.Dimensions > maxDimensions || o.Dimensions%lanes != 0) {
		return fmt.Errorf("audit: dimensions is %d; it must be a multiple of %d from %d to %d", o.Dimensions, lanes,
			minDimensions, maxDimensions)
	}
	if o.Workers < 0 {
		return fmt.Errorf("audit: workers is %d; it must be at least 0", o.Workers)
	}
	return nil
}

// dimensions returns the dimension of the sketches of n tensors in all checkpoints.
func (o Options) dimensions(n int) int {
	if o.Dimensions != 0 {
		return o.Dimensions
	}
	k := 512
	for k > minDimensions && n*k > sketchBudget {
		k /= 2
	}
	return k
}
