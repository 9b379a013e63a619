package recorder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
)

// Repair copies every intact row of the run in dir into a new run in out, and the files from which training
// continues, and the notes. With force, it replaces a run in out. report receives every problem. The result is nil when no row
// could be saved. skipped has an error for every file that was not copied because it is a link or a special file.
func Repair(
	dir, out string, force bool, report func(error),
) (r *arrowfile.Repaired, skipped []error, err error) {
	result, err := arrowfile.Repair(dir, out, arrowfile.Options{Overwrite: force}, report)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range []string{ConfigName, CheckpointName, GroupRatesName, NotesName} {
		err := copyFile(filepath.Join(dir, name), filepath.Join(out, name))
		switch {
		case errors.Is(err, safefile.ErrNotPlain):
			skipped = append(skipped, err)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return &result, skipped, err
		}
	}
	return &result, skipped, nil
}

func copyFile(from, to string) error {
	in, err := safefile.Open(from, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	return safefile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}
