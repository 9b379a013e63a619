package arrowfile

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// touchBytes is how much of a vector is brought into the processor's cache before
// its checksum is computed. The loop of hash/crc32 goes over three places at once
// and the processor does not see what it will want next: out of memory it takes 4
// GB/s, where a plain pass from one end to the other takes 7. One after the other,
// over pieces that fit the innermost cache, the two take 6.5; for what is in cache
// anyway the first costs an eighth. 2 and 8 KiB were slower.
const touchBytes = 4 << 10

// checksum adds a vector to the CRC-32C of what is before it.
func checksum(crc uint32, vector []byte) uint32 {
	for len(vector) > 0 {
		n := min(len(vector), touchBytes)
		touch(vector[:n])
		crc = crc32.Update(crc, castagnoli, vector[:n])
		vector = vector[n:]
	}
	return crc
}

// touch reads a byte of every line of the cache, of 64 bytes. It is not inlined
// so that the reading of what nobody uses is not left out.
//
//go:noinline
func touch(b []byte) byte {
	x := byte(0)
	for ; len(b) >= 256; b = b[256:] {
		x += b[0] + b[64] + b[128] + b[192]
	}
	return x
}
