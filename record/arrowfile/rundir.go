package arrowfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"sgdwalk/record/safefile"
)

// Names in a run's directory.
const (
	headerName   = "header.json"
	lockName     = "lock"
	analysisName = "analysis"
)

// segmentName returns the file name of segment n.
func segmentName(n int) string { return fmt.Sprintf("steps-%06d.arrow", n) }

// Segments lists the numbers of the segments in a directory, in order.
func Segments(dir string) ([]int, error) { return segmentNumbers(dir) }

// segmentNumbers lists the segments in a directory in order. A list that is read while the
// directory changes may have a later segment but not the one before it, so segments in
// gaps are looked up by name.
func segmentNumbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "steps-%d.arrow", &n); err == nil && n >= 0 && e.Name() == segmentName(n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var all []int
	next := 0
	for _, n := range numbers {
		for ; next < n; next++ {
			if _, err := os.Lstat(filepath.Join(dir, segmentName(next))); err != nil {
				break // the segment is really missing
			}
			all = append(all, next)
		}
		all, next = append(all, n), n+1
	}
	return all, nil
}

// A run that is being started or replaced has no segments for a moment, so a reader tries
// again.
const (
	startTries = 20
	startPause = 25 * time.Millisecond
)

// countSegments returns the number of segments of a run. A missing segment is an error.
func countSegments(dir string) (int, error) {
	for try := 0; ; try++ {
		numbers, err := segmentNumbers(dir)
		if err != nil {
			return 0, fmt.Errorf("arrowfile: %w", err)
		}
		missing := firstMissing(numbers)
		if missing < 0 {
			return len(numbers), nil
		}
		if !isLive(dir) {
			after := ""
			if missing < len(numbers) {
				after = ", but there is " + segmentName(numbers[missing])
			}
			return 0, fmt.Errorf("arrowfile: %s: %w: %s%s", dir, ErrMissingSegment, segmentName(missing), after)
		}
		if try == startTries {
			return 0, fmt.Errorf("arrowfile: %s: %s is missing: %w", dir, segmentName(missing), ErrStarting)
		}
		time.Sleep(startPause)
	}
}

// firstMissing returns the number of the first segment that is not in the list; -1 when none
// is missing.
func firstMissing(numbers []int) int {
	for i, n := range numbers {
		if n != i {
			return i
		}
	}
	if len(numbers) == 0 {
		return 0
	}
	return -1
}

// prepareDir creates or clears dir for a new run, and locks it. undo removes what it created,
// and unlocks.
func prepareDir(dir string, opts Options) (lock *flock.Flock, undo func(), err error) {
	made := false
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, nil, fmt.Errorf("arrowfile: %w", err)
		}
		made = true
	case err != nil:
		return nil, nil, fmt.Errorf("arrowfile: %w", err)
	case len(entries) == 0: // an empty directory is fine
	case isUnstarted(entries, opts.ExtraFiles): // the writer died before it wrote a header
	case !opts.Overwrite:
		return nil, nil, fmt.Errorf("arrowfile: %s %w; use a new or empty directory, or "+
			"allow overwriting", dir, ErrExists)
	default:
		if _, err := readHeader(dir); err != nil && !hasOwnSegment(dir) {
			return nil, nil, fmt.Errorf("arrowfile: %s %w and is not a recorded run, so it is not overwritten: %w",
				dir, ErrExists, err)
		}
	}
	path := filepath.Join(dir, lockName)
	if lock, err = lockDir(dir); err != nil {
		return nil, nil, err
	}
	undo = func() {
		if len(entries) == 0 {
			os.Remove(path)
		}
		lock.Close()
		if made {
			os.Remove(dir)
		}
	}
	if err := removeRun(dir, opts.ExtraFiles); err != nil {
		undo()
		return nil, nil, fmt.Errorf("arrowfile: %w", err)
	}
	return lock, undo, nil
}

// lockDir locks the run in a directory for its writer.
func lockDir(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockName)
	if err := safefile.Check(path); err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	lock := flock.New(path, flock.SetPermissions(0o666))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("arrowfile: %s: %w", dir, err)
	}
	return lock, nil
}

// isLive reports whether a writer has the run in dir open. It creates no file.
func isLive(dir string) bool {
	path := filepath.Join(dir, lockName)
	if safefile.Check(path) != nil {
		return false
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	lock.Close()
	return err == nil && !free
}

// isUnstarted reports whether a directory has only files that Create makes before the header,
// the lock among them: then it never had a row.
func isUnstarted(entries []os.DirEntry, extra map[string][]byte) bool {
	locked := false
	for _, e := range entries {
		_, isExtra := extra[e.Name()]
		switch {
		case e.Name() == lockName:
			locked = true
		case !isExtra && !isTemporary(e.Name(), extra):
			return false
		}
	}
	return locked
}

// isTemporary reports whether a file is an unfinished header, segment or extra file.
func isTemporary(name string, extra map[string][]byte) bool {
	if !strings.HasSuffix(name, safefile.Suffix) {
		return false
	}
	var n int
	if _, err := fmt.Sscanf(name, ".steps-%d.arrow", &n); err == nil {
		return n >= 0 && safefile.IsTemporary(name, segmentName(n))
	}
	for of := range extra {
		if safefile.IsTemporary(name, of) {
			return true
		}
	}
	return safefile.IsTemporary(name, headerName)
}

// removeTemporary removes unfinished headers, segments and extra files of a process that was
// killed. The run must be locked.
func removeTemporary(dir string, extra map[string][]byte) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isTemporary(e.Name(), extra) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeRun removes the files of a run and nothing else, and keeps the lock. It removes the
// first segment first and the header last: after an interruption the rest is not a complete
// run, but it is still recognized as a run that may be replaced.
func removeRun(dir string, extra map[string][]byte) error {
	segments, err := segmentNumbers(dir)
	if err != nil {
		return err
	}
	var names []string
	for _, n := range segments {
		names = append(names, segmentName(n))
	}
	names = append(append(names, slices.Sorted(maps.Keys(extra))...), headerName)
	if err := os.RemoveAll(filepath.Join(dir, analysisName)); err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return removeTemporary(dir, extra)
}

// writeExtraFiles writes the extra files that have content.
func writeExtraFiles(dir string, extra map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if extra[name] == nil {
			continue
		}
		if err := safefile.WriteBytes(filepath.Join(dir, name), extra[name]); err != nil {
			return fmt.Errorf("arrowfile: %w", err)
		}
	}
	return nil
}
