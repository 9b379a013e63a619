package kernel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// spinTime is how long an idle worker polls for work before it parks. Waking a
// parked worker costs 50 to 100 microseconds, as much as a whole op of a small
// network. The ops of one step follow each other much faster.
const spinTime = 200 * time.Microsecond

// Workers runs pieces of work on a fixed number of goroutines. To get the same
// bits for any number of workers, the caller must choose pieces whose number does
// not depend on the number of workers, and must add results in the order of the
// pieces.
type Workers struct {
	helpers []*helper
	busy    sync.Mutex // held by the call of Each that uses the helpers
	closed  atomic.Bool
	done    sync.WaitGroup

	// The job. Each writes f and n before it stores left. A helper reads them
	// after it has taken a piece from left. So nobody reads them while they
	// change.
	f        func(i int)
	n        int64
	left     atomic.Int64 // pieces that are not taken yet; may become negative
	finished atomic.Int64 // finished pieces
	failure  atomic.Pointer[PanicError]
}

// helper is a goroutine in addition to the caller's.
type helper struct {
	parked atomic.Bool
	wake   chan struct{} // capacity 1, so that waking never waits; one message per parking
}

// PanicError is the value with which Each panics after a piece has panicked.
type PanicError struct {
	Value any
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("kernel: piece of work panicked: %v\n%s", e.Value, e.Stack)
}

// NewWorkers starts n workers. One of them is the goroutine that calls Each. n
// below 1 means GOMAXPROCS. Close ends them.
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

// Close ends the workers and waits for them. Each still works afterwards, on the
// caller's goroutine only. A piece of work must not call Close.
func (w *Workers) Close() {
	w.busy.Lock()
	defer w.busy.Unlock()
	if w.closed.Swap(true) {
		return
	}
	for _, h := range w.helpers {
		h.wakeUp()
	}
	w.done.Wait()
}

// Each calls f(0) to f(n-1), each once and in any order, on the workers, and
// returns when all calls have returned. f(i) must not write anything that another
// f(j) reads or writes. Each does not allocate, except for f itself.
//
// A panic in f is raised again here. It is a *PanicError, after the other pieces
// are done. If one goroutine does all pieces, it is the original panic. That is
// the case with one worker or one piece, in a call from f, and while another Each
// runs.
func (w *Workers) Each(n int, f func(i int)) {
	alone := n <= 1 || len(w.helpers) == 0 || !w.busy.TryLock()
	if !alone && w.closed.Load() {
		w.busy.Unlock()
		alone = true
	}
	if alone {
		for i := range n {
			f(i)
		}
		return
	}
	w.f, w.n = f, int64(n)
	w.finished.Store(0)
	w.left.Store(int64(n))
	for _, h := range w.helpers[:min(len(w.helpers), n-1)] {
		h.wakeUp()
	}
	for w.runNext() {
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

// runNext runs the next piece. It reports false if no piece is left.
func (w *Workers) runNext() bool {
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

// piece runs f(i) and counts it, also if it panics.
func (w *Workers) piece(i int) {
	defer func() {
		if p := recover(); p != nil {
			w.failure.CompareAndSwap(nil, &PanicError{Value: p, Stack: debug.Stack()})
		}
		w.finished.Add(1)
	}()
	w.f(i)
}

// serve is the loop of a helper: work, poll for more work for a while, park.
func (w *Workers) serve(h *helper) {
	idle := time.Now()
	for spins := 0; !w.closed.Load(); spins++ {
		if w.runNext() {
			for w.runNext() {
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

// park waits until wakeUp. It checks for work after it has set parked: work that
// came before is seen here, and work that comes later finds parked set.
func (h *helper) park(w *Workers) {
	h.parked.Store(true)
	if (w.left.Load() > 0 || w.closed.Load()) && h.parked.CompareAndSwap(true, false) {
		return
	}
	<-h.wake
}

// wakeUp wakes the helper if it is parked.
func (h *helper) wakeUp() {
	if h.parked.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}
