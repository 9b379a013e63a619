package arrowfile

import (
	"errors"
	"fmt"

	"sgdwalk/record"
)

// Errors that a caller can act on. They are wrapped together with the path.
var (
	// ErrNotRun: the directory does not have a run.
	ErrNotRun = errors.New("not a recorded run")
	// ErrNewerFormat: the run was written by a newer program.
	ErrNewerFormat = record.ErrNewerFormat
	// ErrMissingSegment: a segment file is missing.
	ErrMissingSegment error = damageError("a segment is missing")
	// ErrWrongRun: a segment belongs to another run, or header.json was changed
	// after the run was written.
	ErrWrongRun error = damageError("segment and header.json belong to different runs, or one of them was changed")
	// ErrExists: the directory of Create is not empty.
	ErrExists = errors.New("already exists")
	// ErrLocked: another writer has the run open.
	ErrLocked = errors.New("another writer has this run open")
	// ErrStarting: a writer has the run open, and has not written its first segment or
	// is replacing a run.
	ErrStarting = errors.New("its writer is starting or replacing the run; try again")
	// ErrNothingSaved: Repair found no intact row.
	ErrNothingSaved = errors.New("no row could be saved")
	// errReaderClosed is the error of a closed Reader.
	errReaderClosed = errors.New("arrowfile: the reader is closed")
)

// damageError is a sentinel error that also is record.ErrDamaged.
type damageError string

func (e damageError) Error() string        { return string(e) }
func (e damageError) Is(target error) bool { return target == record.ErrDamaged }

// CorruptError reports a damaged part of a run.
type CorruptError struct {
	Path   string // of the segment file
	Batch  int    // record batch in the segment, from 0; -1 when the damage is outside of all batches
	Row    int64  // row of the run, from 0; -1 when the damage is outside of all rows
	Offset int64  // byte of the file where the damaged part begins
	Err    error  // the reason
}

// Error names the file, the row and the reason in one line.
func (e *CorruptError) Error() string {
	if e.Batch < 0 {
		return fmt.Sprintf("arrowfile: %s: byte %d: %v", e.Path, e.Offset, e.Err)
	}
	return fmt.Sprintf("arrowfile: %s: batch %d (row %d) at byte %d: %v", e.Path, e.Batch, e.Row, e.Offset, e.Err)
}

// Is reports that the error is damage.
func (e *CorruptError) Is(target error) bool { return target == record.ErrDamaged }

// Unwrap returns the reason.
func (e *CorruptError) Unwrap() error { return e.Err }
