package arrowfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"sgdwalk/record"
)

// Repaired says what Repair kept and what was lost.
type Repaired struct {
	Rows     int64 // rows that were kept: all that are intact
	Lost     int64 // rows that are damaged or missing
	Torn     int64 // bytes at the end that were no row
	Finished bool  // the run came to its end, and its last row was kept
}

// Repair writes a new run in out with every intact row of the run in dir, ended
// in order. A row of which any value is damaged is left out: its step is then
// missing, as if the schedule had not kept it. Nothing in dir is changed.
//
// A damaged or missing header is restored from the copies in the segments, or from
// their hash of it. Every problem is reported. The error says that there is no new
// run: there is no header, no row is intact (ErrNothingSaved), an error of the
// machine left unknown what is intact, or out could not be written; what was begun
// there is removed. Out must be new or empty; opts.Overwrite is for a run that is there.
func Repair(dir, out string, opts Options, report func(error)) (Repaired, error) {
	if !littleEndian {
		return Repaired{}, errBigEndian
	}
	if same, err := sameDirectory(dir, out); err != nil || same {
		if err == nil {
			err = fmt.Errorf("arrowfile: repair: %s is the damaged run itself; the new one needs another directory",
				out)
		}
		return Repaired{}, err
	}
	if isLive(dir) {
		return Repaired{}, fmt.Errorf("arrowfile: %s: %w; it is repaired when that has ended", dir, ErrLocked)
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

// nothingSaved says that there is no row to save, and whether damage is the reason.
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
	return fmt.Errorf("%w: the run has none", err)
}

// copyIntact appends every intact row to w.
func copyIntact(segments []*segment, w *Writer, report func(error)) (out Repaired, err error) {
	next, kept := int64(0), false // kept: the last row was
	for _, s := range segments {
		out.Lost += max(0, s.first-next)
		for j := range s.rows() {
			var step record.Step
			var rowErr error
			if fault := catchFaults(func() { step, rowErr = s.step(j, record.AllParts) }); fault != nil {
				rowErr = s.damageAt(j, s.offsets[j], "%w", fault)
			}
			// A disk that cannot read a row has lost it. With too little memory, or too
			// few files, the row may be intact.
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

// Discard removes a run that was begun and cannot be ended: its header, segments,
// lock and analyses, and its directory if nothing else is in it.
func Discard(dir string) error {
	if err := removeRun(dir, nil); err != nil {
		return fmt.Errorf("arrowfile: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("arrowfile: %w", err)
	}
	os.Remove(dir) // stays when something else is in it
	return nil
}
