package dataset

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// maxValues bounds the number of values a file may announce, and with it what a
// small compressed file can make the program read.
const maxValues = math.MaxInt32

// readIDX reads an IDX file of unsigned bytes with the given number of
// dimensions, plain or, when its name ends in .gz, compressed. The format is a
// magic number (two zero bytes, the element type 0x08, the number of
// dimensions), the extents as big-endian uint32, and the elements in row-major
// order (Y. LeCun, C. Cortes, C. Burges, the MNIST database).
//
// The memory it takes grows with the bytes that are really there, never with a
// length that the file merely announces.
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
			return nil, nil, fmt.Errorf("%s: not a gzip file: %w", path, noEOF(err))
		}
		r = z
	}
	header := make([]byte, 4+4*dimensions)
	if n, err := io.ReadFull(r, header); err != nil {
		return nil, nil, fmt.Errorf("%s: the file ends after %d bytes, its header has %d: %w", path, n, len(header), noEOF(err))
	}
	want := uint32(0x0800 + dimensions)
	if magic := binary.BigEndian.Uint32(header); magic != want {
		return nil, nil, fmt.Errorf("%s: the magic number is 0x%08x, not 0x%08x (unsigned bytes in %d dimensions)", path, magic, want, dimensions)
	}
	total := 1
	for i := range dimensions {
		n := binary.BigEndian.Uint32(header[4+4*i:])
		if n < 1 || n > maxValues || total > maxValues/int(n) {
			return nil, nil, fmt.Errorf("%s: extent %d is %d; extents are at least 1 and their product at most %d", path, i+1, n, maxValues)
		}
		extents = append(extents, int(n))
		total *= int(n)
	}
	values, err = io.ReadAll(io.LimitReader(r, int64(total)+1))
	switch {
	case len(values) > total:
		return nil, nil, fmt.Errorf("%s: the file goes on after the %d values that its header announces", path, total)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: damaged after %d of %d values: %w", path, len(values), total, err)
	case len(values) < total:
		return nil, nil, fmt.Errorf("%s: the file ends after %d values, its header announces %d", path, len(values), total)
	}
	return extents, values, nil
}

// noEOF names an end of file where there should be more what it is.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
