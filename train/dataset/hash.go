package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
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
	buffer := make([]byte, 0, 1<<16)
	for _, s := range []Set{train, test} {
		for _, n := range []int{s.Len(), s.Height, s.Width, s.Channels, s.Classes} {
			buffer = binary.LittleEndian.AppendUint64(buffer, uint64(n))
		}
		for _, l := range s.Labels {
			buffer = flush(h, binary.LittleEndian.AppendUint32(buffer, uint32(l)))
		}
		for _, v := range s.Inputs {
			buffer = flush(h, binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v)))
		}
	}
	h.Write(buffer)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// flush writes the buffer to the hash when the buffer is nearly full.
func flush(h hash.Hash, buffer []byte) []byte {
	if len(buffer) < cap(buffer)-64 {
		return buffer
	}
	h.Write(buffer)
	return buffer[:0]
}
