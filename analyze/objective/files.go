package objective

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"sgdwalk/record/shared"
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
	file *shared.File // nil without a file
	n    int          // elements
}

// files are the vectors that a process shares with this one.
type files struct {
	folder             *shared.Folder
	theta, state, grad vector
	vectors, products  vector // of a request for products
}

// newFiles makes them in memory where the system has a place for that and there is
// enough space, otherwise in the folder of temporary files.
func newFiles(parent string, theta, state, grad, vectors int) (*files, error) {
	places := []string{parent}
	if parent == "" {
		places = []string{"/dev/shm", os.TempDir()}
	}
	f := &files{
		theta: vector{n: theta}, state: vector{n: state}, grad: vector{n: grad}, vectors: vector{n: vectors},
		products: vector{n: vectors},
	}
	all := map[string]*vector{
		"theta.f32": &f.theta, "state.f32": &f.state, "gradient.f32": &f.grad, "vectors.f32": &f.vectors,
		"products.f32": &f.products,
	}
	sizes := map[string]int{}
	for name, v := range all {
		if v.n > 0 {
			sizes[name] = 4 * v.n
		}
	}
	var err error
	if f.folder, err = shared.NewFolder(places, "sgdwalk-objective-", sizes); err != nil {
		return nil, fmt.Errorf("not enough space for the vectors: %w", err)
	}
	for name, v := range all {
		v.file = f.folder.Files[name]
	}
	return f, nil
}

func (v *vector) name() string {
	if v.file == nil {
		return ""
	}
	return v.file.Path
}

// write puts the values into the file, from element at on.
func (v *vector) write(from []float32, at int) error { return v.file.Write(bytesOf(from), 4*at) }

// read gets the values from the file, from element at on.
func (v *vector) read(to []float32, at int) error { return v.file.Read(bytesOf(to), 4*at) }

func (v *vector) close() {
	if v.file != nil {
		v.file.Close()
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

var errBigEndian = errors.New("objective: this processor is big-endian; vectors are exchanged on little-endian ones " +
	"only")
