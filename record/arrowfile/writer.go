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
	"sgdwalk/record/safefile"
)

// Options of Create. The zero value never overwrites, starts a new segment after
// each GiB and leaves it to the system when a segment that is not ended reaches
// the disk.
type Options struct {
	Overwrite bool // replace the run that is in the directory, with its analyses
	// ExtraFiles has files that belong to the run and are no part of the recording, by
	// their names in its directory. Create removes those of a run that it replaces
	// and writes the ones that have content before there is a header: no run is
	// without them, whenever the process dies.
	ExtraFiles map[string][]byte

	// a segment ends when another row of the size of its last would make it larger than this; 0
	// means DefaultSegmentBytes
	SegmentBytes int64

	// A power cut loses at most what was appended since the last sync: the death
	// of the process loses nothing. Append syncs when one of these is reached;
	// 0 means never. Through an Async sink, training does not wait for it, and the
	// interval counts also while no row comes.
	SyncRows     int64         // rows since the last sync
	SyncBytes    int64         // bytes since the last sync
	SyncInterval time.Duration // time since the last sync, looked at when a row is appended and by SyncIfDue
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
				"directory and none of the recording's", name)
		}
	}
	if o.SyncRows < 0 || o.SyncBytes < 0 || o.SyncInterval < 0 {
		return fmt.Errorf("arrowfile: options: SyncRows is %d, SyncBytes %d, SyncInterval %v; each must be positive, "+
			"or 0 for never", o.SyncRows, o.SyncBytes, o.SyncInterval)
	}
	return nil
}

// Writer writes a run. It is used from one goroutine; Rows and Bytes may be
// asked from any.
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
	ackedBytes  int64 // size of the open segment up to its last acknowledged row
	rowBytes    int64 // size of the last row
	previous    record.Step
	lastIsFinal bool  // the previous row followed an update
	err         error // why no more rows are taken

	outcome atomic.Int32 // what SetFinished said

	pendingSync chan error // of the segment before, while it is made durable; nil when none is

	unsyncedRows, unsyncedBytes int64
	synced                      time.Time

	closed                         bool
	rowCount, byteCount, syncCount atomic.Int64
}

var _ record.Sink = (*Writer)(nil)

// Create starts a run in dir, which must be new, empty or, with
// Options.Overwrite, a recorded run: its header, segments, lock and analyses are
// then removed and nothing else. Errors are ErrExists, ErrLocked or those of the
// header and the file system; after an error nothing half-written is left.
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

// abandon removes what Create has made so far.
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

// openSegment begins a segment; again, one that is there and has no rows.
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

// closeSegment writes the footer. The segment is made durable by a goroutine, for
// which settle waits: the rows of the next segment need not. A footer that finds
// no room is cut off again: without one the rows are still readable.
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
	done := make(chan error, 1) // room for the answer, so that the goroutine ends also when nobody asks
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

// settle waits until the segment that was ended last is durable.
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

// Append writes a row. When it returns nil the row is with the operating system.
// A row that does not fit the header or goes backwards is refused and changes
// nothing; after an error of writing, every further call returns that error.
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
	w.previous, w.lastIsFinal = record.Step{Step: s.Step, Substep: s.Substep}, s.IsLast()
	w.rows++
	w.segRows++
	w.rowCount.Store(w.rows)
	return nil
}

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
	if err := w.encoder.append(row, raw, w.rows); err != nil {
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

func (w *Writer) syncDue() bool {
	reached := func(value, limit int64) bool { return limit > 0 && value >= limit }
	return reached(w.unsyncedRows, w.opts.SyncRows) || reached(w.unsyncedBytes, w.opts.SyncBytes) ||
		w.opts.SyncInterval > 0 && time.Since(w.synced) >= w.opts.SyncInterval
}

// sync makes durable what was written so far.
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

// SyncIfDue makes durable what has waited for Options.SyncInterval without a further
// row, whose Append would do it. It returns after which time it is to be called
// again, unless a row comes before that; 0 when there is nothing to wait for.
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

// fail remembers the error and cuts the segment after the last acknowledged row,
// so that a full disk leaves a run without a torn end. No footer follows: the
// encoder may count a row that is not there.
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

// SetFinished says, for Close, whether the run came to its end. Without a call the
// last row decides: a run is finished when that row has no batch, because it then
// follows the last update. It may be called from any goroutine.
func (w *Writer) SetFinished(finished bool) {
	w.outcome.Store(outcomeUnfinished)
	if finished {
		w.outcome.Store(outcomeFinished)
	}
}

// endedRows is what the last footer says: the number of rows of a finished run.
func (w *Writer) finalRows() int64 {
	if o := w.outcome.Load(); w.rows > 0 && (o == outcomeFinished || o == outcomeByRow && w.lastIsFinal) {
		return w.rows
	}
	return unknown
}

// Close ends the last segment, makes it durable and unlocks the run. A second
// call does nothing. Without Close the run is unfinished but every row of it is
// readable.
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

// Syncs returns how often the writer has made a segment durable.
func (w *Writer) SyncCount() int64 { return w.syncCount.Load() }
