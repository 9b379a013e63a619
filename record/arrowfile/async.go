package arrowfile

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sgdwalk/record"
)

// ErrorPolicy decides what an Async sink does after a write error.
type ErrorPolicy int

// The error policies.
const (
	// FailOnError: the next Append returns the error, so that the training loop stops.
	FailOnError ErrorPolicy = iota
	// ContinueOnError: further rows are dropped and counted, training continues, and
	// Close returns the error.
	ContinueOnError
)

// AsyncOptions of NewAsync. The zero value lets two rows wait and fails on error.
type AsyncOptions struct {
	Queue   int         // rows that may wait to be written; 0 means DefaultQueue
	OnError ErrorPolicy // what to do after a write error

	// InPlace makes Append wait until the row is written, without a copy. It is for rows that
	// another process has put into a queue of its own. Append then acknowledges a row.
	InPlace bool
}

// DefaultQueue is the number of rows that may wait while another is written. Two are
// enough to bridge a slow write, and need memory for three rows.
const DefaultQueue = 2

// Validate names the option, its value and what is allowed.
func (o AsyncOptions) Validate() error {
	if o.Queue < 0 || o.Queue > 1<<16 {
		return fmt.Errorf("arrowfile: async: Queue is %d; it must be 1 to %d, or 0 for %d", o.Queue, 1<<16,
			DefaultQueue)
	}
	if o.OnError != FailOnError && o.OnError != ContinueOnError {
		return fmt.Errorf("arrowfile: async: OnError is %d; it must be FailOnError or ContinueOnError", o.OnError)
	}
	return nil
}

// Async writes rows outside of the training step: Append copies a row into a reused buffer,
// and another goroutine writes it to the given sink. When all buffers are full, Append
// waits: rows are never dropped to save time.
//
// Its Append does not acknowledge a row in the sense of record.Sink: when the process dies,
// the waiting rows are lost, at most Queue+1. Flush waits until no row is waiting.
type Async struct {
	sink    record.Sink
	header  *record.Header
	policy  ErrorPolicy
	inPlace bool
	free    chan *buffer // empty buffers; its capacity is all buffers, so returning one never blocks
	full    chan *buffer // rows to write, in order; same capacity. nil requests an answer on flushed
	flushed chan struct{}
	done    chan struct{}

	bufferCount int // buffers so far; a buffer is allocated when it is first needed
	previous    record.Step
	appended    bool
	closed      bool

	mu             sync.Mutex
	failure        error
	started, ended time.Time

	rows, dropped, blocked, copying, writing, waiting, mostWaiting atomic.Int64
}

// buffer is a row, and the memory for its vectors. It keeps the memory of a vector also
// when a row does not have that vector.
type buffer struct {
	step   record.Step
	memory [vectors][]float32
}

var _ record.Sink = (*Async)(nil)

// NewAsync starts the goroutine that writes; Close ends it. h must be the header of the
// sink. The Async owns the sink from now on, and closes it.
func NewAsync(sink record.Sink, h *record.Header, opts AsyncOptions) (*Async, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.Queue == 0 {
		opts.Queue = DefaultQueue
	}
	a := &Async{
		sink: sink, header: h.Clone(), policy: opts.OnError, inPlace: opts.InPlace,
		free:    make(chan *buffer, opts.Queue+1),
		full:    make(chan *buffer, opts.Queue+1),
		flushed: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go a.write()
	return a, nil
}

// write is the body of the goroutine.
func (a *Async) write() {
	defer close(a.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case b, more := <-a.full:
			if !more {
				return
			}
			if b == nil {
				a.flushed <- struct{}{}
				continue
			}
			a.writeOne(&b.step)
			a.waiting.Add(-1)
			a.free <- b
		case <-timer.C:
		}
		if after := a.syncIfDue(); after > 0 {
			timer.Reset(after)
		}
	}
}

// writeOne writes one row to the sink, or drops it after an earlier error. The first error is
// kept; rows after it would leave a gap that looks like a schedule.
func (a *Async) writeOne(s *record.Step) {
	if a.err() != nil {
		a.dropped.Add(1)
		return
	}
	start := time.Now()
	err := a.sink.Append(s)
	a.writing.Add(int64(time.Since(start)))
	if err != nil {
		a.fail(err)
		a.dropped.Add(1)
		return
	}
	a.rows.Add(1)
}

