package dataset

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// The purposes of random numbers. A purpose is mixed into the generator, so that
// one seed gives independent numbers to each purpose, and to the initialization of
// a network, which uses the seed directly.
const (
	purposeOrder   = 0x6f72646572     // "order"
	purposeAugment = 0x6175676d656e74 // "augment"
	purposeSpirals = 0x73706972616c73 // "spirals"
)

// The functions below use PCG's Uint64 only. Go promises the sequence of the PCG,
// but not that of the other functions of math/rand/v2, and recorded runs must be
// reproducible with later Go releases.

// below returns a uniform number in [0, n) by Lemire's method (2019): the high word
// of a product, after rejecting the biased low words.
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
