package pca

import (
	"sync"
	"sync/atomic"
)

// each calls f(0) to f(n-1), up to workers of them at a time, and returns when
// all are done. The calls must not share what they write; then the result does
// not depend on who made which call.
func each(workers, n int, f func(i int)) {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
