package dataset

import "math"

// spiralTurns is how often each arm goes around the origin: enough that no
// straight line through the plane separates much.
const spiralTurns = 1.5

// spirals draws two interleaved Archimedean spirals in the plane, one a class:
// after t in [0, 1] of its length in angle, an arm is at radius t and angle
// 2 pi spiralTurns t, the other arm half a turn further. t is the square root of
// a uniform number, so that the points are equally dense along the arms, and
// Gaussian noise is added to both coordinates. Classes alternate, so every piece
// of the set is balanced. The options must have their defaults filled in.
func spirals(o Options) source {
	g := generator(o.Seed, purposeSpirals, 0)
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
