package recorder

import (
	"context"
	"errors"
	"os"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
)

// Import makes a run in dir of files from other programs, and returns what they contain. With force, it replaces
// a run in dir, after it has read every value: files that cannot be imported do not cost the earlier run.
func Import(
	ctx context.Context, dir string, force bool, files []string, o exchange.ImportOptions,
) (*exchange.Import, error) {
	if _, err := os.Lstat(dir); err == nil && force {
		m, err := exchange.Open(files, o)
		if err != nil {
			return nil, err
		}
		if err := m.CopyTo(ctx, discard{}); err != nil {
			return nil, err
		}
	}
	m, err := exchange.Open(files, o)
	if err != nil {
		return nil, err
	}
	if err := writeRun(dir, m.Header(), force, true, func(to record.Sink) error { return m.CopyTo(ctx, to) }); err != nil {
		return nil, err
	}
	return m, WriteJSON(dir, ImportName, map[string]int{"rows": m.Len()})
}

// writeRun makes a run in dir of the rows that copyTo appends.
func writeRun(dir string, h *record.Header, force, finished bool, copyTo func(record.Sink) error) error {
	w, err := arrowfile.Create(dir, h, arrowfile.Options{Overwrite: force, ExtraFiles: ExtraFiles(nil)})
	if err != nil {
		return err
	}
	err = copyTo(w)
	w.SetFinished(err == nil && finished)
	if err := errors.Join(err, w.Close()); err != nil {
		return errors.Join(err, arrowfile.Discard(dir)) // a part of the rows is of no use
	}
	return nil
}

// discard is a sink for rows that are only read.
type discard struct{}

func (discard) Append(*record.Step) error { return nil }
func (discard) Close() error              { return nil }
