package objective

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"
)

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// bytesOf returns the memory of v.
func bytesOf(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// files are the vectors that a process shares with this one. They are written and
// not mapped here: a file system that is full is an error then, not a signal.
type files struct {
	dir                   string
	theta, state, grad    *os.File
	thetaN, stateN, gradN int
}

// newFiles makes them in memory where the system has a place for that and there is
// room, otherwise where temporary files go. Every byte is written once, so that
// room is there when it is needed.
func newFiles(parent string, theta, state, grad int) (*files, error) {
	places := []string{parent}
	if parent == "" {
		places = []string{"/dev/shm", os.TempDir()}
	}
	var err error
	for _, place := range places {
		f := &files{thetaN: theta, stateN: state, gradN: grad}
		if err = f.create(place); err == nil {
			return f, nil
		}
		f.close()
	}
	return nil, fmt.Errorf("there is no room for the vectors: %w", err)
}

func (f *files) create(place string) (err error) {
	if f.dir, err = os.MkdirTemp(place, "sgdwalk-objective-*"); err != nil {
		return err
	}
	zero := make([]byte, 1<<20)
	for _, v := range []struct {
		file **os.File
		name string
		n    int
	}{{&f.theta, "theta.f32", f.thetaN}, {&f.state, "state.f32", f.stateN}, {&f.grad, "gradient.f32", f.gradN}} {
		if v.n == 0 {
			continue
		}
		if *v.file, err = os.OpenFile(filepath.Join(f.dir, v.name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
		for left := 4 * v.n; left > 0; left -= min(left, len(zero)) {
			if _, err = (*v.file).Write(zero[:min(left, len(zero))]); err != nil {
				return err
			}
		}
	}
	return nil
}

func nameOf(f *os.File) string {
	if f == nil {
		return ""
	}
	return f.Name()
}

// put writes the point.
func (f *files) put(theta, state []float32) error {
	if len(theta) != f.thetaN {
		return fmt.Errorf("theta has %d elements; the layout has %d", len(theta), f.thetaN)
	}
	if len(state) != f.stateN {
		return fmt.Errorf("state has %d elements; the layout has %d", len(state), f.stateN)
	}
	if _, err := f.theta.WriteAt(bytesOf(theta), 0); err != nil {
		return err
	}
	if f.stateN > 0 {
		_, err := f.state.WriteAt(bytesOf(state), 0)
		return err
	}
	return nil
}

// unname takes the names away; the files stay as long as somebody has them open.
// A system that refuses does it in close.
func (f *files) unname() { os.RemoveAll(f.dir) }

func (f *files) close() {
	for _, file := range []*os.File{f.theta, f.state, f.grad} {
		if file != nil {
			_ = file.Close() // nothing in it is wanted any more
		}
	}
	if f.dir != "" {
		os.RemoveAll(f.dir)
	}
}

var errBigEndian = errors.New("objective: this processor is big-endian; vectors are exchanged on little-endian ones only")
