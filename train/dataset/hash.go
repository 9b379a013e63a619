package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"unsafe"
)

// hashSets returns the content hash of a data set. What it hashes must never
// change: otherwise every recorded run would report that its data have changed.
//
// It hashes, for each of the two sets: number of examples, height, width, channels
// and classes as uint64, the labels as int32, the inputs as float32. All numbers
// are little-endian.
func hashSets(train, test Set) string {
	h := sha256.New()
	h.Write([]byte("sgdwalk data 1\n"))
	for _, s := range []Set{train, test} {
		h.Write(memoryOf([]uint64{
			uint64(s.Len()), uint64(s.Height), uint64(s.Width), uint64(s.Channels), uint64(s.Classes),
		}))
		h.Write(memoryOf(s.Labels))
		h.Write(memoryOf(s.Inputs))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// memoryOf returns the memory of v as bytes, not a copy. They are little-endian, because runs can only be recorded
// on little-endian processors.
func memoryOf[T uint64 | int32 | float32](v []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), int(unsafe.Sizeof(one))*len(v))
}
