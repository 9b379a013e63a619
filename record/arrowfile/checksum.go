package arrowfile

import (
	"hash/crc32"

	"sgdwalk/record"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// touchBytes is how much of a vector is brought into the processor's cache before
// its checksum is computed. The loop of hash/crc32 goes over three places at once
// and the processor does not see what it will want next: out of memory it takes 4
// GB/s, where a plain pass from one end to the other takes 7. One after the other,
// over pieces that fit the innermost cache, the two take 6.5; for what is in cache
// anyway the first costs an eighth. 2 and 8 KiB were slower.
const cacheBytes = 4 << 10

// checksum adds a vector to the CRC-32C of what is before it.
func checksum(crc uint32, vector []byte) uint32 {
	for len(vector) > 0 {
		n := min(len(vector), cacheBytes)
		loadIntoCache(vector[:n])
		crc = crc32.Update(crc, castagnoli, vector[:n])
		vector = vector[n:]
	}
	return crc
}

// touch reads a byte of every line of the cache, of 64 bytes. It is not inlined
// so that the reading of what nobody uses is not left out.
//
//go:noinline
func loadIntoCache(b []byte) byte {
	x := byte(0)
	for ; len(b) >= 256; b = b[256:] {
		x += b[0] + b[64] + b[128] + b[192]
	}
	return x
}

// joinSums returns the CRC-32C of the parts of a vector one after another, and the
// number of elements.
func joinSums(parts []record.PartSum) (sum uint32, n int) {
	var shift uint32 // of a part of length shifted
	shifted := -1
	for _, p := range parts {
		if p.Len != shifted {
			shifted, shift = p.Len, powerOfX(8*4*uint64(p.Len))
		}
		sum, n = timesModulo(shift, sum)^p.Sum, n+p.Len
	}
	return sum, n
}

// A CRC is the remainder of a polynomial over GF(2); bit 31 is the coefficient of
// 1, bit 0 that of x^31. To append n bits multiplies what is before them by x^n
// (Mark Adler's crc32_combine in zlib). The inversions at the start and the end
// cancel.

// timesModulo returns the product of two remainders.
func timesModulo(a, b uint32) (product uint32) {
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.Castagnoli
		} else {
			b >>= 1
		}
	}
	return product
}

// powerOfX returns the remainder of x^n.
func powerOfX(n uint64) uint32 {
	power, square := uint32(1)<<31, uint32(1)<<30
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = timesModulo(square, power)
		}
		square = timesModulo(square, square)
	}
	return power
}
