package arrowfile

import (
	"hash/crc32"

	"sgdwalk/record"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cacheBytes is the size of the pieces that are loaded into the innermost cache before
// their checksum is computed. The loop of hash/crc32 reads at three places at once, which
// the processor cannot prefetch: from memory it reaches 4 GB/s, while a plain sequential
// read reaches 7 GB/s. First reading and then hashing each piece reaches 6.5 GB/s; when
// the data already is in the cache, the extra read costs an eighth. 2 and 8 KiB were
// slower.
const cacheBytes = 4 << 10

// checksum continues the CRC-32C crc of earlier bytes with vector.
func checksum(crc uint32, vector []byte) uint32 {
	for len(vector) > 0 {
		n := min(len(vector), cacheBytes)
		loadIntoCache(vector[:n])
		crc = crc32.Update(crc, castagnoli, vector[:n])
		vector = vector[n:]
	}
	return crc
}

// loadIntoCache reads one byte of every cache line of 64 bytes. It is not inlined, because
// the compiler would then remove a read whose result is not used.
//
//go:noinline
func loadIntoCache(b []byte) byte {
	x := byte(0)
	for ; len(b) >= 256; b = b[256:] {
		x += b[0] + b[64] + b[128] + b[192]
	}
	return x
}

// joinSums returns the CRC-32C of the concatenated parts of a vector, and the number of
// elements.
func joinSums(parts []record.PartSum) (sum uint32, n int) {
	var shift uint32 // x^(8*bytes) for a part with shifted elements
	shifted := -1
	for _, p := range parts {
		if p.Len != shifted {
			shifted, shift = p.Len, powerOfX(8*4*uint64(p.Len))
		}
		sum, n = timesModulo(shift, sum)^p.Sum, n+p.Len
	}
	return sum, n
}

// A CRC is the remainder of a polynomial over GF(2). Bit 31 is the coefficient of 1, and
// bit 0 the coefficient of x^31. Appending n bits multiplies the polynomial of the earlier
// bits by x^n (Mark Adler's crc32_combine in zlib). The inversions at the start and at the
// end of a CRC cancel.

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
