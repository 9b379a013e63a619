package exchange

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"

	"sgdwalk/record/internal/mapped"
)

// array is one named array in a file. Its size in bytes was compared with the size of the
// file: it is at most maxInflation times as large in a compressed file, and not larger in
// an uncompressed one. So memory for an array is safe to allocate.
type array struct {
	name    string
	path    string // of the file
	element element
	shape   []int
	strides []int  // in elements, for each dimension; nil for contiguous elements in row-major order
	tiedTo  string // name of an earlier array with the same elements, for a tied tensor; else ""
	file    int    // index of its file among the files of the container
	// from is the byte of the first element: in the file, or in the entry of a zip archive
	from  int64
	entry *zip.File // nil for a file without entries
	// open reads the bytes from the first to the last element. It compares the checksum of an
	// entry.
	open func() (io.ReadCloser, error)
}

// length returns the number of elements.
func (a *array) length() int {
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	return n
}

// span returns the number of bytes from the first to the last element.
func (a *array) span() int64 {
	n := int64(a.length())
	if a.strides != nil && n > 0 {
		_, n = stridesOf(a.shape, a.strides)
	}
	return n * int64(a.element.width)
}

// isPlain reports whether the file has the elements without compression, so that each of them
// can be read alone.
func (a *array) isPlain() bool { return a.entry == nil || a.entry.Method == zip.Store }

// offset returns the byte of the first element in the file of an array that isPlain.
func (a *array) offset() (int64, error) {
	if a.entry == nil || a.length() == 0 {
		return a.from, nil
	}
	at, err := a.entry.DataOffset()
	if err != nil {
		return 0, damagedEntry(a.entry, err)
	}
	return at + a.from, nil
}

// payloadBytes returns the size of an array with this shape, and false when it exceeds an
// int64.
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

// container is an open file with arrays.
type container struct {
	path     string
	files    []fileID // the file, or the shards
	key      string   // path of the state dict in a .pt file; "" finds it
	format   format
	file     io.ReaderAt
	closer   io.Closer
	arrays   []array // in the order in which the file has them
	metadata map[string]string
	notes    []string // sentences for the user about decisions
}

// note adds a sentence for the user.
func (c *container) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// openContainer opens a file and reads its list of arrays. The key is the path of the
// state dict in a .pt file.
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
	c.closer, c.files = f, []fileID{{path, info.Size(), info.ModTime().UnixNano()}}
	return c, nil
}

// newContainer reads the list of arrays of a file: names, types and shapes, but no values.
// The content of the file decides its format.
func newContainer(path, key string, file io.ReaderAt, size int64) (*container, error) {
	c := &container{path: path, key: key, file: file}
	err := c.readContents(size)
	if err == nil {
		err = c.checkNames()
	}
	if err != nil {
		return nil, c.errorf("%w", err)
	}
	for i := range c.arrays {
		c.arrays[i].path = path
	}
	return c, nil
}

// readContents finds the format and calls its reader.
func (c *container) readContents(size int64) error {
	format, z, err := recognize(c.path, c.file, size)
	if err != nil {
		return err
	}
	c.format = format
	if c.key != "" && format != torchFormat {
		return fmt.Errorf("the option key is %q, but only files of torch.save have keys, and this is a %s file; "+
			"leave the option out", c.key, format)
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

// errorf returns an error that names the file.
func (c *container) errorf(format string, args ...any) error {
	return fileErrorf(c.path, format, args...)
}

// fileErrorf returns an error that names a file, in the same form for all kinds of files.
func fileErrorf(path, format string, args ...any) error {
	return fmt.Errorf("exchange: %s: "+format, append([]any{path}, args...)...)
}

func (c *container) Close() error { return c.closer.Close() }

// checkNames returns an error for empty, invalid and repeated names, which a recording cannot have.
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

// floats reads an array into dst in row-major order. For an array in another order, it needs
// the memory of the array in the file in addition.
func (c *container) floats(a *array, dst []float32) error {
	return c.read(a, func(r io.Reader) error {
		if a.strides == nil {
			return a.element.readFloats(r, dst, make([]byte, min(chunkBytes, 8*len(dst))))
		}
		b := make([]byte, a.span())
		if _, err := io.ReadFull(r, b); err != nil {
			return unexpected(err)
		}
		return a.gather(dst, 0, b)
	})
}

// read opens an array, calls use with it, and reads it to its end: only there does the zip
// reader compare the checksum.
func (c *container) read(a *array, use func(io.Reader) error) error {
	r, err := a.open()
	if err != nil {
		return c.errorf("array %q: %w", a.name, err)
	}
	defer r.Close()
	if err = use(r); err == nil {
		err = expectEnd(r)
	}
	return arrayError(c.path, a.name, err)
}

// arrayError returns the error of reading an array of a file, or nil.
func arrayError(path, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errChanged), errors.Is(err, mapped.ErrFault): // the file, and not only the array
		return fileErrorf(path, "%w", err)
	case errors.Is(err, zip.ErrChecksum):
		return fileErrorf(path, "array %q is damaged: its values do not match its checksum (%w)", name, err)
	}
	return fileErrorf(path, "array %q: %w", name, err)
}

// expectEnd returns an error when r has more bytes, or when its checksum does not match.
func expectEnd(r io.Reader) error {
	n, err := io.ReadFull(r, make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("it has more bytes than its shape says")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}
