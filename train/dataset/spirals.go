package dataset

import (
	"math"
	"math/rand/v2"

	"sgdwalk/train/internal/random"
)

// spiralTurns is the number of turns of each arm around the origin. With 1.5 turns
// no straight line separates the classes well.
const spiralTurns = 1.5

// spirals draws two interleaved Archimedean spirals in the plane, one per class. At
// parameter t in [0, 1] an arm has radius t and angle 2 pi spiralTurns t; the other
// arm is half a turn further. t is the square root of a uniform number, so that the
// points have the same density along the arms. Gaussian noise is added to both
// coordinates. Classes alternate, so every part of the set is balanced. The
// defaults of the options must be filled in.
func spirals(o Options) source {
	g := new(rand.PCG)
	random.Seed(g, o.Seed, purposeSpirals, 0)
	s := Set{
		Height: 1, Width: 2, Channels: 1, Classes: 2,
		Inputs: make([]float32, 2*o.Examples),
		Labels: make([]int32, o.Examples),
	}
	for i := range s.Labels {
		label := i % 2
		t := math.Sqrt(uniform(g))
		sin, cos := math.Sincos(math.Pi * (2*spiralTurns*t + float64(label)))
		nx, ny := gaussians(g)
		s.Inputs[2*i] = float32(t*cos + o.Noise*nx)
		s.Inputs[2*i+1] = float32(t*sin + o.Noise*ny)
		s.Labels[i] = int32(label)
	}
	return source{train: s, name: "the spirals", scaling: "none"}
}
