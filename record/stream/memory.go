package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"sgdwalk/record"
	"sgdwalk/record/shared"
)

// Memory is where a producer puts its frames, instead of sending them through the pipe. Its JSON is what the producer
// needs to use it.
type Memory struct {
	Path   string `json:"path"`   // of the file that the producer maps
	Frames int64  `json:"frames"` // number of slots
	Bytes  int64  `json:"bytes"`  // size of a slot

	folder          *shared.Folder
	data            []byte
	announced, done int64 // frames
	isReading       bool  // frame number done is being used
}

// The memory begins with the number of frames that are done. The slots follow, each at a multiple of memoryPage.
// Frame n is in slot n modulo Memory.Frames.
const memoryPage = 4096

// The number of slots: as many as are in memoryBytes, but within these limits. One frame is filled while another one
// is written; the others bridge a slow write.
const (
	memoryBytes = 1 << 20
	leastFrames = 3
	mostFrames  = 64

	maxMemory = 4 << 30 // a wrong header line must not fill the memory of the machine
)

// newMemory makes the memory for the frames of a run. It returns an error where memory cannot be shared.
func newMemory(h *record.Header) (*Memory, error) {
	if !littleEndian {
		return nil, errors.ErrUnsupported
	}
	size := int64(headBytes + 8*len(h.Groups))
	recorded := [3]bool{h.Columns.Theta, h.Columns.Grad, h.Columns.State}
	for i, n := range h.VectorLens() {
		if recorded[i] {
			size += 4 * int64(n)
		}
	}
	size = (size + memoryPage - 1) &^ (memoryPage - 1)
	m := &Memory{Bytes: size, Frames: min(max(leastFrames, memoryBytes/size), mostFrames)}
	if all := m.Frames * size; all > maxMemory || int64(int(all)) != all {
		return nil, fmt.Errorf("%d frames of %d bytes are more than %d bytes", m.Frames, size, int64(maxMemory))
	}
	var err error
	if m.folder, err = shared.NewFolder(shared.InMemory(), "sgdwalk-frames-", map[string]int{
		"frames": int(memoryPage + m.Frames*size),
	}); err != nil {
		return nil, err
	}
	file := m.folder.Files["frames"]
	if m.Path, m.data = file.Path, file.Bytes; m.data == nil {
		m.folder.Close()
		return nil, errors.ErrUnsupported
	}
	return m, nil
}

// announce notes that the first n frames are complete. The producer says so through the pipe, after it has filled
// them: system calls on both sides order the accesses to the memory.
func (m *Memory) announce(n int64) error {
	if n < m.announced || n > m.done+m.Frames {
		return fmt.Errorf("%d frames are announced in the memory; it must be %d to %d", n, m.announced,
			m.done+m.Frames)
	}
	m.announced = n
	return nil
}

// next returns the memory of the next frame, which is valid until the next call; nil when no frame is waiting.
func (m *Memory) next() []byte {
	if m == nil {
		return nil
	}
	if m.isReading {
		m.isReading = false
		m.done++
		atomic.StoreInt64((*int64)(unsafe.Pointer(&m.data[0])), m.done) // the producer may fill the slot again
	}
	if m.done == m.announced {
		return nil
	}
	m.isReading = true
	at := memoryPage + m.done%m.Frames*m.Bytes
	return m.data[at : at+m.Bytes : at+m.Bytes]
}

// floatsAt returns a view of n elements of a frame.
func floatsAt(frame []byte, at, n int) []float32 {
	if n == 0 {
		return []float32{}
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&frame[at : at+4*n][0])), n)
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
