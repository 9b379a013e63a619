package exchange

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"
)

// array is one named array in a file. Its shape times its element's width are
// bytes that the file was found to hold, if it is not compressed, and at most
// maxInflation times the file's size if it is.
type array struct {
	name    string
	element element
	shape   []int
	fortran bool   // the first index varies fastest
	same    string // the array before it whose elements these are: a tied tensor; "" for others
	open    func() (io.ReadCloser, error)
	fill    func(r io.Reader, dst []float32) error // reads what open opens, when that is not the elements one after the other; nil otherwise
}

// length is the number of elements.
func (a *array) length() int {
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	return n
}

// payloadBytes returns the bytes of an array of that shape, or false when they
// are too many to count.
func payloadBytes(shape []int, width int) (int64, bool) {
	n := int64(width)
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt64/int64(d) {
			return 0, false
		}
		n *= int64(d)
	}
	return n, true
}

// container is an open file of arrays.
type container struct {
	path     string
	key      string // of a .pt file, where in it the state dict is; "" finds it
	format   format
	file     io.ReaderAt
	closer   io.Closer
	arrays   []array // in the order in which the file has them
	metadata map[string]string
	notes    []string // what was decided that the user should know
}

func (c *container) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// openContainer opens a file and reads its directory. The key is that of a state dict
// in a .pt file.
func openContainer(path, key string) (*container, error) {
	if err := checkName(path); err != nil {
		return nil, fmt.Errorf("exchange: %s: %w", path, err)
	}
	f, info, err := openFile(path)
	if err != nil {
		return nil, err
	}
	c, err := newContainer(path, key, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	c.closer = f
	return c, nil
}

// newContainer reads the directory of a file: names, types and shapes, no
// values. No length in the file is believed before it was compared with what
// the file holds. The content says what the file is.
func newContainer(path, key string, file io.ReaderAt, size int64) (*container, error) {
	c := &container{path: path, key: key, file: file}
	err := c.readDirectory(size)
	if err == nil {
		err = c.checkNames()
	}
	if err != nil {
		return nil, c.errorf("%w", err)
	}
	return c, nil
}

func (c *container) readDirectory(size int64) error {
	format, z, err := recognize(c.path, c.file, size)
	if err != nil {
		return err
	}
	c.format = format
	if c.key != "" && format != torchFormat {
		return fmt.Errorf("the state dict is wanted from its key %q; only files of torch.save have keys, and this is a %s file", c.key, format)
	}
	switch format {
	case npyFormat:
		return readNPY(c, size)
	case npzFormat:
		return readNPZ(c, z, size)
	case safetensorsFormat:
		return readSafetensors(c, size)
	default:
		return readPT(c, z, size)
	}
}

func (c *container) errorf(format string, args ...any) error {
	return fmt.Errorf("exchange: %s: "+format, append([]any{c.path}, args...)...)
}

func (c *container) Close() error { return c.closer.Close() }

func (c *container) checkNames() error {
	seen := make(map[string]bool, len(c.arrays))
	for _, a := range c.arrays {
		switch {
		case a.name == "" || !utf8.ValidString(a.name):
			return fmt.Errorf("an array is named %q; names must be UTF-8 and not empty", a.name)
		case seen[a.name]:
			return fmt.Errorf("two arrays are named %q", a.name)
		}
		seen[a.name] = true
	}
	return nil
}

// lookup returns the array of that name, or nil.
func (c *container) lookup(name string) *array {
	i := slices.IndexFunc(c.arrays, func(a array) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return &c.arrays[i]
}

// floats reads an array into dst, row-major, whatever the order in the file.
func (c *container) floats(a *array, dst []float32) error {
	target := dst
	if a.fortran && len(a.shape) > 1 {
		target = make([]float32, len(dst))
	}
	if err := c.read(a, func(r io.Reader) error {
		if a.fill != nil {
			return a.fill(r, target)
		}
		return a.element.readFloats(r, target, make([]byte, min(chunkBytes, 8*len(target))))
	}); err != nil {
		return err
	}
	if a.fortran && len(a.shape) > 1 {
		rowMajor(dst, target, a.shape)
	}
	return nil
}

// read opens an array, has it used and reads it to its end, which is where the
// checksum of a zip archive is compared.
func (c *container) read(a *array, use func(io.Reader) error) error {
	r, err := a.open()
	if err != nil {
		return c.errorf("array %q: %w", a.name, err)
	}
	defer r.Close()
	if err = use(r); err == nil {
		err = atEnd(r)
	}
	if errors.Is(err, zip.ErrChecksum) {
		return c.errorf("array %q is damaged: its checksum is not that of its values (%w)", a.name, err)
	}
	if err != nil {
		return c.errorf("array %q: %w", a.name, err)
	}
	return nil
}

// atEnd reports an error when r has more, or when what was read was damaged.
func atEnd(r io.Reader) error {
	n, err := io.ReadFull(r, make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("it has more bytes than its shape says")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// rowMajor copies src, whose first index varies fastest, into dst, whose last does.
func rowMajor(dst, src []float32, shape []int) {
	index := make([]int, len(shape))
	for i := range dst {
		at, stride := 0, 1
		for d, n := range shape {
			at += index[d] * stride
			stride *= n
		}
		dst[i] = src[at]
		for d := len(shape) - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
}
