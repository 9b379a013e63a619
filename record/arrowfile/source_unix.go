//go:build unix

package arrowfile

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"sgdwalk/record/internal/mapped"
	"sgdwalk/record/safefile"
)

// mapSource maps a segment into memory. It maps a growing segment in several pieces, so that
// views that were returned keep their address.
type mapSource struct {
	file   *os.File // nil once the file is frozen
	length atomic.Int64
	pieces atomic.Pointer[[]region]

	path     string
	info     os.FileInfo // of the mapped file
	reading  sync.Mutex  // held while the file is opened again
	reopened *os.File    // the descriptor of readAt; nil before its first use
}

// region is a mapped range of the file. It may extend beyond the end of the file; that part
// must not be read before the file has grown.
type region struct {
	offset int64
	memory []byte
}

// extraMapBytes is how much a growing file is mapped beyond its end. It costs only address
// space, and saves a new map at each refresh.
const extraMapBytes = 64 << 20

// openSource maps a segment.
func openSource(path string) (byteSource, error) {
	f, err := safefile.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	s := &mapSource{file: f, path: path}
	info, err := f.Stat()
	if err == nil {
		err = s.add(0, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	s.info = info
	s.length.Store(info.Size())
	return s, nil
}

// add maps n bytes from off on.
func (s *mapSource) add(off, n int64) error {
	m, err := mapped.Map(s.file, off, n)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if m == nil { // n is 0
		return nil
	}
	list := append(slices.Clone(s.list()), region{off, m})
	s.pieces.Store(&list)
	return nil
}

// list returns the mapped regions. The list is never changed in place, so that readers need no
// lock.
func (s *mapSource) list() []region {
	if p := s.pieces.Load(); p != nil {
		return *p
	}
	return nil
}

// bytes returns a view of the newest region that contains the range.
func (s *mapSource) bytes(off, n int64) ([]byte, error) {
	if err := checkRange(off, n, s.size()); err != nil || n == 0 {
		return nil, err
	}
	for _, p := range slices.Backward(s.list()) {
		if at := off - p.offset; at >= 0 && at+n <= int64(len(p.memory)) {
			return p.memory[at : at+n : at+n], nil
		}
	}
	return nil, fmt.Errorf("%d bytes from byte %d are not mapped", n, off)
}

// refresh maps the new part of a file that has outgrown its regions. A map begins at a page, so
// it may overlap an earlier region.
func (s *mapSource) refresh(from int64) error {
	if s.file == nil {
		return nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	size, mapped := info.Size(), int64(0)
	if list := s.list(); len(list) > 0 {
		last := list[len(list)-1]
		mapped = last.offset + int64(len(last.memory))
	}
	if size > mapped {
		begin := from &^ int64(os.Getpagesize()-1)
		if err := s.add(begin, max(size-begin, extraMapBytes)); err != nil {
			return err
		}
	}
	s.length.Store(size)
	return nil
}

// freeze closes the descriptor: a run may have more segments than a process may have open files.
func (s *mapSource) freeze() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close() // the maps outlive the descriptor
	s.file = nil
	return err
}

// release drops the resident pages of the maps. The maps are shared and read-only, so
// nothing is lost. After an error the pages only stay resident.
func (s *mapSource) release() {
	for _, p := range s.list() {
		mapped.Release(p.memory)
	}
}

// prefetch asks the system to read n bytes from off on, and does not wait.
func (s *mapSource) prefetch(off, n int64) {
	for _, p := range s.list() {
		if first := off - p.offset; first >= 0 && first+n <= int64(len(p.memory)) {
			mapped.Prefetch(p.memory, first, n)
			return
		}
	}
}

// maxDescriptors bounds the descriptors that all sources keep for readAt, because a run may
// have more segments than a process may have open files.
const maxDescriptors = 16

var openDescriptors atomic.Int64

// readAt reads into b from a separate descriptor, which is opened at its first use and must
// be the mapped file. When no descriptor is available, it copies from the map.
func (s *mapSource) readAt(b []byte, off int64) error {
	s.reading.Lock()
	f := s.reopened
	if f == nil {
		var err error
		if openDescriptors.Load() >= maxDescriptors {
			err = unix.EMFILE
		} else {
			f, err = safefile.Open(s.path, os.O_RDONLY)
		}
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			s.reading.Unlock()
			return s.copyAt(b, off)
		}
		if err != nil {
			s.reading.Unlock()
			return err
		}
		now, err := f.Stat()
		if err == nil && !os.SameFile(now, s.info) {
			err = fmt.Errorf("%s was replaced by another file", s.path)
		}
		if err != nil {
			s.reading.Unlock()
			f.Close()
			return err
		}
		s.reopened = f
		openDescriptors.Add(1)
	}
	s.reading.Unlock()
	_, err := f.ReadAt(b, off)
	return err
}

// copyAt does what readAt does, from the map.
func (s *mapSource) copyAt(b []byte, off int64) error {
	from, err := s.bytes(off, int64(len(b)))
	if err != nil {
		return err
	}
	return mapped.Catch(func() { copy(b, from) })
}

// nextData returns the first offset at or after off that is not in a hole of the file, where
// all bytes are zero. It returns off when the system does not know.
func (s *mapSource) nextData(off int64) int64 {
	if s.file == nil {
		return off
	}
	at, err := seekData(s.file, off)
	switch {
	case errors.Is(err, unix.ENXIO): // a hole up to the end
		return s.size()
	case err != nil:
		return off
	}
	return at
}

func (s *mapSource) size() int64  { return s.length.Load() }
func (s *mapSource) mapped() bool { return true }

// close unmaps the file.
func (s *mapSource) close() error {
	err := s.freeze()
	if s.reopened != nil {
		if closeErr := s.reopened.Close(); err == nil {
			err = closeErr
		}
		s.reopened = nil
		openDescriptors.Add(-1)
	}
	for _, p := range s.list() {
		if unmapErr := mapped.Unmap(p.memory); unmapErr != nil && err == nil {
			err = unmapErr
		}
	}
	s.pieces.Store(nil)
	s.length.Store(0)
	return err
}
