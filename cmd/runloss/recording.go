package runloss

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
)

// Recording is what an analysis reads: a recorded run, or a series of checkpoints.
type Recording interface {
	record.Trajectory
	// Finished reports whether the run came to its end.
	Finished() bool
	// Fingerprint returns a hash that differs for other rows.
	Fingerprint() (string, error)
	// Bytes returns the size of the files.
	Bytes() int64
	Close() error
}

var (
	_ Recording = (*arrowfile.Reader)(nil)
	_ Recording = (*exchange.Series)(nil)
)

// IsSeries reports whether a path can only be a series of checkpoints: it exists, and is not
// the directory of a recorded run, also not of a damaged one.
func IsSeries(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return err == nil
	}
	if _, err := os.Lstat(filepath.Join(path, "header.json")); err == nil {
		return false
	}
	segments, err := arrowfile.Segments(path)
	return err == nil && len(segments) == 0
}

// OpenRecording opens a recorded run, or a series of checkpoints with the options. A path that
// is neither is an error that says so. The caller closes the recording.
func OpenRecording(path string, o exchange.ImportOptions) (Recording, error) {
	r, s, err := openEither(path, o)
	switch {
	case err != nil:
		return nil, err
	case s != nil:
		return s, nil
	}
	return r, nil
}

// openEither opens a run or a series.
func openEither(path string, o exchange.ImportOptions) (*arrowfile.Reader, *exchange.Series, error) {
	if !IsSeries(path) {
		r, err := arrowfile.Open(path)
		return r, nil, err
	}
	s, err := exchange.OpenSeries([]string{path}, o)
	if errors.Is(err, exchange.ErrNoCheckpoint) {
		err = fmt.Errorf("%s is neither a recorded run nor a folder of checkpoints: %w", path, err)
	}
	return nil, s, err
}
