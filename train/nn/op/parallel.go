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

// chunks is the number of pieces of a batch over which sums are split. It is
// fixed, so that the sums are the same for any number of workers, and small,
// because every piece has a partial sum of its own.
const chunks = 8

// chunks calls f for fixed pieces of the batch's rows, numbered from 0.
func (b *Batch) chunks(f func(chunk, low, high int)) {
	size := b.chunkSize()
	b.each(b.used(), func(i int) { f(i, i*size, min((i+1)*size, b.Rows)) })
}

func (b *Batch) chunkSize() int { return (b.Rows + chunks - 1) / chunks }

// used is the number of pieces of this batch: fewer than chunks when it is small.
func (b *Batch) used() int { return (b.Rows + b.chunkSize() - 1) / b.chunkSize() }
