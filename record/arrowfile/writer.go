package arrowfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
	"sgdwalk/record/safefile"
)

// Options of Create. The zero value never overwrites, starts a new segment after each GiB, and
// syncs a segment to disk only when it ends.
type Options struct {
	Overwrite bool // replace the run that is in the directory, with its analyses
	// ExtraFiles has the contents of other files that belong to the run, by their names in
	// its directory. Create removes these files of a run that it replaces. Then it writes
	// those with content, before the header, so that no run lacks them even when the
	// process dies.
	ExtraFiles map[string][]byte

	// a segment ends when another row of the size of its last would make it larger than this; 0
	// means DefaultSegmentBytes
	SegmentBytes int64

	// A power cut loses at most the rows since the last sync to disk; the death of the
	// process loses nothing. Append syncs when one of these limits is reached; 0 means no
	// limit. With an Async sink, training does not wait for a sync, and the interval also
	// counts while no row comes.
	SyncRows     int64         // rows since the last sync
	SyncBytes    int64         // bytes since the last sync
	SyncInterval time.Duration // time since the last sync, checked by Append and SyncIfDue
}

// DefaultSegmentBytes is the size of a segment when the options say nothing.
const DefaultSegmentBytes = 1 << 30

// Validate names the option, its value and what is allowed.
func (o Options) Validate() error {
	if o.SegmentBytes < 0 {
		return fmt.Errorf("arrowfile: options: SegmentBytes is %d; it must be positive, or 0 for %d", o.SegmentBytes,
			int64(DefaultSegmentBytes))
	}
	for name := range o.ExtraFiles {
		_, err := fmt.Sscanf(name, "steps-%d.arrow", new(int))
		if err == nil || name != filepath.Base(name) || name == headerName || name == lockName ||
			name == analysisName || name == "." || name == ".." {
			return fmt.Errorf("arrowfile: options: ExtraFiles has %q; it must be the name of a file in the run's "+
				"directory that is not part of the recording", name)
		}
	}
	if o.SyncRows < 0 || o.SyncBytes < 0 || o.SyncInterval < 0 {
		return fmt.Errorf("arrowfile: options: SyncRows is %d, SyncBytes %d, SyncInterval %v; each must be positive, "+
			"or 0 for never", o.SyncRows, o.SyncBytes, o.SyncInterval)
	}
	return nil
}

// Writer writes a run. It is for one goroutine; only Rows, Bytes and SyncCount may be called
// from others.
type Writer struct {
	dir     string
	header  *record.Header
	encoder *encoder
	opts    Options
	lock    *flock.Flock

	file        *segmentFile
	path        string // of the open segment
	segment     int
	rows        int64 // of the run
	segRows     int64 // of the open segment
	ackedBytes  int64 // size of the open segment up to the last acknowledged row
	rowBytes    int64 // size of the last row
	previous    record.Step
	lastIsFinal bool  // the previous row followed an update
	err         error // the write error after which no more rows are accepted

	outcome atomic.Int32 // the outcome of SetFinished

	pendingSync chan error // receives the result of syncing the previous segment; nil when none is being synced

	unsyncedRows, unsyncedBytes int64
	synced                      time.Time

	closed                         bool
	rowCount, byteCount, syncCount atomic.Int64
}

var _ record.Sink = (*Writer)(nil)

// Create starts a run in dir. The directory must be new or empty or, with
// Options.Overwrite, a recorded run, whose header, segments, lock and analyses are then
// removed, and nothing else. Errors are ErrExists, ErrLocked, or errors of the header and
// the file system. After an error Create leaves no partial run.
func Create(dir string, h *record.Header, opts Options) (w *Writer, err error) {
	if !littleEndian {
		return nil, errBigEndian
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	run, err := newRunHeader(h.Clone())
	if err != nil {
		return nil, err
	}
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = DefaultSegmentBytes
	}
	lock, undo, err := prepareDir(dir, opts)
	if err != nil {
		return nil, err
	}
	w = &Writer{dir: dir, header: run.Header, opts: opts, lock: lock, synced: time.Now()}
	defer func() {
		if err != nil {
			w.removeCreated()
			undo()
			w = nil
		}
	}()
	if err := writeExtraFiles(dir, opts.ExtraFiles); err != nil {
		return w, err
	}
	if err := writeHeader(dir, run); err != nil {
		return w, err
	}
	w.encoder = newEncoder(run)
	return w, w.openSegment(false)
}

