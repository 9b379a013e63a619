package op

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Run calls f with the batch's workers at hand: they wait for the phases of the
// ops between its beginning and its end, and have ended when Run returns.
// Outside of Run the ops work too, on the caller's goroutine alone.
//
// A phase of an op lasts some ten microseconds and a step has dozens of them.
// Waking a sleeping thread takes about as long, so a worker that has nothing to
// do spins for a while before it sleeps.
func (b *Batch) Run(f func() error) error {
	if b.Workers <= 1 {
		return f()
	}
	p := &pool{spin: spinTime}
	if b.Workers > runtime.GOMAXPROCS(0) {
		p.spin = 0 // spinning would keep others from the work that is waited for
	}
	p.wake.L = &p.mutex
	for i := 1; i < b.Workers; i++ {
		p.group.Go(func() { p.work(i) })
	}
	b.pool = p
	defer func() {
		b.pool = nil
		p.publish(&job{stop: true})
		p.group.Wait()
	}()
	return f()
}

// spinTime is how long a worker waits for the next phase before it sleeps:
// longer than the serial work between two phases, shorter than would be noticed.
const spinTime = 200 * time.Microsecond

// pool is the workers of one Run beside the caller, which is worker 0.
type pool struct {
	spin     time.Duration
	group    sync.WaitGroup
	current  atomic.Pointer[job]
	sleeping atomic.Int32
	mutex    sync.Mutex
	wake     sync.Cond // signals a new current job to sleepers
}

// job is one phase: the calls f(worker, 0) to f(worker, n-1).
type job struct {
	f      func(worker, i int)
	n      int64
	taken  atomic.Int64
	done   atomic.Int64
	failed atomic.Pointer[string]
	stop   bool
}

func (p *pool) publish(j *job) {
	p.current.Store(j)
	if p.sleeping.Load() > 0 {
		p.mutex.Lock()
		p.wake.Broadcast()
		p.mutex.Unlock()
	}
}

// work takes part in every job that it sees until one says stop. A worker that
// comes late to a job finds nothing left to take and calls nothing.
func (p *pool) work(worker int) {
	var last *job
	for {
		j := p.next(last)
		if j.stop {
			return
		}
		j.help(worker)
		last = j
	}
}

// next waits for a job other than last.
func (p *pool) next(last *job) *job {
	const looks = 64 // between two looks at the clock
	for begin := time.Now(); ; {
		for range looks {
			if j := p.current.Load(); j != last {
				return j
			}
		}
		if time.Since(begin) >= p.spin {
			break
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.sleeping.Add(1)
	defer p.sleeping.Add(-1)
	for {
		if j := p.current.Load(); j != last {
			return j
		}
		p.wake.Wait()
	}
}

// help makes calls until there are none left.
func (j *job) help(worker int) {
	for i := j.taken.Add(1) - 1; i < j.n; i = j.taken.Add(1) - 1 {
		j.call(worker, int(i))
	}
}

func (j *job) call(worker, i int) {
	defer func() {
		if p := recover(); p != nil {
			text := fmt.Sprintf("%v\n%s", p, debug.Stack())
			j.failed.CompareAndSwap(nil, &text)
		}
		j.done.Add(1)
	}()
	j.f(worker, i)
}

// wait returns when all calls have been made. The last ones are already running,
// so the wait is short.
func (j *job) wait() {
	for spins := 0; j.done.Load() < j.n; spins++ {
		if spins > 1000 {
			runtime.Gosched()
		}
	}
}

// each calls f(worker, 0) to f(worker, n-1), each once, in no particular order,
// and returns when all have returned. The worker is below Workers; no two calls
// with one worker are made at a time. f(_, i) must write nothing that another
// f(_, j) reads or writes. A panic in f is raised again here, in the caller's
// goroutine.
func (b *Batch) each(n int, f func(worker, i int)) {
	if b.pool == nil || n <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	j := &job{f: f, n: int64(n)}
	b.pool.publish(j)
	j.help(0)
	j.wait()
	if text := j.failed.Load(); text != nil {
		panic(*text)
	}
}

// blocks calls f for the pieces [low, high) of [0, n) with the given size; the
// last may be shorter. The pieces depend on n and size only.
func (b *Batch) blocks(n, size int, f func(worker, low, high int)) {
	b.each((n+size-1)/size, func(worker, i int) { f(worker, i*size, min((i+1)*size, n)) })
}

// chunks is the most pieces of a batch over which sums are split. Their number
// is fixed, so that the sums are the same for any number of workers, and small,
// because every piece has a partial sum of its own.
const chunks = 8

// chunks calls f for fixed pieces of the batch's rows, numbered from 0, at most
// the given number of them, and returns how many there are.
func (b *Batch) chunks(most int, f func(worker, chunk, low, high int)) int {
	size := (b.Rows + most - 1) / most
	used := (b.Rows + size - 1) / size
	b.each(used, func(worker, i int) { f(worker, i, i*size, min((i+1)*size, b.Rows)) })
	return used
}
