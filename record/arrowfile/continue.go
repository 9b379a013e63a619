package arrowfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// Continue opens the run in dir to append further rows, after its writer was closed or
// died. The first new row must come after the last existing one. The new rows begin a new
// segment. When the last segment has no footer, Continue writes its complete rows again
// under a temporary name, without a torn end, and replaces the old segment. It also removes
// temporary files of an earlier attempt that was killed, those of Options.ExtraFiles too.
//
// Options.Overwrite and the contents of Options.ExtraFiles are ignored. Errors are those of Open,
// ErrLocked, and a *CorruptError when a row of the last segment is damaged: then Repair
// must come first.
func Continue(dir string, opts Options) (w *Writer, err error) {
	if !littleEndian {
		return nil, errBigEndian
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = DefaultSegmentBytes
	}
	h, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
			w = nil
		}
	}()
	if err := removeTemporary(dir, opts.ExtraFiles); err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	r, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	w = &Writer{dir: dir, header: h.Header, opts: opts, lock: lock, synced: time.Now()}
	w.encoder = newEncoder(h)
	again, err := w.takeOver(r)
	if err != nil {
		return nil, err
	}
	return w, w.openSegment(again)
}

// takeOver ends the last segment, if it has no footer, and sets the writer to the next one.
// again means that the last segment has no rows and must be written again from its start.
func (w *Writer) takeOver(r *Reader) (again bool, err error) {
	last := r.state.Load().last()
	w.rows = int64(r.Len())
	w.rowCount.Store(w.rows)
	if w.rows > 0 {
		s, err := r.Read(int(w.rows)-1, record.ScalarsOnly)
		if err != nil {
			return false, err
		}
		w.previous, w.lastIsFinal = record.Step{Step: s.Step, Substep: s.Substep}, s.IsLast()
	}
	w.segment = r.Segments()
	path := filepath.Join(w.dir, segmentName(w.segment-1))
	switch {
	case last.closed:
	case last.rows() == 0:
		// It has only its schema, so it is started again.
		w.segment--
		again = true
	default:
		if err := w.rewrite(path, r, w.rows-int64(last.rows())); err != nil {
			return false, err
		}
	}
	size, err := segmentBytes(w.dir)
	if again {
		size -= last.src.size()
	}
	w.byteCount.Store(size)
	return again, err
}

// rewrite writes the last segment again, with the rows from first on and a footer.
func (w *Writer) rewrite(path string, r *Reader, first int64) error {
	return safefile.Write(path, func(out io.Writer) error {
		f, ok := out.(*os.File)
		if !ok {
			return errors.New("not a file")
		}
		s := &segmentFile{file: f}
		if err := w.encoder.begin(s, w.segment-1, first); err != nil {
			return err
		}
		for i := first; i < w.rows; i++ {
			step, err := r.Read(int(i), record.AllParts)
			if err != nil {
				return err
			}
			raw := w.encoder.raw(&step)
			row, err := w.encoder.scalarsOf(&step, &raw)
			if err != nil {
				return err
			}
			if err := w.encoder.append(&row, &raw, i); err != nil {
				return err
			}
		}
		if err := w.encoder.finish(unknown); err != nil {
			return err
		}
		return s.trim()
	})
}

// segmentBytes returns the total size of a run's segments.
func segmentBytes(dir string) (int64, error) {
	numbers, err := segmentNumbers(dir)
	if err != nil {
		return 0, fmt.Errorf("arrowfile: %w", err)
	}
	total := int64(0)
	for _, n := range numbers {
		info, err := os.Stat(filepath.Join(dir, segmentName(n)))
		if err != nil {
			return 0, fmt.Errorf("arrowfile: %w", err)
		}
		total += info.Size()
	}
	return total, nil
}