// removeCreated removes the files that Create has made so far.
func (w *Writer) removeCreated() {
	if w.file != nil {
		w.file.file.Close()
		os.Remove(w.path)
	}
	os.Remove(filepath.Join(w.dir, headerName))
	for name := range w.opts.ExtraFiles {
		os.Remove(filepath.Join(w.dir, name))
	}
}

// openSegment starts a segment. again means that the file exists and has no rows.
func (w *Writer) openSegment(again bool) error {
	w.path = filepath.Join(w.dir, segmentName(w.segment))
	file, err := newSegmentFile(w.path, again)
	if err != nil {
		return fmt.Errorf("arrowfile: %w", err)
	}
	w.file, w.segRows, w.ackedBytes = file, 0, 0
	if err := w.encoder.begin(file, w.segment, w.rows); err != nil {
		return encodingError(w.path, w.rows, err)
	}
	w.ackedBytes = file.size
	w.byteCount.Add(file.size)
	return safefile.SyncDir(w.dir)
}

// closeSegment writes the footer. A goroutine syncs the segment to disk, so that the rows of
// the next segment need not wait; waitForSync waits for it. When the footer does not fit on
// the disk, it is cut off again: the rows are readable without it.
func (w *Writer) closeSegment(rows int64) error {
	if err := w.waitForSync(); err != nil {
		return err
	}
	f, path, before := w.file, w.path, w.file.size
	w.file = nil
	err := w.encoder.finish(rows)
	if err == nil {
		err = f.trim()
	}
	if err != nil {
		err = errors.Join(err, f.file.Truncate(w.ackedBytes), f.file.Close())
		return fmt.Errorf("arrowfile: %s: footer: %w", path, err)
	}
	w.byteCount.Add(f.size - before)
	w.unsyncedRows, w.unsyncedBytes, w.synced = 0, 0, time.Now()
	done := make(chan error, 1) // with a capacity, so that the goroutine ends even if nobody receives
	w.pendingSync = done
	go func() {
		err := errors.Join(f.file.Sync(), f.file.Close())
		if err != nil {
			err = fmt.Errorf("arrowfile: %s: %w", path, err)
		}
		done <- err
	}()
	return nil
}

// waitForSync waits until the previous segment is synced to disk.
func (w *Writer) waitForSync() error {
	if w.pendingSync == nil {
		return nil
	}
	err := <-w.pendingSync
	w.pendingSync = nil
	if err == nil {
		w.syncCount.Add(1)
	}
	return err
}

// Append writes a row. When it returns nil, the row is with the operating system. It refuses
// a row that does not fit the header, or whose step does not increase, and then changes
// nothing. After a write error, every further call returns that error.
func (w *Writer) Append(s *record.Step) error {
	if w.closed {
		return record.ErrClosed
	}
	if w.err != nil {
		return w.err
	}
	previous := &w.previous
	if w.rows == 0 {
		previous = nil
	}
	if err := w.header.CheckStep(s, previous); err != nil {
		return err
	}
	raw := w.encoder.raw(s)
	row, err := w.encoder.scalarsOf(s, &raw)
	if err != nil {
		return err
	}
	if err := w.writeRow(&row, &raw); err != nil {
		w.fail(err)
		return w.err
	}
	// Only the numbers are kept: the vectors belong to the caller.
	w.previous, w.lastIsFinal = record.Step{Step: s.Step, Substep: s.Substep}, s.IsLast()
	w.rows++
	w.segRows++
	w.rowCount.Store(w.rows)
	return nil
}

// writeRow writes a row, in a new segment when the current one is full, and syncs when it is due.
func (w *Writer) writeRow(row *scalars, raw *rawVectors) error {
	if w.segRows > 0 && w.ackedBytes+w.rowBytes > w.opts.SegmentBytes {
		if err := w.closeSegment(unknown); err != nil {
			return err
		}
		w.segment++
		if err := w.openSegment(false); err != nil {
			return err
		}
	}
	var err error
	if fault := mapped.Catch(func() { err = w.encoder.append(row, raw, w.rows) }); fault != nil {
		err = fmt.Errorf("the memory of its vectors: %w", fault) // another process shares it
	}
	if err != nil {
		return encodingError(w.path, w.rows, err)
	}
	w.byteCount.Add(w.file.size - w.ackedBytes)
	w.rowBytes = w.file.size - w.ackedBytes
	w.ackedBytes = w.file.size
	w.unsyncedRows++
	w.unsyncedBytes += w.rowBytes
	if w.syncDue() {
		if err := w.sync(); err != nil {
			return encodingError(w.path, w.rows, err)
		}
	}
	return nil
}

