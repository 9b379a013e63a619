package dataset

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"sgdwalk/train/internal/random"
)

// What random numbers are drawn for. The purpose is mixed into the generator so
// that one seed gives independent numbers to each, and to the initialization of
// a network that uses the plain seed.
const (
	purposeOrder   = 0x6f72646572     // "order"
	purposeAugment = 0x6175676d656e74 // "augment"
	purposeSpirals = 0x73706972616c73 // "spirals"
)

// generator returns the generator that belongs to a seed, a purpose and an index
// within the purpose. Only PCG's Uint64 is used of it: the sequence of the higher
// functions of math/rand/v2 is not promised to outlive a Go release.
func generator(seed, purpose, index uint64) *rand.PCG {
	g := new(rand.PCG)
	random.Seed(g, seed, purpose, index)
	return g
}

// below returns a number in [0, n), every one equally likely, by Lemire's method
// (2019): the high word of a product, with rejection of the biased low words.
func below(g *rand.PCG, n uint64) uint64 {
	hi, lo := bits.Mul64(g.Uint64(), n)
	if lo < n {
		for threshold := -n % n; lo < threshold; {
			hi, lo = bits.Mul64(g.Uint64(), n)
		}
	}
	return hi
}

// uniform returns a number in [0, 1) with 53 random bits.
func uniform(g *rand.PCG) float64 { return float64(g.Uint64()>>11) * 0x1p-53 }

// gaussians returns two independent standard normal numbers (Box and Muller 1958).
func gaussians(g *rand.PCG) (float64, float64) {
	r := math.Sqrt(-2 * math.Log(1-uniform(g)))
	sin, cos := math.Sincos(2 * math.Pi * uniform(g))
	return r * cos, r * sin
}