// syncIfDue lets the sink sync also while no row comes, and returns the delay until the next
// call; 0 means not before the next row.
func (a *Async) syncIfDue() time.Duration {
	t, ok := a.sink.(interface {
		SyncIfDue() (time.Duration, error)
	})
	if !ok || a.err() != nil {
		return 0
	}
	after, err := t.SyncIfDue()
	if err != nil {
		a.fail(err)
	}
	return after
}

// fail keeps the first error. The goroutine and Append both read it, so it is locked.
func (a *Async) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure == nil {
		a.failure = err
	}
}

// err returns the first write error so far.
func (a *Async) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failure
}

// Append copies a row, which the goroutine writes later. It refuses a row that does not fit
// the header, or whose step does not increase. A write error is returned by a later call or
// by Close; see ErrorPolicy.
func (a *Async) Append(s *record.Step) error {
	if a.closed {
		return record.ErrClosed
	}
	var previous *record.Step
	if a.appended {
		previous = &a.previous
	}
	if err := a.header.CheckStep(s, previous); err != nil {
		return err
	}
	if err := checkWallTime(s); err != nil {
		return err
	}
	if err := a.err(); err != nil {
		if a.policy == FailOnError {
			return err
		}
		a.dropped.Add(1)
		return nil
	}
	if !a.appended {
		a.mu.Lock()
		a.started = time.Now()
		a.mu.Unlock()
	}
	b := a.buffer()
	if a.inPlace {
		b.step = *s
	} else {
		start := time.Now()
		b.step = s.CloneInto(&b.memory)
		a.copying.Add(int64(time.Since(start)))
	}
	a.previous, a.appended = record.Step{Step: s.Step, Substep: s.Substep}, true
	if n := a.waiting.Add(1); n > a.mostWaiting.Load() {
		a.mostWaiting.Store(n)
	}
	a.full <- b
	if !a.inPlace {
		return nil
	}
	a.free <- <-a.free // the only buffer
	if err := a.err(); err != nil && a.policy == FailOnError {
		return err
	}
	return nil
}

// buffer returns an empty buffer, and waits when there is none.
func (a *Async) buffer() *buffer {
	select {
	case b := <-a.free:
		return b
	default:
	}
	if a.bufferCount < cap(a.free) {
		a.bufferCount++
		return new(buffer)
	}
	start := time.Now()
	b := <-a.free
	a.blocked.Add(int64(time.Since(start)))
	return b
}

// Flush waits until every appended row is written, and returns the first write error.
func (a *Async) Flush() error {
	if a.closed {
		return record.ErrClosed
	}
	a.full <- nil
	<-a.flushed
	return a.err()
}

// Close writes the waiting rows, ends the goroutine and closes the sink. It returns the
// first write error under every policy. A second call does nothing.
func (a *Async) Close() error {
	if a.closed {
		return nil
	}
	a.closed = true
	close(a.full)
	<-a.done
	err := a.sink.Close()
	a.mu.Lock()
	a.ended = time.Now()
	a.mu.Unlock()
	return errors.Join(a.err(), err)
}

// AsyncStats has the costs of recording, and whether rows are missing.
type AsyncStats struct {
	Rows        int64         // rows written
	Dropped     int64         // rows not written, because of an error
	Bytes       int64         // bytes written, if the sink counts them
	Waiting     int64         // rows waiting or being written now
	MostWaiting int64         // the maximum of Waiting
	Copying     time.Duration // time for copying in Append
	Blocked     time.Duration // time that Append waited for a buffer
	Writing     time.Duration // time that the goroutine wrote
	Elapsed     time.Duration // from the first Append to the end of Close, or until now
	Err         error         // the first write error
}

// Share returns the part of the elapsed time that Append took from training.
func (s AsyncStats) Share() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Copying+s.Blocked) / float64(s.Elapsed)
}

// Stats may be called from any goroutine, also after Close.
func (a *Async) Stats() AsyncStats {
	s := AsyncStats{
		Rows: a.rows.Load(), Dropped: a.dropped.Load(), Waiting: a.waiting.Load(), MostWaiting: a.mostWaiting.Load(),
		Copying: time.Duration(a.copying.Load()), Blocked: time.Duration(a.blocked.Load()),
		Writing: time.Duration(a.writing.Load()),
	}
	a.mu.Lock()
	s.Err = a.failure
	switch {
	case a.started.IsZero():
	case a.ended.IsZero():
		s.Elapsed = time.Since(a.started)
	default:
		s.Elapsed = a.ended.Sub(a.started)
	}
	a.mu.Unlock()
	if w, ok := a.sink.(interface{ Bytes() int64 }); ok {
		s.Bytes = w.Bytes()
	}
	return s
}