// syncDue reports whether one of the limits of the options is reached.
func (w *Writer) syncDue() bool {
	reached := func(value, limit int64) bool { return limit > 0 && value >= limit }
	return reached(w.unsyncedRows, w.opts.SyncRows) || reached(w.unsyncedBytes, w.opts.SyncBytes) ||
		w.opts.SyncInterval > 0 && time.Since(w.synced) >= w.opts.SyncInterval
}

// sync syncs all rows so far to disk.
func (w *Writer) sync() error {
	if err := w.waitForSync(); err != nil {
		return err
	}
	if err := w.file.file.Sync(); err != nil {
		return err
	}
	w.unsyncedRows, w.unsyncedBytes, w.synced = 0, 0, time.Now()
	w.syncCount.Add(1)
	return nil
}

// SyncIfDue syncs rows that have waited for Options.SyncInterval, for the case that no further
// Append does it. It returns the time after which to call it again if no row comes before; 0
// when no row is waiting.
func (w *Writer) SyncIfDue() (after time.Duration, err error) {
	if w.closed || w.err != nil || w.opts.SyncInterval == 0 || w.unsyncedRows == 0 {
		return 0, nil
	}
	if after = w.opts.SyncInterval - time.Since(w.synced); after > 0 {
		return after, nil
	}
	if err := w.sync(); err != nil {
		w.fail(encodingError(w.path, w.rows-1, err))
		return 0, w.err
	}
	return 0, nil
}

// fail stores the error and cuts the segment after the last acknowledged row, so that a full
// disk leaves a run without a torn end. It writes no footer, because the encoder may have
// counted a row that was not written.
func (w *Writer) fail(err error) {
	w.err = fmt.Errorf("%w (the recording ends after row %d)", err, w.rows-1)
	if w.file == nil {
		return
	}
	if cutErr := w.file.file.Truncate(w.ackedBytes); cutErr != nil {
		w.err = errors.Join(w.err, cutErr)
	}
	if closeErr := w.file.file.Close(); closeErr != nil {
		w.err = errors.Join(w.err, closeErr)
	}
	w.file = nil
}

// The outcomes of a run.
const (
	outcomeByRow int32 = iota // the last row decides
	outcomeFinished
	outcomeUnfinished
)

// SetFinished tells Close whether the run came to its end. Without a call the last row decides:
// a row without a batch follows the last update, so the run is finished. SetFinished may be
// called from any goroutine.
func (w *Writer) SetFinished(finished bool) {
	w.outcome.Store(outcomeUnfinished)
	if finished {
		w.outcome.Store(outcomeFinished)
	}
}

// finalRows returns the number of rows of a finished run, for the last footer; otherwise
// unknown.
func (w *Writer) finalRows() int64 {
	if o := w.outcome.Load(); w.rows > 0 && (o == outcomeFinished || o == outcomeByRow && w.lastIsFinal) {
		return w.rows
	}
	return unknown
}

// Close ends the last segment, syncs it to disk and unlocks the run. A second call does
// nothing. Without Close the run is unfinished, but all of its rows are readable.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	var err error
	if w.file != nil {
		err = w.closeSegment(w.finalRows())
	}
	if settleErr := w.waitForSync(); err == nil {
		err = settleErr
	}
	if lockErr := w.lock.Close(); err == nil && lockErr != nil {
		err = fmt.Errorf("arrowfile: %w", lockErr)
	}
	return err
}

// Rows returns the number of acknowledged rows.
func (w *Writer) Rows() int64 { return w.rowCount.Load() }

// Bytes returns the size of all segments so far.
func (w *Writer) Bytes() int64 { return w.byteCount.Load() }

// SyncCount returns how often the writer has synced a segment to disk.
func (w *Writer) SyncCount() int64 { return w.syncCount.Load() }
