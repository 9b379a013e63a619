// Package random gives every user of a run's seed a generator of its own.
//
// The generator is the PCG of math/rand/v2, whose sequence is fixed by its
// definition. It is addressed by a seed, a purpose and an index (an epoch, an
// example, a step), so what it gives does not depend on what was drawn before,
// and a run can be continued or replayed from any point.
package random

import "math/rand/v2"

// Seed sets g to the start of the sequence of a seed, a purpose and an index.
// Different purposes are unrelated to each other, and to a PCG that uses the
// plain seed.
func Seed(g *rand.PCG, seed, purpose, index uint64) {
	g.Seed(Mix(seed^Mix(purpose)), Mix(index+purpose))
}

// Mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014): neighbouring
// seeds and epochs, which users choose, become unrelated states.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
