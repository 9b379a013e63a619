package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
	"sgdwalk/record/sketch"
)

// Estimate returns what a recording with the header h takes. cost has what the optimizer's steps record and draw;
// its overheads are set here.
func (o *Options) Estimate(h *record.Header, cost record.BudgetOptions) (*record.Budget, error) {
	spec, err := sketch.ParseSpec(o.Sketch)
	if err == nil {
		h, err = sketch.Header(h, spec)
	}
	if err != nil {
		return nil, &record.OptionError{Err: err}
	}
	if cost.RowOverhead, cost.RunOverhead, err = arrowfile.Overhead(h); err != nil {
		return nil, err
	}
	return record.NewBudget(h, cost)
}

// Budget returns Estimate. It returns an error when a new recording in dir would be larger than MaxBytes, an
// OptionError, or than the free space of the disk; the error suggests a schedule that fits.
func (o *Options) Budget(h *record.Header, cost record.BudgetOptions, dir string) (*record.Budget, error) {
	b, err := o.Estimate(h, cost)
	if err != nil {
		return nil, err
	}
	if o.MaxBytes > 0 {
		if err := b.Check(int64(o.MaxBytes)); err != nil {
			return nil, record.Optionf("--max-bytes is %s: %s", o.MaxBytes, tooLarge(err))
		}
	}
	if free, ok := FreeBytes(dir); ok {
		if err := b.Check(int64(free)); err != nil {
			return nil, &fs.PathError{Op: "record", Path: dir, Err: fmt.Errorf("not enough room on the disk: %s",
				tooLarge(err))}
		}
	}
	return b, nil
}

// tooLarge returns what does not fit, with the option that makes it fit.
func tooLarge(err error) string {
	var e *record.BudgetError
	if !errors.As(err, &e) || !e.Fits {
		return printable.OneLine(err)
	}
	total, row := record.Bytes(e.Budget.TotalBytes), record.Bytes(e.Budget.RowBytes)
	return fmt.Sprintf("the recording would take %s (%d rows of %s), and %s are allowed; --record %s fits with %s",
		total, e.Budget.Rows, row, record.Bytes(e.MaxBytes), e.Schedule, record.Bytes(e.Bytes))
}

// CheckRest returns an error when the rest of a run in dir, of which have bytes are recorded, does not fit. A run
// that continues keeps its schedule, so there is no schedule to suggest.
func (o *Options) CheckRest(h *record.Header, cost record.BudgetOptions, dir string, have record.Bytes) error {
	b, err := o.Estimate(h, cost)
	if err != nil {
		return err
	}
	total := record.Bytes(b.TotalBytes)
	if o.MaxBytes > 0 && total > o.MaxBytes {
		return record.Optionf("--max-bytes is %s: the whole run takes %s (%s are recorded), and a run keeps its "+
			"schedule",
			o.MaxBytes, total, have)
	}
	if free, ok := FreeBytes(dir); ok && total-have > free {
		err := fmt.Errorf("not enough room on the disk: the rest of the run takes %s, and %s are free", total-have,
			free)
		return &fs.PathError{Op: "record", Path: dir, Err: err}
	}
	return nil
}

// WriteSpeed measures how many bytes a second the disk of the run dir takes, in pieces of rowBytes. It writes to a
// temporary file in the nearest directory above dir that exists.
func WriteSpeed(dir string, rowBytes int64) (bytesPerSecond float64, err error) {
	at := filepath.Dir(filepath.Clean(dir))
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
	}
	f, err := os.CreateTemp(at, ".sgdwalk-speed-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) // on systems where an open file keeps its name
	defer f.Close()
	os.Remove(f.Name()) // no file is left when the process is killed
	chunk := make([]byte, min(max(rowBytes, 1<<12), 1<<24))
	start, written := time.Now(), 0
	for written < 1<<23 && time.Since(start) < 50*time.Millisecond {
		n, err := f.Write(chunk)
		if err != nil {
			return 0, err
		}
		written += n
	}
	return float64(written) / time.Since(start).Seconds(), nil
}
