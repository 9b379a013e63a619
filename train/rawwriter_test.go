package train_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// rawWriter is the fastest possible sink, to compare the recording format with. It
// copies the vectors of a row into one of a few recycled buffers, and a goroutine
// writes each buffer with one write(2). It checks nothing, and no reader
// understands its file.
type rawWriter struct {
	header *record.Header
	file   *os.File
	free   chan []byte // room for all buffers
	full   chan []byte // likewise
	done   chan error
	closed bool
}

var _ flusher = (*rawWriter)(nil)

// openRaw returns a writer with the same number of buffers as an Async sink. A
// buffer has the size of a row in the recording format.
func openRaw(dir string, h *record.Header) (flusher, error) {
	overhead, _, err := arrowfile.Overhead(h)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(dir)
	if err != nil {
		return nil, err
	}
	size := int(overhead)
	theta := make([]float32, h.Layout.Len())
	for _, v := range vectors(h, theta, theta, make([]float32, h.State.Len())) {
		size += 4 * len(v)
	}
	const buffers = arrowfile.DefaultQueue + 1
	f := &rawWriter{
		header: h, file: file,
		free: make(chan []byte, buffers), full: make(chan []byte, buffers), done: make(chan error, 1),
	}
	for range buffers {
		f.free <- make([]byte, size)
	}
	go f.write()
	return f, nil
}

func (f *rawWriter) write() {
	var failed error
	for b := range f.full {
		if _, err := f.file.Write(b); err != nil && failed == nil {
			failed = err
		}
		f.free <- b
	}
	f.done <- failed
}

// Append copies the row and queues it for the goroutine.
func (f *rawWriter) Append(s *record.Step) error {
	b := <-f.free
	at := 0
	for _, v := range vectors(f.header, s.Theta, s.Grad, s.State) {
		at += copy(b[at:], unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v)))
	}
	f.full <- b
	return nil
}

// Flush waits until all buffers are written.
func (f *rawWriter) Flush() error {
	var all [arrowfile.DefaultQueue + 1][]byte
	for i := range all {
		all[i] = <-f.free
	}
	for _, b := range all {
		f.free <- b
	}
	return nil
}

// Close ends the goroutine and returns its first error.
func (f *rawWriter) Close() error {
	if f.closed {
		return nil
	}
	f.closed = true
	close(f.full)
	return errors.Join(<-f.done, f.file.Close())
}

// TestRawWriter: the raw writer really writes all bytes, so that the comparison is
// fair.
func TestRawWriter(t *testing.T) {
	h := header()
	h.State, h.Columns.State = nil, false
	path := filepath.Join(t.TempDir(), "rows")
	f, err := openRaw(path, h)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 5
	for k := range rows {
		if err := f.Append(&record.Step{Theta: []float32{float32(k)}, Grad: []float32{-1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	overhead, _, err := arrowfile.Overhead(h)
	if err != nil {
		t.Fatal(err)
	}
	size := int(overhead) + 8
	if len(b) != rows*size {
		t.Fatalf("%d bytes after Flush, want %d rows of %d", len(b), rows, size)
	}
	for k := range rows {
		row := b[k*size:]
		if theta := math.Float32frombits(binary.LittleEndian.Uint32(row)); theta != float32(k) {
			t.Errorf("row %d has theta %v", k, theta)
		}
		if grad := math.Float32frombits(binary.LittleEndian.Uint32(row[4:])); grad != -1 {
			t.Errorf("row %d has grad %v", k, grad)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
