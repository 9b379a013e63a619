package recorder

import (
	"context"
	"fmt"
	"os"

	"sgdwalk/record"
)

// Copy makes a run in dir of the rows of t, which may be a selection of another run's rows.
// from is the directory of that run. With force, it replaces a run in dir, which must not
// be from. finished says whether the training of t came to its end.
func Copy(ctx context.Context, dir string, force bool, t record.Trajectory, from string, finished bool) error {
	if a, err := os.Stat(dir); err == nil {
		if b, err := os.Stat(from); err == nil && os.SameFile(a, b) {
			return record.Optionf("%s is the run that is copied; name another directory", dir)
		}
	}
	return writeRun(dir, t.Header(), force, finished, func(to record.Sink) error {
		for i := range t.Len() {
			if err := ctx.Err(); err != nil {
				return err
			}
			s, err := t.Read(i, record.AllParts)
			if err == nil {
				err = to.Append(&s)
			}
			if err != nil {
				return fmt.Errorf("recorder: row %d: %w", i, err)
			}
		}
		return nil
	})
}
