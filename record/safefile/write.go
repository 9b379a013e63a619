package safefile

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Suffix ends the name of every temporary file.
const Suffix = ".tmp"

// Write writes a file whole: under a temporary name, synced to disk, and then
// renamed. A file or a link of that name is replaced; a link is not followed.
func Write(path string, write func(io.Writer) error) error {
	return writeAndRename(path, 0o666, true, write, os.Rename)
}

// WriteBytes is Write of these bytes.
func WriteBytes(path string, b []byte) error { return Write(path, content(b)) }

// WriteScript is WriteBytes of a file that can be executed.
func WriteScript(path string, b []byte) error {
	return writeAndRename(path, 0o777, true, content(b), os.Rename)
}

// WriteTransient is WriteBytes without syncing: for a file that is soon replaced and
// that nobody needs after a power cut.
func WriteTransient(path string, b []byte) error {
	return writeAndRename(path, 0o666, false, content(b), os.Rename)
}

// WriteNew is WriteBytes of a file that must not exist yet: otherwise the error
// wraps fs.ErrExist, and the existing file stays.
func WriteNew(path string, b []byte) error {
	return writeAndRename(path, 0o666, true, content(b), func(tmp, path string) error {
		err := os.Link(tmp, path)
		if err == nil {
			return os.Remove(tmp)
		}
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		// A file system without hard links: the check and the rename are two steps.
		if _, err := os.Lstat(path); err == nil {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return os.Rename(tmp, path)
	})
}

func content(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

func writeAndRename(path string, mode fs.FileMode, sync bool, write func(io.Writer) error, rename func(tmp, path string) error) (err error) {
	tmp := TemporaryName(path)
	// O_EXCL: the file is new, and the name is not a link.
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
			err = RestoreName(err, tmp, path)
		}
	}()
	err = write(f)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := rename(tmp, path); err != nil {
		return err
	}
	if !sync {
		return nil
	}
	return SyncDir(filepath.Dir(path))
}

// Name makes an error of the system that names a temporary file name the file that it
// was for.
func RestoreName(err error, tmp, path string) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p) && p.Path == tmp:
		p.Path = path
	case errors.As(err, &l) && l.Old == tmp:
		return &fs.PathError{Op: l.Op, Path: path, Err: l.Err}
	}
	return err
}

// TemporaryName returns a name that cannot be predicted, in the directory of path:
// hidden, with the name of path in it, and ending in Suffix.
func TemporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+truncateName(filepath.Base(path))+"."+rand.Text()+Suffix)
}

// short cuts a name so that a temporary one is not longer than file systems allow.
func truncateName(base string) string {
	const most = 200
	if len(base) <= most {
		return base
	}
	return strings.ToValidUTF8(base[:most], "") // the cut may be within a character
}

// leftAfter is how long nothing was written to a file that a killed process has left.
const leftoverAge = time.Minute

// RemoveLeftovers removes the temporary files for path that killed processes have left. A
// file that was written to a moment ago may be one that another process writes now.
func RemoveLeftovers(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), Suffix) && IsTemporary(e.Name(), base) && time.Since(info.ModTime()) > leftoverAge {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// IsTemporary reports whether a name, without its directory, is one that
// TemporaryName makes for a file called base. Names of earlier versions, with
// digits or without Suffix, count as well.
func IsTemporary(name, base string) bool {
	random, ok := strings.CutPrefix(name, "."+truncateName(base)+".")
	return ok && random != "" && !strings.Contains(strings.TrimSuffix(random, Suffix), ".")
}

// SyncDir makes the names in a directory durable, where the system can do that.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
