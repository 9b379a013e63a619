package exchange

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strings"
)

// readNPY reads the header of a .npy file. The file becomes one array named theta.
func readNPY(c *container, size int64) error {
	info, err := readNPYHeader(bufio.NewReader(io.NewSectionReader(c.file, 0, size)))
	if err != nil {
		return err
	}
	a, err := npyArray("theta", info, size-info.length)
	if err != nil {
		return err
	}
	a.from = info.length
	a.open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(c.file, info.length, size-info.length)), nil
	}
	c.arrays = []array{a}
	return nil
}

// npyArray makes an array of a .npy header that is followed by have bytes of values.
func npyArray(name string, info npyInfo, have int64) (array, error) {
	a := array{name: name, element: npyElement(info.descr), shape: info.shape}
	if a.element.class == unsupported {
		return a, nil // its size is not known, but it will not be read
	}
	want, ok := payloadBytes(info.shape, a.element.width)
	if !ok || want != have {
		return a, fmt.Errorf("array %q of shape %v and type %s has %d bytes", name, info.shape, a.element.name, have)
	}
	if info.fortran && want > 0 {
		a.strides, _ = stridesOf(a.shape, fortranStrides(a.shape))
	}
	return a, nil
}

// maxInflation is the largest ratio of deflate: it can encode 258 bytes in two bits.
const maxInflation = 1032

// readNPZ reads the header of each array of a zip archive.
func readNPZ(c *container, z *zip.Reader, size int64) error {
	total := uint64(0) // packed bytes so far; entries that overlap would exceed the file
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			c.note("the entry %q is left out: it is not a .npy file", f.Name)
			continue
		}
		// The sizes in a zip archive are only claims. They are compared with the size of the
		// file and with the limit of deflate before anything is read.
		packed, full := f.CompressedSize64, f.UncompressedSize64
		total += min(packed, uint64(size)+1)
		switch {
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return fmt.Errorf("array %q is compressed by method %d; allowed are 0 (none) and 8 (deflate)", name,
				f.Method)
		case total > uint64(size), full > maxInflation*(packed+1), f.Method == zip.Store && full != packed:
			return fmt.Errorf("array %q claims %d bytes, packed into %d; the file has %d", name, full, packed, size)
		}
		a, err := npzArray(name, f)
		if err != nil {
			return err
		}
		c.arrays = append(c.arrays, a)
	}
	return nil
}

// npzArray reads the .npy header of one entry of an archive.
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
	a.from, a.entry = info.length, f
	a.open = func() (io.ReadCloser, error) {
		r, err := f.Open()
		if err == nil {
			_, err = io.CopyN(io.Discard, r, info.length)
		}
		return r, err
	}
	return a, err
}
