package op

import (
	"sync"

	"sgdwalk/train/nn/kernel"
)

// Workers are the goroutines that compute the ops of one graph, or of several
// graphs that do not run at the same time. They start with the first run and
// sleep between runs, because a step of a small network takes less time than
// starting them.
type Workers struct {
	count   int
	pool    *kernel.Workers // from the first run to Close
	running *kernel.Workers // the same, during a run
}

// NewWorkers returns n workers, at least 1. The caller's goroutine is one of them.
func NewWorkers(n int) *Workers { return &Workers{count: n} }

// Count returns the number of workers.
func (w *Workers) Count() int { return w.count }

// Run calls f with the workers. Ops that run outside of Run use the caller's
// goroutine only.
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

// each calls f(0) to f(n-1), each once and in any order, and returns when all calls
// have returned. f(i) must not write anything that another f(j) reads or writes. A
// panic in f is raised again in the caller's goroutine.
func (b *Batch) each(n int, f func(i int)) {
	if b.Workers == nil || b.Workers.running == nil {
		for i := range n {
			f(i)
		}
		return
	}
	b.Workers.running.Each(n, f)
}

// blocks calls f for the pieces [low, high) of [0, n) of the given size; the last
// one may be shorter. The pieces depend on n and size only.
func (b *Batch) blocks(n, size int, f func(low, high int)) {
	b.each((n+size-1)/size, func(i int) { f(i*size, min((i+1)*size, n)) })
}

// chunks is the number of partial sums over a batch. It is fixed, so that the
// sums have the same bits for any number of workers, and small, because every
// chunk needs memory for its sum.
const chunks = 8

// chunks divides the rows of the batch into at most the given number of chunks,
// calls f for each chunk, numbered from 0, and returns their number.
func (b *Batch) chunks(most int, f func(chunk, low, high int)) int {
	size := (b.Rows + most - 1) / most
	used := (b.Rows + size - 1) / size
	b.each(used, func(i int) { f(i, i*size, min((i+1)*size, b.Rows)) })
	return used
}

// scratches is a pool of scratch space for matrix products and for images. It
// grows to what all workers use at the same time.
type scratches[T Float] struct {
	mutex  sync.Mutex
	free   []*kernel.Scratch[T]
	images map[kernel.Image][]kernel.Images[T] // of each geometry, with zeros in the halo
	users  int                                 // calls that use scratch space at the same time
}

// scratch returns the pool of the graph. Its first call must be made while no
// worker runs.
func scratch[T Float](b *Batch) *scratches[T] {
	pool, ok := b.scratch.(*scratches[T])
	if !ok {
		pool = &scratches[T]{images: map[kernel.Image][]kernel.Images[T]{}, users: b.slotCount()}
		b.scratch = pool
	}
	return pool
}

// blocksWithScratch calls f as Batch.blocks does, with scratch space that no other
// call uses at the same time.
func blocksWithScratch[T Float](b *Batch, n, size int, f func(low, high int, s *kernel.Scratch[T])) {
	pool := scratch[T](b)
	b.blocks(n, size, func(low, high int) {
		s := pool.take()
		f(low, high, s)
		pool.give(s)
	})
}

// reserve allocates what all workers need for convolutions of v, before the first
// run.
func (p *scratches[T]) reserve(v kernel.Conv) {
	for len(p.free) < p.users {
		p.free = append(p.free, new(kernel.Scratch[T]))
	}
	for _, s := range p.free {
		s.Reserve(v)
	}
}

// give gives the scratch space of take back.
func (p *scratches[T]) give(s *kernel.Scratch[T]) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.free = append(p.free, s)
}

// take returns scratch space from the pool, or new one.
func (p *scratches[T]) take() *kernel.Scratch[T] {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	n := len(p.free)
	if n == 0 {
		return new(kernel.Scratch[T])
	}
	s := p.free[n-1]
	p.free = p.free[:n-1]
	return s
}

// takeImages returns memory for a block of images of the given geometry. Their halo
// is zero; other values are those of an earlier use.
func (p *scratches[T]) takeImages(m Image) kernel.Images[T] {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	free := p.images[m.Image]
	if len(free) == 0 { // at once for all, so that later runs do not allocate
		for range p.users {
			free = append(free, kernel.NewImages[T](m.Image, m.Block()))
		}
	}
	last := len(free) - 1
	p.images[m.Image] = free[:last]
	return free[last]
}

// giveImages gives the memory of takeImages back.
func (p *scratches[T]) giveImages(x kernel.Images[T]) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.images[x.Image] = append(p.images[x.Image], x)
}
