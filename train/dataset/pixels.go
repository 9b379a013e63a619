package dataset

import (
	"runtime"
	"sync"
)

// pixelOver255 has float32(p)/255 for every pixel p.
var pixelOver255 = func() (t [256]float32) {
	for p := range t {
		t[p] = float32(p) / 255
	}
	return t
}()

// inParallel calls f for ranges that cover 0 to n-1, one for each core, and waits for all of them.
func inParallel(n int, f func(from, to int)) {
	parts := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for i := range parts {
		wait.Go(func() { f(i*n/parts, (i+1)*n/parts) })
	}
	wait.Wait()
}
