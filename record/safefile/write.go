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

// Write writes a whole file: it writes under a temporary name, syncs the file to disk,
// and renames it to path. It replaces an existing file, or the link itself when path is
// a link. After an error of write or of the system, path is unchanged.
func Write(path string, write func(io.Writer) error) error {
	return writeAndRename(path, 0o666, true, write, os.Rename)
}

// WriteBytes writes b as Write does.
func WriteBytes(path string, b []byte) error { return Write(path, content(b)) }

// WriteScript is WriteBytes for a file that can be executed.
func WriteScript(path string, b []byte) error {
	return writeAndRename(path, 0o777, true, content(b), os.Rename)
}

// WriteTransient is WriteBytes without syncing. It suits a file that is soon replaced
// and has no use after a power cut.
func WriteTransient(path string, b []byte) error {
	return writeAndRename(path, 0o666, false, content(b), os.Rename)
}

// WriteNew is WriteBytes for a file that must not exist yet: if it does, the error
// wraps fs.ErrExist, and the existing file is unchanged.
func WriteNew(path string, b []byte) error {
	return writeAndRename(path, 0o666, true, content(b), func(tmp, path string) error {
		err := os.Link(tmp, path)
		if err == nil {
			return os.Remove(tmp)
		}
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		// A file system without hard links. The check and the rename are two steps here, so
		// a file that another process creates between them is lost.
		if _, err := os.Lstat(path); err == nil {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return os.Rename(tmp, path)
	})
}

// content returns a function that writes b.
func content(b []byte) func(io.Writer) error {
	return func(w io.Writer) error { _, err := w.Write(b); return err }
}

// writeAndRename writes a file under a temporary name, syncs it, and gives it its name. The order
// matters for a power cut: first the content must be on the disk, then the name.
func writeAndRename(path string, mode fs.FileMode, sync bool, write func(io.Writer) error, rename func(tmp,
	path string) error,
) (err error) {
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

// RestoreName replaces the temporary name in an error of the operating system by the
// final one, which is the name that the user knows.
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

// TemporaryName returns an unpredictable name in the directory of path. It is hidden,
// contains the name of path, and ends in Suffix.
func TemporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+truncateName(filepath.Base(path))+"."+rand.Text()+Suffix)
}

// truncateName cuts a name so that a temporary one is not longer than file systems allow.
func truncateName(base string) string {
	const maxBytes = 200 // file systems allow 255, and the random part needs some
	if len(base) <= maxBytes {
		return base
	}
	return strings.ToValidUTF8(base[:maxBytes], "") // the cut may be inside a character
}

// leftoverAge is the time without a write after which a temporary file counts as left
// over from a killed process.
const leftoverAge = time.Minute

// RemoveLeftovers removes temporary files for path that killed processes left behind.
// It keeps recent files, because another process may be writing them.
func RemoveLeftovers(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), Suffix) &&
			IsTemporary(e.Name(), base) && time.Since(info.ModTime()) > leftoverAge {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// IsTemporary reports whether name, without a directory, is a name that TemporaryName
// returns for a file called base. It also accepts the names of earlier versions, which
// had digits or lacked Suffix.
func IsTemporary(name, base string) bool {
	random, ok := strings.CutPrefix(name, "."+truncateName(base)+".")
	return ok && random != "" && !strings.Contains(strings.TrimSuffix(random, Suffix), ".")
}

// SyncDir syncs the names in a directory to disk, on systems that can do that. Without
// it, a power cut could undo a rename.
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
