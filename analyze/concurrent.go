package analyze

// Concurrent is a Gradient that may be asked for several points at the same time,
// and is faster so. It is optional.
type Concurrent interface {
	Gradient
	Concurrency() int // how many at a time it is made for; 1: nothing is gained
}

// Stateful is a Loss of theta and of a state: the running statistics of
// normalization layers. It is optional: an analysis of recorded iterates tells it
// the state that they were recorded with.
type Stateful interface {
	Loss
	// SetState is for everything that is evaluated from now on, and in Ahead for the
	// point that is being set. The vector must not change after the call; nil is the
	// state that the loss has by itself. It reports whether the loss takes one.
	SetState(state []float32) bool
}
