package arrowfile

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"sgdwalk/record"
	"sgdwalk/record/half"
)

// Views between float32 and bytes work on the memory as it is, and the format is
// little-endian. Big-endian machines are refused rather than served slowly by
// code that nobody could test.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

var errBigEndian = errors.New("arrowfile: this processor is big-endian; runs can be read and written on little-endian ones only")

// bytesOf returns the memory of v.
func bytesOf(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
}

// floatsOf returns b, whose address is a multiple of 4, as float32 values. The
// capacity ends with the values.
func floatsOf(b []byte) []float32 {
	if len(b) == 0 {
		return []float32{}
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// fromHalf returns the numbers of a vector that is kept in two bytes an element.
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
