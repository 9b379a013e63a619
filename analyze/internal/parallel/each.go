// Package parallel divides work among the cores.
package parallel

import (
	"sync"
	"sync/atomic"
)

// Each calls f(0) to f(n-1) in up to workers goroutines, and returns after the last
// call. The calls must write to different memory; then the result does not depend on
// which goroutine makes which call.
func Each(workers, n int, f func(i int)) {
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
