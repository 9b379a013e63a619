package arrowfile

import (
	"encoding/binary"
	"hash/crc32"

	"sgdwalk/record"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// foldState is a run of bytes with the same CRC as all bytes that were folded into it.
type foldState [foldBytes]byte

const (
	foldBytes = 128
	leastFold = 4 << 10   // less is faster without
	mostFold  = 128 << 10 // bytes of one call, because a goroutine cannot be preempted in assembly
)

// checksum continues the CRC-32C crc of earlier bytes with vector.
//
// The loop of hash/crc32 for amd64 reads at three places at once, which the processor cannot prefetch: out of cache
// it is half as fast as fold, which reads sequentially (Gopal et al., Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ Instruction, 2009). In cache both are equally fast.
func checksum(crc uint32, vector []byte) uint32 {
	n := len(vector) &^ (foldBytes - 1)
	if !canFold || n < leastFold {
		return crc32.Update(crc, castagnoli, vector)
	}
	state := foldState(vector)
	// The CRC so far is added to the first bytes, as hash/crc32 does: inverted.
	binary.LittleEndian.PutUint32(state[:], binary.LittleEndian.Uint32(state[:])^^crc)
	for at := foldBytes; at < n; at += mostFold {
		fold(&state, &vector[at], min(mostFold, n-at))
	}
	crc = 0
	for _, b := range state {
		crc = castagnoli[byte(crc)^b] ^ crc>>8
	}
	return crc32.Update(^crc, castagnoli, vector[n:])
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
