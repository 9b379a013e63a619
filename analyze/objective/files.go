package objective

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
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

// vector is a vector that a process shares with this one.
type vector struct {
	file *os.File // nil without a file
	n    int      // elements
	// mapped is its memory, where the system can do that: a copy into it takes a
	// fifth of the time that writing the file takes.
	mapped []byte
}

// files are the vectors that a process shares with this one.
type files struct {
	dir                string
	theta, state, grad vector
	vectors, products  vector // of a request for products
}

// newFiles makes them in memory where the system has a place for that and there is
// room, otherwise where temporary files go. Every byte is written once, so that
// room is there when it is needed.
func newFiles(parent string, theta, state, grad, vectors int) (*files, error) {
	places := []string{parent}
	if parent == "" {
		places = []string{"/dev/shm", os.TempDir()}
	}
	var err error
	for _, place := range places {
		f := &files{
			theta: vector{n: theta}, state: vector{n: state}, grad: vector{n: grad},
			vectors: vector{n: vectors}, products: vector{n: vectors},
		}
		if err = f.create(place); err == nil {
			return f, nil
		}
		f.close()
	}
	return nil, fmt.Errorf("not enough space for the vectors: %w", err)
}

func (f *files) create(place string) (err error) {
	removeStale(place)
	if f.dir, err = os.MkdirTemp(place, fmt.Sprintf("%s%d-*", prefix, os.Getpid())); err != nil {
		return err
	}
	for name, v := range map[string]*vector{
		"theta.f32": &f.theta, "state.f32": &f.state, "gradient.f32": &f.grad,
		"vectors.f32": &f.vectors, "products.f32": &f.products,
	} {
		if err := v.create(filepath.Join(f.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// prefix begins the name of a directory; the process that made it follows.
const prefix = "sgdwalk-objective-"

// removeStale removes what a program that was killed left at its start, before the
// first answer. A directory of the last hour may be in use from elsewhere.
func removeStale(place string) {
	dirs, _ := filepath.Glob(filepath.Join(place, prefix+"*")) // the pattern is sound
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.RemoveAll(dir)
		}
	}
}

func (v *vector) create(path string) (err error) {
	if v.n == 0 {
		return nil
	}
	if v.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	zero := make([]byte, 1<<20)
	for left := 4 * v.n; left > 0; left -= min(left, len(zero)) {
		if _, err = v.file.Write(zero[:min(left, len(zero))]); err != nil {
			return err
		}
	}
	v.mapped = mapFile(v.file, 4*v.n)
	return nil
}

func (v *vector) name() string {
	if v.file == nil {
		return ""
	}
	return v.file.Name()
}

// write puts the values into the file, from element at on.
func (v *vector) write(from []float32, at int) error {
	if v.mapped != nil {
		return carefully(func() { copy(v.mapped[4*at:], bytesOf(from)) })
	}
	_, err := v.file.WriteAt(bytesOf(from), int64(4*at))
	return err
}

// read gets the values from the file, from element at on.
func (v *vector) read(to []float32, at int) error {
	if v.mapped != nil {
		return carefully(func() { copy(bytesOf(to), v.mapped[4*at:]) })
	}
	_, err := v.file.ReadAt(bytesOf(to), int64(4*at))
	return err
}

// carefully makes an error of memory that is not there any more: somebody has cut
// the file.
func carefully(f func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a file of a vector has been cut (%v)", p)
		}
	}()
	f()
	return nil
}

func (v *vector) close() {
	if v.file != nil {
		unmap(v.mapped)
		_ = v.file.Close() // nothing in it is wanted any more
		v.file, v.mapped = nil, nil
	}
}

// put writes the point.
func (f *files) put(theta, state []float32) error {
	if len(theta) != f.theta.n {
		return fmt.Errorf("theta has %d elements; the layout has %d", len(theta), f.theta.n)
	}
	if len(state) != f.state.n {
		return fmt.Errorf("state has %d elements; the layout has %d", len(state), f.state.n)
	}
	if err := f.theta.write(theta, 0); err != nil || f.state.n == 0 {
		return err
	}
	return f.state.write(state, 0)
}

// unname takes the names away; the files stay as long as somebody has them open.
// A system that refuses does it in close.
func (f *files) unname() { os.RemoveAll(f.dir) }

func (f *files) close() {
	for _, v := range []*vector{&f.theta, &f.state, &f.grad, &f.vectors, &f.products} {
		v.close()
	}
	if f.dir != "" {
		os.RemoveAll(f.dir)
	}
}

var errBigEndian = errors.New("objective: this processor is big-endian; vectors are exchanged on little-endian ones " +
	"only")
