package arrowfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// Repaired has the results of Repair.
type Repaired struct {
	Rows     int64 // rows that were kept: all intact ones
	Lost     int64 // rows that are damaged or missing
	Torn     int64 // bytes at the end that are not a row
	Finished bool  // the run came to its end, and its last row was kept
}

// Repair writes a new run with every intact row of the run in dir to out. It leaves out a row
// with any damaged value: its step is then missing, as if the schedule had not kept it.
// Repair changes nothing in dir.
//
// It restores a damaged or missing header from the copies in the segments, or from the hash
// of the header in them. It reports every problem. After an error there is no new run:
// there is no header, no row is intact (ErrNothingSaved), a system error hides which rows
// are intact, or out could not be written. out must be new or empty, unless
// opts.Overwrite allows an existing run.
func Repair(dir, out string, opts Options, report func(error)) (Repaired, error) {
	if !littleEndian {
		return Repaired{}, errBigEndian
	}
	if same, err := sameDirectory(dir, out); err != nil || same {
		if err == nil {
			err = fmt.Errorf("arrowfile: repair: %s is the damaged run itself; give another directory for the new run",
				out)
		}
		return Repaired{}, err
	}
	if isLive(dir) {
		return Repaired{}, fmt.Errorf("arrowfile: %s: %w; repair it after the writer has ended", dir, ErrLocked)
	}
	h, damage, err := restoreHeader(dir)
	if err != nil {
		return Repaired{}, err
	}
	if damage != nil {
		report(damage)
	}
	numbers, err := segmentNumbers(dir)
	if err != nil {
		return Repaired{}, fmt.Errorf("arrowfile: %w", err)
	}
	run := newRunInfo(h)
	var machine error
	segments := run.openSegments(dir, numbers, nil, openSource, func(err error) bool {
		report(err)
		if record.IsSystemError(err) {
			machine = err
		}
		return true
	})
	defer func() {
		for _, s := range segments {
			s.src.close()
		}
	}()
	if machine != nil {
		return Repaired{}, machine
	}
	w, err := Create(out, h.Header, opts)
	if err != nil {
		return Repaired{}, err
	}
	result, err := copyIntact(segments, w, report)
	w.SetFinished(result.Finished)
	if err == nil && result.Rows == 0 {
		err = nothingSaved(dir, segments, damage)
	}
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return Repaired{}, errors.Join(err, Discard(out))
	}
	return result, nil
}

// nothingSaved returns the error for a run without intact rows. It is damage unless the run
// never had rows.
func nothingSaved(dir string, segments []*segment, damage error) error {
	err := fmt.Errorf("arrowfile: %s: %w", dir, ErrNothingSaved)
	for _, s := range segments {
		if s.rows() > 0 || s.tornBytes > 0 {
			damage = record.ErrDamaged
		}
	}
	if damage != nil || len(segments) == 0 {
		return fmt.Errorf("%w: %w", err, record.ErrDamaged)
	}
	return fmt.Errorf("%w: the run has no rows", err)
}

// copyIntact appends every intact row to w.
func copyIntact(segments []*segment, w *Writer, report func(error)) (out Repaired, err error) {
	next, kept := int64(0), false // whether the last row was kept
	for _, s := range segments {
		out.Lost += max(0, s.first-next)
		for j := range s.rows() {
			var step record.Step
			var rowErr error
			if fault := mapped.Catch(func() { step, rowErr = s.step(j, record.AllParts) }); fault != nil {
				rowErr = s.damageAt(j, s.offsets[j], "%w", fault)
			}
			// A row that the disk cannot read is lost. After another system error, such as too
			// little memory, the row may be intact.
			if record.IsSystemError(rowErr) && !errors.Is(rowErr, syscall.EIO) {
				return out, rowErr
			}
			if rowErr != nil {
				report(rowErr)
				out.Lost++
				kept, out.Finished = false, false
				continue
			}
			if err := w.Append(&step); err != nil {
				return out, err
			}
			kept, out.Finished = true, s.run.header.EndsRun(&step)
			out.Rows++
		}
		if s.finalRows != unknown {
			out.Finished = kept
		}
		next = s.next()
		out.Torn = s.tornBytes
	}
	return out, nil
}

// sameDirectory reports whether both paths are the same directory. b may be missing.
func sameDirectory(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, fmt.Errorf("arrowfile: %w", err)
	}
	y, err := os.Stat(b)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("arrowfile: %w", err)
	}
	return os.SameFile(x, y), nil
}

// Discard removes a run that was started and cannot be completed: its header, segments, lock
// and analyses, and its directory if that is then empty.
func Discard(dir string) error {
	if err := removeRun(dir, nil); err != nil {
		return fmt.Errorf("arrowfile: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("arrowfile: %w", err)
	}
	os.Remove(dir) // fails when the directory has other files
	return nil
}
