package arrowfile

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// TestChecksum compares with hash/crc32: every length around the blocks, every alignment, continued sums, and more
// than one call of fold.
func TestChecksum(t *testing.T) {
	b := make([]byte, 3*mostFold+77)
	rand.NewChaCha8([32]byte{1}).Read(b)
	check := func(crc uint32, b []byte) {
		t.Helper()
		if got, want := checksum(crc, b), crc32.Update(crc, castagnoli, b); got != want {
			t.Fatalf("%d bytes after %08x: %08x, want %08x", len(b), crc, got, want)
		}
	}
	for n := range leastFold + 2*foldBytes {
		check(0, b[:n])
		check(uint32(n)*0x9e3779b9, b[n%61:][:n])
	}
	for _, n := range []int{mostFold - 1, mostFold, mostFold + 1, mostFold + foldBytes, len(b)} {
		check(1<<31|5, b[:n])
	}
	check(0, make([]byte, 1<<12)) // zeros
}

// BenchmarkChecksum has vectors in the cache and out of it.
func BenchmarkChecksum(b *testing.B) {
	for name, n := range map[string]int{"400kB": 4e5, "40MB": 4e7} {
		memory := make([]byte, 5*n)
		rand.NewChaCha8([32]byte{1}).Read(memory)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(n))
			at := 0
			for b.Loop() {
				checksum(0, memory[at:at+n])
				at = (at + n) % (4 * n)
			}
		})
	}
}
