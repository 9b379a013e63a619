package exchange

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"sgdwalk/record/internal/mapped"
)

// fileID is a file as it was examined. A file with another size or time has changed since.
type fileID struct {
	path     string
	size     int64
	modified int64 // nanoseconds since 1970
}

var errChanged = errors.New("the file has changed since it was examined")

// compare returns errChanged for another size or time.
func (f *fileID) compare(now fs.FileInfo) error {
	if now.Size() != f.size || now.ModTime().UnixNano() != f.modified {
		return errChanged
	}
	return nil
}

// check looks at the file again.
func (f *fileID) check() error {
	now, err := os.Stat(f.path)
	if err == nil {
		err = f.compare(now)
	}
	return err
}

// maxMaps bounds the number of files that the process maps at the same time, because the
// system allows about 65,000 maps. Further files are read instead.
const maxMaps = 16384

var openMaps atomic.Int64

// dataFile is a file of a checkpoint. It is mapped when it is read first, and keeps no
// descriptor. Its methods may be called from several goroutines, except for unmap.
type dataFile struct {
	fileID
	opening  sync.Mutex
	isOpened bool        // the file was opened, and is in memory if it could be mapped
	memory   []byte      // the map; nil for a file that is read instead
	touched  atomic.Bool // pages of the map may be resident
}

// open opens the file, which must be the one that was examined.
func (f *dataFile) open() (*os.File, error) {
	file, info, err := openFile(f.path)
	if err != nil {
		return nil, err
	}
	if err := f.compare(info); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// view returns the mapped file, nil when it cannot be mapped.
func (f *dataFile) view() ([]byte, error) {
	f.opening.Lock()
	defer f.opening.Unlock()
	if f.isOpened {
		return f.memory, nil
	}
	if openMaps.Add(1) > maxMaps {
		openMaps.Add(-1)
		return nil, nil
	}
	file, err := f.open()
	if err == nil {
		f.memory, _ = mapped.Map(file, 0, f.size) // a file that cannot be mapped is read
		f.isOpened = true
		file.Close()
	}
	if f.memory == nil {
		openMaps.Add(-1)
	}
	return f.memory, err
}

// bytes returns n bytes from an offset on: a view of the map, or new memory. The caller
// reads a view inside of mapped.Catch.
func (f *dataFile) bytes(offset, n int64) ([]byte, error) {
	memory, err := f.view()
	if err != nil {
		return nil, err
	}
	if memory != nil {
		f.touched.Store(true)
		return memory[offset : offset+n : offset+n], nil
	}
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b := make([]byte, n)
	_, err = file.ReadAt(b, offset)
	return b, unexpected(err)
}

// release drops the resident pages.
func (f *dataFile) release() {
	if f.touched.Load() && f.touched.Swap(false) {
		mapped.Release(f.memory)
	}
}

// unmap ends the map. Views must not be used any more; the next read maps the file again.
func (f *dataFile) unmap() error {
	m := f.memory
	f.memory, f.isOpened = nil, false
	if m == nil {
		return nil
	}
	openMaps.Add(-1)
	return mapped.Unmap(m)
}

// floatView returns the memory of b as float32 values, and false when the address does not
// allow that.
func floatView(b []byte) ([]float32, bool) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !isLittleEndian || len(b) == 0 || uintptr(p)%4 != 0 {
		return nil, false
	}
	n := len(b) / 4
	return unsafe.Slice((*float32)(p), n)[:n:n], true
}
