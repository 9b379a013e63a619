package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// maxValues limits the number of values that a header may announce. It also limits
// how much a small compressed file can make the program read.
const maxValues = math.MaxInt32

// mostDeflated bounds the size of decompressed data over that of the compressed: deflate needs at least two bits for
// 258 bytes.
const mostDeflated = 1032

// readIDX reads an IDX file of unsigned bytes with the given number of dimensions.
// A file whose name ends in .gz is decompressed. The format is a magic number (two
// zero bytes, the element type 0x08, the number of dimensions), the extents as
// big-endian uint32, and the elements in row-major order (Y. LeCun, C. Cortes,
// C. Burges, the MNIST database).
//
// The allocated memory grows with the bytes that the file really has, or can have after
// decompression, not with the length that its header announces.
func readIDX(path string, dimensions int) (extents []int, values []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r := io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: not a gzip file: %w", path, unexpectedEOF(err))
		}
		r = z
	}
	header := make([]byte, 4+4*dimensions)
	if n, err := io.ReadFull(r, header); err != nil {
		return nil, nil, fmt.Errorf("%s: the file ends after %d bytes, its header has %d: %w",
			path, n, len(header), unexpectedEOF(err))
	}
	want := uint32(0x0800 + dimensions)
	if magic := binary.BigEndian.Uint32(header); magic != want {
		return nil, nil, fmt.Errorf("%s: the magic number is 0x%08x, not 0x%08x (unsigned bytes in %d dimensions)",
			path, magic, want, dimensions)
	}
	total := 1
	for i := range dimensions {
		n := binary.BigEndian.Uint32(header[4+4*i:])
		if n < 1 || n > maxValues || total > maxValues/int(n) {
			return nil, nil, fmt.Errorf("%s: extent %d is %d; extents are at least 1 and their product at most %d",
				path, i+1, n, maxValues)
		}
		extents = append(extents, int(n))
		total *= int(n)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	most := info.Size()
	if strings.HasSuffix(path, ".gz") {
		most *= mostDeflated
	}
	var read bytes.Buffer
	read.Grow(int(min(int64(total), most)) + bytes.MinRead)
	_, err = read.ReadFrom(io.LimitReader(r, int64(total)+1))
	switch values = read.Bytes(); {
	case len(values) > total:
		return nil, nil, fmt.Errorf("%s: the file has more bytes than the %d values that its header announces",
			path, total)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: damaged after %d of %d values: %w", path, len(values), total, err)
	case len(values) < total:
		return nil, nil, fmt.Errorf("%s: the file ends after %d values, its header announces %d",
			path, len(values), total)
	}
	return extents, values, nil
}

// unexpectedEOF turns io.EOF, which would read like a normal end, into
// io.ErrUnexpectedEOF.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
