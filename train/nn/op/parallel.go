package op

import (
	"sync"

	"sgdwalk/train/nn/kernel"
)

// Workers are the goroutines that compute the ops of one graph, or of several
// that are not run at the same time. They are started when they are first
// needed and sleep between runs: a step of a small network is shorter than it
// takes to start them.
type Workers struct {
	count   int
	pool    *kernel.Workers // from the first run to Close
	running *kernel.Workers // the same, during a run
}

// NewWorkers returns n workers, the caller's goroutine being one of them; n is at
// least 1.
func NewWorkers(n int) *Workers { return &Workers{count: n} }

// Run calls f with the workers at hand. Outside of Run the ops work too, on the
// caller's goroutine alone.
func (w *Workers) Run(f func() error) error {
	if w.count > 1 && w.pool == nil {
		w.pool = kernel.NewWorkers(w.count)
	}
	w.running = w.pool
	defer func() { w.running = nil }()
	return f()
}

// Close ends the goroutines. A later Run starts new ones.
func (w *Workers) Close() {
	if w.pool != nil {
		w.pool.Close()
		w.pool = nil
	}
}

// each calls f(0) to f(n-1), each once, in no particular order, and returns when
// all have returned. f(i) must write nothing that another f(j) reads or writes.
// A panic in f is raised again here, in the caller's goroutine.
func (b *Batch) each(n int, f func(i int)) {
	if b.Workers == nil || b.Workers.running == nil {
		for i := range n {
			f(i)
		}
		return
	}
	b.Workers.running.Each(n, f)
}

// blocks calls f for the pieces [low, high) of [0, n) with the given size; the
// last may be shorter. The pieces depend on n and size only.
func (b *Batch) blocks(n, size int, f func(low, high int)) {
	b.each((n+size-1)/size, func(i int) { f(i*size, min((i+1)*size, n)) })
}

// chunks is the most pieces of a batch over which sums are split. Their number
// is fixed, so that the sums are the same for any number of workers, and small,
// because every piece has a partial sum of its own.
const chunks = 8

// chunks calls f for fixed pieces of the batch's rows, numbered from 0, at most
// the given number of them, and returns how many there are.
func (b *Batch) chunks(most int, f func(chunk, low, high int)) int {
	size := (b.Rows + most - 1) / most
	used := (b.Rows + size - 1) / size
	b.each(used, func(i int) { f(i, i*size, min((i+1)*size, b.Rows)) })
	return used
}

// scratches lends scratch space for matrix products. There is as much as was
// ever needed at a time, one for each worker.
type scratches[T Float] struct {
	mutex sync.Mutex
	free  []*kernel.Scratch[T]
}

// scratchOf returns what the ops of a graph share.
func scratchOf[T Float](b *Batch) *scratches[T] {
	s, ok := b.scratch.(*scratches[T])
	if !ok {
		s = new(scratches[T])
		b.scratch = s
	}
	return s
}

func (s *scratches[T]) with(f func(*kernel.Scratch[T])) {
	s.mutex.Lock()
	var one *kernel.Scratch[T]
	if n := len(s.free); n > 0 {
		one, s.free = s.free[n-1], s.free[:n-1]
	} else {
		one = new(kernel.Scratch[T])
	}
	s.mutex.Unlock()
	f(one)
	s.mutex.Lock()
	s.free = append(s.free, one)
	s.mutex.Unlock()
}
