package exchange

import (
	"archive/zip"
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nlpodyssey/safetensors"
)

// maxSafetensorsHeader is what the format allows.
const maxSafetensorsHeader = 100_000_000

// readSafetensors reads the header. The safetensors module parses the JSON; the
// rest is here because the module wants the whole file in memory.
func readSafetensors(c *container, size int64) error {
	var start [8]byte
	if _, err := c.file.ReadAt(start[:], 0); err != nil {
		return fmt.Errorf("the safetensors header is cut off: %w", unexpected(err))
	}
	n := binary.LittleEndian.Uint64(start[:])
	if n > maxSafetensorsHeader || int64(n) > size-8 {
		return fmt.Errorf("the safetensors header says it has %d bytes; the file has %d", n, size)
	}
	text := make([]byte, n)
	if _, err := c.file.ReadAt(text, 8); err != nil {
		return fmt.Errorf("the safetensors header is cut off: %w", unexpected(err))
	}
	var metadata safetensors.Metadata
	if err := metadata.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("the safetensors header is wrong: %w", err)
	}
	c.metadata = metadata.Metadata()
	return c.safetensorsArrays(metadata.Tensors(), int64(n)+8, size)
}

// safetensorsArrays turns the tensors of a header into arrays, in the order of
// their places. These must follow each other without gaps from the first byte
// after the header to the end of the file.
func (c *container) safetensorsArrays(tensors map[string]*safetensors.TensorInfo, payload, size int64) error {
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		info := tensors[name]
		a := array{name: name, element: safetensorsElements[info.DType.String()], shape: make([]int, len(info.Shape))}
		for i, d := range info.Shape {
			if d > math.MaxInt64 {
				return fmt.Errorf("tensor %q has shape %d, which is too large", name, info.Shape)
			}
			a.shape[i] = int(d)
		}
		from, to := info.DataOffsets[0], info.DataOffsets[1]
		want, ok := payloadBytes(a.shape, a.element.width)
		if !ok || to < from || to-from != uint64(want) {
			return fmt.Errorf("tensor %q of shape %v and type %s has bytes %d to %d", name, a.shape, a.element.name, from, to)
		}
		a.open = func() (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(c.file, payload+int64(from), want)), nil
		}
		c.arrays = append(c.arrays, a)
	}
	place := func(a array) [2]uint64 { return tensors[a.name].DataOffsets }
	slices.SortStableFunc(c.arrays, func(a, b array) int { // empty ones, which share a place, stay in the order of names
		p, q := place(a), place(b)
		return cmp.Or(cmp.Compare(p[0], q[0]), cmp.Compare(p[1], q[1]))
	})
	next := uint64(0)
	for _, a := range c.arrays {
		p := place(a)
		if p[0] != next {
			return fmt.Errorf("tensor %q begins at byte %d of the values, but the tensors before it end at %d", a.name, p[0], next)
		}
		next = p[1]
	}
	if have := uint64(size - payload); next != have {
		return fmt.Errorf("the tensors have %d bytes, and the file has %d for them", next, have)
	}
	return nil
}

// readNPY reads the header of a .npy file, which becomes one array named theta.
func readNPY(c *container, size int64) error {
	info, err := readNPYHeader(bufio.NewReader(io.NewSectionReader(c.file, 0, size)))
	if err != nil {
		return err
	}
	a, err := npyArray("theta", info, size-info.length)
	if err != nil {
		return err
	}
	a.open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(c.file, info.length, size-info.length)), nil
	}
	c.arrays = []array{a}
	return nil
}

// npyArray makes an array of a .npy header that is followed by so many bytes.
func npyArray(name string, info npyInfo, have int64) (array, error) {
	a := array{name: name, element: npyElement(info.descr), shape: info.shape, fortran: info.fortran}
	if a.element.class == unsupported {
		return a, nil // its size is not known, and it is not going to be read
	}
	want, ok := payloadBytes(info.shape, a.element.width)
	if !ok || want != have {
		return a, fmt.Errorf("array %q of shape %v and type %s has %d bytes", name, info.shape, a.element.name, have)
	}
	return a, nil
}

// maxInflation is what deflate can make of a byte: 258 from two bits, and a
// little for the frame.
const maxInflation = 1032

// readNPZ reads the directory of a zip archive and the header of each array.
func readNPZ(c *container, size int64) error {
	z, err := zip.NewReader(c.file, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are not used as paths
		return err
	}
	total := uint64(0) // entries that overlap would hold more than the file
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return fmt.Errorf("the archive has %q, which is no .npy file", f.Name)
		}
		packed, full := f.CompressedSize64, f.UncompressedSize64
		total += min(packed, uint64(size)+1)
		switch {
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return fmt.Errorf("array %q is compressed by method %d; 0 (none) and 8 (deflate) are read", name, f.Method)
		case total > uint64(size), full > maxInflation*(packed+1), f.Method == zip.Store && full != packed:
			return fmt.Errorf("array %q says it has %d bytes, packed %d; the file has %d", name, full, packed, size)
		}
		a, err := npzArray(name, f)
		if err != nil {
			return err
		}
		c.arrays = append(c.arrays, a)
	}
	return nil
}

func npzArray(name string, f *zip.File) (array, error) {
	r, err := f.Open()
	if err != nil {
		return array{}, fmt.Errorf("array %q: %w", name, err)
	}
	defer r.Close()
	info, err := readNPYHeader(r)
	if err != nil {
		return array{}, fmt.Errorf("array %q: %w", name, err)
	}
	a, err := npyArray(name, info, int64(f.UncompressedSize64)-info.length)
	a.open = func() (io.ReadCloser, error) {
		r, err := f.Open()
		if err == nil {
			_, err = io.CopyN(io.Discard, r, info.length)
		}
		return r, err
	}
	return a, err
}
