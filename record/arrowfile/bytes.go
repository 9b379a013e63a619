package arrowfile

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"sgdwalk/record"
	"sgdwalk/record/half"
)

// The format is little-endian, and views between float32 and bytes use the memory without
// conversion. Big-endian processors are refused, because code for them would be slow and
// nobody could test it.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

var errBigEndian = errors.New("arrowfile: this processor is big-endian; only little-endian processors can read and " +
	"write runs")

// bytesOf returns the memory of v as bytes, not a copy.
func bytesOf(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// floatsOf returns the memory of b as float32 values, not a copy. The address of b must be
// a multiple of 4. The capacity of the result is its length.
func floatsOf(b []byte) []float32 {
	if len(b) == 0 {
		return []float32{}
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// fromHalf converts a vector of 16-bit elements to a new slice.
func fromHalf(b []byte, dtype string) []float32 {
	from := half.FromFloat16
	if dtype == record.BFloat16 {
		from = half.FromBFloat16
	}
	out := make([]float32, len(b)/2)
	for i := range out {
		out[i] = from(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return out
}
