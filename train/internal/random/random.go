// Package random derives independent random generators from the seed of a run.
//
// The generator is the PCG of math/rand/v2, whose sequence is part of its
// definition. Its state follows from a seed, a purpose (order of the data,
// augmentation, noise) and an index (an epoch, an example, a step). So the numbers
// of one step do not depend on the numbers drawn before, and a run can be resumed
// or replayed from any step.
package random

import "math/rand/v2"

// Seed sets g to the start of the sequence for a seed, a purpose and an index.
// Sequences of different purposes are independent of each other, and of a PCG that
// uses the seed directly.
func Seed(g *rand.PCG, seed, purpose, index uint64) {
	g.Seed(Mix(seed^Mix(purpose)), Mix(index+purpose))
}

// Mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014). Users choose
// consecutive seeds, and epochs are consecutive; Mix turns them into unrelated
// states.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
