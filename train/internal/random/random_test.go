package random

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestMix compares with the published first outputs of SplitMix64 for the seed
// 1234567. SplitMix64 advances its state by the constant that Mix adds.
func TestMix(t *testing.T) {
	const gamma = 0x9e3779b97f4a7c15
	state := uint64(1234567)
	for i, want := range []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	} {
		if got := Mix(state); got != want {
			t.Errorf("output %d is %d, want %d", i, got, want)
		}
		state += gamma
	}
}

// TestNeighboursAreUnrelated counts the bits in which the first outputs of
// neighbouring seeds, indices and purposes differ. 64*2000 fair coins have a
// standard deviation of 179.
func TestNeighboursAreUnrelated(t *testing.T) {
	first := func(seed, purpose, index uint64) uint64 {
		var g rand.PCG
		Seed(&g, seed, purpose, index)
		return g.Uint64()
	}
	for name, pair := range map[string]func(i uint64) (uint64, uint64){
		"seeds":    func(i uint64) (uint64, uint64) { return first(i, 5, 1), first(i+1, 5, 1) },
		"indices":  func(i uint64) (uint64, uint64) { return first(1, 5, i), first(1, 5, i+1) },
		"purposes": func(i uint64) (uint64, uint64) { return first(1, i, 1), first(1, i+1, 1) },
	} {
		differ := 0
		for i := range uint64(2000) {
			a, b := pair(i)
			differ += bits.OnesCount64(a ^ b)
		}
		if differ < 64000-900 || differ > 64000+900 {
			t.Errorf("%s: %d of 128000 bits differ, want half", name, differ)
		}
	}
}
