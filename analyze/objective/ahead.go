package objective

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Ahead evaluates points in all processes at the same time; with one process it
// does nothing. It is not for concurrent use with itself.
func (o *Objective) Ahead(ctx context.Context, n int, point func(i int, dst []float32)) error {
	if o.o.Procs == 1 || n < 2 {
		return nil
	}
	o.mu.Lock()
	o.ahead = make(map[[sha256.Size]byte][]float64, n)
	o.mu.Unlock()
	scratch := sync.Pool{New: func() any { s := make([]float32, o.o.Layout.Len()); return &s }}
	group, ctx := errgroup.WithContext(ctx)
	// One more than there are processes: the next point is there when one is free.
	group.SetLimit(o.o.Procs + 1)
	for i := range n {
		theta := scratch.Get().(*[]float32)
		point(i, *theta)
		group.Go(func() error {
			defer scratch.Put(theta)
			v, err := o.ask(ctx, *theta, o.o.State, nil)
			if err != nil {
				return fmt.Errorf("point %d of %d: %w", i+1, n, err)
			}
			key := sha256.Sum256(bytesOf(*theta))
			o.mu.Lock()
			defer o.mu.Unlock()
			o.ahead[key] = v
			return nil
		})
	}
	return group.Wait()
}

// evaluatedAhead returns the numbers of a point that Ahead has evaluated, or nil.
// Points are told apart by their SHA-256, so that none has to be kept.
func (o *Objective) evaluatedAhead(theta []float32) []float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ahead) == 0 {
		return nil
	}
	return slices.Clone(o.ahead[sha256.Sum256(bytesOf(theta))])
}
