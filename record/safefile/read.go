package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/record"
)

// ErrNotPlain is wrapped by the error for a link, a device, a pipe or a directory
// where a file is expected. It counts as damage: see record.IsDamage.
var ErrNotPlain error = damageError("not a plain file")

var errTooLong error = damageError("too long")

// damageError is a sentinel error that also is record.ErrDamaged.
type damageError string

func (d damageError) Error() string        { return string(d) }
func (d damageError) Is(target error) bool { return target == record.ErrDamaged }

// Check returns an error when path exists and is not a plain file.
func Check(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return checkPlain(path, info)
}

// checkPlain returns an error that names the kind of file when it is not a regular file.
func checkPlain(path string, info fs.FileInfo) error {
	kind := "a special file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeSymlink != 0:
		kind = "a symbolic link, which is not followed"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("%s: %w: it is %s", path, ErrNotPlain, kind)
}

// CheckBelow returns an error when a part of path, below dir, is a link: the person who
// filled dir must not decide where files are written. Missing parts, and paths that
// are not below dir, are allowed.
func CheckBelow(dir, path string) error {
	dir, err1 := filepath.Abs(dir)
	path, err2 := filepath.Abs(path)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	below, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(below) || below == "." {
		return nil
	}
	at := dir
	for part := range strings.SplitSeq(below, string(filepath.Separator)) {
		at = filepath.Join(at, part)
		if info, err := os.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return checkPlain(at, info)
		}
	}
	return nil
}

// Open opens a plain file with the flags of os.OpenFile; with os.O_CREATE it creates a
// missing one. It refuses everything else without opening it. Only the last part of
// path must not be a link.
func Open(path string, flag int) (*os.File, error) {
	if err := Check(path); err != nil { // opening a device may already have an effect
		return nil, err
	}
	f, err := os.OpenFile(path, flag|safeFlags, 0o666)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat() // of the open file: the name may have been replaced after Check
	if err == nil {
		err = checkPlain(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read reads a plain file of at most maxBytes bytes.
func Read(path string, maxBytes int64) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("%s is %w: it has %d bytes, but at most %d are allowed", path, errTooLong, info.Size(),
			maxBytes)
	}
	b := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, err
		case int64(len(b)) > maxBytes: // the file has grown
			return nil, fmt.Errorf("%s is %w: it has more than the allowed %d bytes", path, errTooLong, maxBytes)
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}
