package arrowfile

import (
	"errors"
	"fmt"

	"sgdwalk/record"
)

// Errors that a caller can act on; they come wrapped with the path concerned.
var (
	// ErrNotRun: the directory holds no run.
	ErrNotRun = errors.New("not a recorded run")
	// ErrNewerFormat: the run was written by a newer program.
	ErrNewerFormat = record.ErrNewerFormat
	// ErrMissingSegment: a segment file that must be there is not.
	ErrMissingSegment error = damageError("a segment is missing")
	// ErrWrongRun: a segment belongs to another run, or header.json was changed
	// after the run was written.
	ErrWrongRun error = damageError("segment and header.json belong to different runs, or one of them was changed")
	// ErrExists: Create found something in its way.
	ErrExists = errors.New("already exists")
	// ErrLocked: another writer has the run open.
	ErrLocked = errors.New("another writer has this run open")
	// ErrStarting: a writer has the run open and has not written its first segment,
	// or is replacing a run.
	ErrStarting = errors.New("its writer is just beginning or replacing it; try again")
	// ErrNothingSaved: Repair found no row that is intact.
	ErrNothingSaved = errors.New("no row could be saved")
	// errReaderClosed is what a closed Reader answers.
	errReaderClosed = errors.New("arrowfile: the reader is closed")
)

// damageError is a sentinel that wraps record.ErrDamaged.
type damageError string

func (e damageError) Error() string        { return string(e) }
func (e damageError) Is(target error) bool { return target == record.ErrDamaged }

// CorruptError says which bytes of a run cannot be trusted.
type CorruptError struct {
	Path   string // of the segment file
	Batch  int    // record batch in the segment, from 0; -1 when the damage is in no batch
	Row    int64  // row of the run, from 0; -1 when the damage is in no row
	Offset int64  // byte in the file where the damaged part begins
	Err    error  // what is wrong
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

// Unwrap returns what is wrong.
func (e *CorruptError) Unwrap() error { return e.Err }
