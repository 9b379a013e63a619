package safefile

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// How long Append waits for other processes that append in the same directory.
const (
	appendTries = 400
	appendPause = 25 * time.Millisecond
)

// Append adds one line to the end of a plain file, and syncs it to disk. It creates a missing
// file. Several processes may append at the same time: each locks the directory for a moment,
// and waits up to ten seconds for the others. After an interrupted Append, the file may end
// in a part of a line; the next Append starts on a new line.
func Append(path, line string) (err error) {
	var unlock func() error
	for try := 0; ; try++ {
		if unlock, err = Lock(filepath.Dir(path)); err == nil {
			break
		}
		if !errors.Is(err, ErrBusy) || try == appendTries {
			return err
		}
		time.Sleep(appendPause)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	f, err := Open(path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	text := line + "\n"
	if size := info.Size(); size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			text = "\n" + text
		}
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}
