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

// ErrNotPlain is wrapped by the error for a name that is a link, a device, a pipe
// or a directory where a file is expected. It counts as damage: see record.IsDamage.
var ErrNotPlain error = damageError("not a plain file")

var errTooLong error = damageError("too long")

type damageError string

func (d damageError) Error() string        { return string(d) }
func (d damageError) Is(target error) bool { return target == record.ErrDamaged }

// Check refuses a name that is there and is not a plain file.
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

func checkPlain(path string, info fs.FileInfo) error {
	what := "a special file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeSymlink != 0:
		what = "a symbolic link, which is not followed"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("%s: %w: it is %s", path, ErrNotPlain, what)
}

// CheckBelow refuses a path below a directory when a part of it behind that directory
// is a link: whoever filled the directory must not decide where files go. Parts that
// are missing, and paths that are not below the directory, are in order.
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

// Open opens a plain file with the flags of os.OpenFile; with os.O_CREATE it makes
// one that is missing. What is not a plain file is refused and not touched. Links in
// front of the last part of path are followed.
func Open(path string, flag int) (*os.File, error) {
	if err := Check(path); err != nil { // opening a device may already do something
		return nil, err
	}
	f, err := os.OpenFile(path, flag|safeFlags, 0o666)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat() // of what was opened: the name may have been exchanged since
	if err == nil {
		err = checkPlain(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read reads a plain file of at most that many bytes.
func Read(path string, most int64) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s is %w: it has %d bytes, at most %d are read", path, errTooLong, info.Size(), most)
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
		case int64(len(b)) > most: // it grew
			return nil, fmt.Errorf("%s is %w: it has more than the %d bytes that are read", path, errTooLong, most)
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}
