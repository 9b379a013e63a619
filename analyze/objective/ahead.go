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
// does nothing. Calls for one objective must not overlap.
func (v View) Ahead(ctx context.Context, n int, point func(i int, dst []float32)) error {
	return v.o.AheadOf(ctx, n, func(i int, dst []float32) View {
		point(i, dst)
		return v
	})
}

// AheadOf is Ahead for points with different states: point returns the view in which
// the i-th point is evaluated. All views must request the same numbers.
func (o *Objective) AheadOf(ctx context.Context, n int, point func(i int, dst []float32) View) error {
	if o.o.Procs == 1 || n < 2 {
		return nil
	}
	o.mu.Lock()
	o.ahead = make(map[aheadKey][]float64, n)
	o.mu.Unlock()
	scratch := sync.Pool{New: func() any { s := make([]float32, o.o.Layout.Len()); return &s }}
	group, ctx := errgroup.WithContext(ctx)
	// One more than the number of processes, so that a free process finds a point ready.
	group.SetLimit(o.o.Procs + 1)
	for i := range n {
		theta := scratch.Get().(*[]float32)
		v := point(i, *theta)
		group.Go(func() error {
			defer scratch.Put(theta)
			numbers, err := o.ask(ctx, v.point(*theta))
			if err != nil {
				return fmt.Errorf("point %d of %d: %w", i+1, n, err)
			}
			key := v.key(*theta)
			o.mu.Lock()
			defer o.mu.Unlock()
			o.ahead[key] = numbers
			return nil
		})
	}
	return group.Wait()
}

// aheadKey identifies a point by the SHA-256 of theta and of state, so that the
// vectors need not be kept.
type aheadKey struct {
	theta, state [sha256.Size]byte
	asked        int
}

func (v View) key(theta []float32) aheadKey {
	return aheadKey{sha256.Sum256(bytesOf(theta)), sha256.Sum256(bytesOf(v.state)), v.asked}
}

// evaluatedAhead returns the numbers of a point that Ahead has evaluated, or nil.
func (v View) evaluatedAhead(theta []float32) []float64 {
	v.o.mu.Lock()
	defer v.o.mu.Unlock()
	if len(v.o.ahead) == 0 {
		return nil
	}
	return slices.Clone(v.o.ahead[v.key(theta)])
}
