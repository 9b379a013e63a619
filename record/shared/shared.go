// Package shared makes files that this process and another one map into memory, so that they
// exchange vectors without a pipe.
//
//  1. [NewFolder] makes a private folder with files of the given sizes. In /dev/shm they are
//     in memory.
//  2. The other process opens the files by their names. Then [Folder.RemoveNames] removes the
//     names; the files exist as long as a process has them open.
//  3. [File.Write] and [File.Read] copy to and from a file; File.Bytes is its memory.
//  4. [Folder.Close] ends everything.
package shared

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"sgdwalk/record/internal/mapped"
)

// A Folder has files that another process opens.
type Folder struct {
	Files map[string]*File // by their names
	path  string
}

// A File is shared with another process. Its size never changes.
type File struct {
	Path  string
	Bytes []byte // the memory of the file; nil where the system does not map files
	file  *os.File
}

// InMemory returns the places whose files are in memory and are not written to a disk: /dev/shm where it exists, and
// nothing else on Linux. Other systems have no such place; there the folder of temporary files is returned, whose
// files are in memory while they are used.
func InMemory() []string {
	if _, err := os.Stat("/dev/shm"); err == nil || runtime.GOOS == "linux" {
		return []string{"/dev/shm"}
	}
	return []string{os.TempDir()}
}

// NewFolder makes a folder in the first of the places that exists and has enough space. The name
// of the folder begins with prefix. sizes has the size of every file in bytes. Every byte is
// written once, so that the space exists when it is used. NewFolder removes folders with the
// same prefix that are older than an hour, because their processes were killed at their start;
// younger ones may be in use.
func NewFolder(places []string, prefix string, sizes map[string]int) (f *Folder, err error) {
	err = os.ErrNotExist // without a place
	for _, place := range places {
		removeStale(place, prefix)
		f = &Folder{Files: map[string]*File{}}
		if err = f.create(place, prefix, sizes); err == nil {
			return f, nil
		}
		f.Close()
	}
	return nil, err
}

func (f *Folder) create(place, prefix string, sizes map[string]int) (err error) {
	if f.path, err = os.MkdirTemp(place, fmt.Sprintf("%s%d-*", prefix, os.Getpid())); err != nil {
		return err
	}
	for name, size := range sizes {
		if f.Files[name], err = newFile(filepath.Join(f.path, name), size); err != nil {
			return err
		}
	}
	return nil
}

// removeStale removes the folders that killed processes have left.
func removeStale(place, prefix string) {
	folders, _ := filepath.Glob(filepath.Join(place, prefix+"*")) // the pattern is valid
	for _, folder := range folders {
		if info, err := os.Stat(folder); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.RemoveAll(folder)
		}
	}
}

func newFile(path string, size int) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, min(size, 1<<20))
	for left := size; left > 0; left -= min(left, len(zeros)) {
		if _, err := file.Write(zeros[:min(left, len(zeros))]); err != nil {
			file.Close()
			return nil, err
		}
	}
	f := &File{Path: path, file: file}
	if f.Bytes, err = mapped.MapShared(file, size); err != nil {
		f.Bytes = nil // Write and Read use the file
	}
	return f, nil
}

// Write copies b into the file, from byte at on.
func (f *File) Write(b []byte, at int) error {
	if f.Bytes != nil { // this takes a fifth of the time
		return f.catch(func() { copy(f.Bytes[at:], b) })
	}
	_, err := f.file.WriteAt(b, int64(at))
	return err
}

// Read copies the file into b, from byte at on.
func (f *File) Read(b []byte, at int) error {
	if f.Bytes != nil {
		return f.catch(func() { copy(b, f.Bytes[at:]) })
	}
	_, err := f.file.ReadAt(b, int64(at))
	return err
}

// catch runs a function that uses the memory of the file. It returns an error when another process
// has cut the file.
func (f *File) catch(use func()) error {
	if err := mapped.Catch(use); err != nil {
		return fmt.Errorf("the shared file %s has been cut: %w", filepath.Base(f.Path), err)
	}
	return nil
}

// Close unmaps and closes the file.
func (f *File) Close() {
	_ = mapped.Unmap(f.Bytes) // its content is no longer needed
	_ = f.file.Close()
	f.Bytes = nil
}

// RemoveNames removes the folder and the names of the files. Where the system refuses that, Close
// does it.
func (f *Folder) RemoveNames() { os.RemoveAll(f.path) }

// Close closes all files and removes the folder.
func (f *Folder) Close() {
	for _, file := range f.Files {
		if file != nil {
			file.Close()
		}
	}
	if f.path != "" {
		os.RemoveAll(f.path)
	}
}
