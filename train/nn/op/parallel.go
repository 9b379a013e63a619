package op

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// each calls f(0) to f(n-1), each once, on the batch's workers in no particular
// order, and returns when all have returned. f(i) must write nothing that
// another f(j) reads or writes. A panic in f is raised again here, in the
// caller's goroutine.
func (b *Batch) each(n int, f func(i int)) {
	workers := min(b.Workers, n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var (
		taken  atomic.Int64
		failed atomic.Pointer[string]
		group  sync.WaitGroup
	)
	work := func() {
		defer func() {
			if p := recover(); p != nil {
				text := fmt.Sprintf("%v\n%s", p, debug.Stack())
				failed.CompareAndSwap(nil, &text)
			}
		}()
		for i := int(taken.Add(1)) - 1; i < n; i = int(taken.Add(1)) - 1 {
			f(i)
		}
	}
	for range workers - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	if text := failed.Load(); text != nil {
		panic(*text)
	}
}

// blocks calls f for the pieces [low, high) of [0, n) with the given size; the
// last may be shorter. The pieces depend on n and size only.
func (b *Batch) blocks(n, size int, f func(low, high int)) {
	b.each((n+size-1)/size, func(i int) { f(i*size, min((i+1)*size, n)) })
}
