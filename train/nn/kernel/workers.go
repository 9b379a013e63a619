package kernel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// spinTime is how long an idle worker looks for work before it parks. Waking a
// parked worker costs 50 to 100 microseconds, as much as a whole op of a small
// network; the ops of one step follow each other much faster than this.
const spinTime = 200 * time.Microsecond

// Workers runs pieces of work on a fixed number of goroutines. The pieces are the
// caller's: their number must not depend on the number of workers, and results
// must be reduced in the order of the pieces; then every bit is the same for any
// number of workers.
type Workers struct {
	helpers []*helper
	busy    sync.Mutex // held by the Each that the helpers work for
	closed  atomic.Bool
	done    sync.WaitGroup

	// The job. f and n are written before left is stored and read after a piece
	// was taken from left, so that no one reads them while they change.
	f        func(i int)
	n        int64
	left     atomic.Int64 // pieces not yet taken; negative when helpers looked in vain
	finished atomic.Int64 // pieces done
	failure  atomic.Pointer[PanicError]
}

// helper is one goroutine beside the caller's.
type helper struct {
	parked atomic.Bool
	wake   chan struct{} // capacity 1: waking never waits, and there is one wake per parking
}

// PanicError is what Each panics with when a piece panicked.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("kernel: piece of work panicked: %v\n%s", e.Value, e.Stack)
}

// NewWorkers starts n workers, one of which is the goroutine that calls Each; n
// below 1 stands for GOMAXPROCS. Close ends them.
func NewWorkers(n int) *Workers {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	w := &Workers{}
	for range n - 1 {
		h := &helper{wake: make(chan struct{}, 1)}
		w.helpers = append(w.helpers, h)
		w.done.Go(func() { w.serve(h) })
	}
	return w
}

// Count is the number of workers.
func (w *Workers) Count() int { return len(w.helpers) + 1 }

// Close ends the workers and waits for them. Each still works afterwards, in the
// caller's goroutine alone. Close must not be called from a piece of work.
func (w *Workers) Close() {
	w.busy.Lock()
	defer w.busy.Unlock()
	if w.closed.Swap(true) {
		return
	}
	for _, h := range w.helpers {
		h.rouse()
	}
	w.done.Wait()
}

// Each calls f(0) to f(n-1), each once, on the workers in no particular order,
// and returns when all have returned. f(i) must write nothing that another f(j)
// reads or writes. Each allocates nothing: callers that keep f do not either.
//
// A panic in f is raised again here: as a *PanicError after the other pieces are
// done, or as it is when one goroutine does all pieces. That is the case with one
// worker or piece, within f, and while another Each is running.
func (w *Workers) Each(n int, f func(i int)) {
	if n <= 1 || len(w.helpers) == 0 || !w.busy.TryLock() {
		for i := range n {
			f(i)
		}
		return
	}
	if w.closed.Load() {
		w.busy.Unlock()
		for i := range n {
			f(i)
		}
		return
	}
	w.f, w.n = f, int64(n)
	w.finished.Store(0)
	w.left.Store(int64(n))
	for _, h := range w.helpers[:min(len(w.helpers), n-1)] {
		h.rouse()
	}
	for w.takeOne() {
	}
	for spins := 0; w.finished.Load() < int64(n); spins++ {
		pause()
		if spins%64 == 63 {
			runtime.Gosched()
		}
	}
	w.f = nil
	failure := w.failure.Swap(nil)
	w.busy.Unlock()
	if failure != nil {
		panic(failure)
	}
}

// takeOne runs one piece, if one is left.
func (w *Workers) takeOne() bool {
	if w.left.Load() <= 0 {
		return false
	}
	left := w.left.Add(-1)
	if left < 0 {
		return false
	}
	w.piece(int(w.n - 1 - left))
	return true
}

// piece runs f(i) and counts it, whatever happens.
func (w *Workers) piece(i int) {
	defer func() {
		if p := recover(); p != nil {
			w.failure.CompareAndSwap(nil, &PanicError{Value: p, Stack: debug.Stack()})
		}
		w.finished.Add(1)
	}()
	w.f(i)
}

// serve is a helper's life: work, look for more for a while, park.
func (w *Workers) serve(h *helper) {
	idle := time.Now()
	for spins := 0; !w.closed.Load(); spins++ {
		if w.takeOne() {
			for w.takeOne() {
			}
			idle = time.Now()
			continue
		}
		pause()
		if spins%32 != 31 {
			continue
		}
		if time.Since(idle) < spinTime {
			runtime.Gosched()
			continue
		}
		h.park(w)
		idle = time.Now()
	}
}

// park waits to be roused. Work that came between the last look and the mark is
// seen by the look after it; work that comes later sees the mark.
func (h *helper) park(w *Workers) {
	h.parked.Store(true)
	if (w.left.Load() > 0 || w.closed.Load()) && h.parked.CompareAndSwap(true, false) {
		return
	}
	<-h.wake
}

// rouse wakes the helper if it is parked.
func (h *helper) rouse() {
	if h.parked.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}
