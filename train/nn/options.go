package nn

import (
	"fmt"
	"runtime"

	"sgdwalk/train/nn/op"
)

// Options are the options of New.
type Options struct {
	Batch   int    // largest batch, at least 1
	Workers int    // goroutines; 0 means one per usable core. Results do not depend on it
	Seed    uint64 // seed of the initialization
}

// Validate checks the ranges. The error names the option, its value and the
// allowed range.
func (o Options) Validate() error {
	if o.Batch < 1 || o.Batch > maxExtent {
		return fmt.Errorf("nn: options: batch is %d; allowed are 1 to %d", o.Batch, maxExtent)
	}
	return checkWorkers(o.Workers)
}

// maxWorkers limits the number of goroutines, to catch mistakes.
const maxWorkers = 1 << 10

func checkWorkers(n int) error {
	if n < 0 || n > maxWorkers {
		return fmt.Errorf("nn: options: workers is %d; allowed are 0 (all cores) to %d", n, maxWorkers)
	}
	return nil
}

// newWorkers returns the workers of owner. They end with the owner's memory at
// the latest.
func newWorkers[T any](owner *T, n int) *op.Workers {
	if n == 0 {
		n = min(runtime.GOMAXPROCS(0), maxWorkers)
	}
	w := op.NewWorkers(n)
	runtime.AddCleanup(owner, (*op.Workers).Close, w)
	return w
}
