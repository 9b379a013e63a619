package analyze

// Concurrent is a Gradient that several goroutines may call at the same time. It is then
// faster than one call after the other. It is optional.
type Concurrent interface {
	Gradient
	// Concurrency returns the number of simultaneous calls that is fastest; 1 means that
	// simultaneous calls gain nothing.
	Concurrency() int
}

// Stateful is a Loss that depends on theta and on a state: the running statistics of
// normalization layers. It is optional: an analysis of recorded iterates sets the state
// that was recorded with each iterate.
type Stateful interface {
	Loss
	// SetState sets the state for all later evaluations, except for points of a Batched that
	// have their own. The vector must not change after the call; nil restores the loss's
	// default state. SetState reports whether the loss uses a state.
	SetState(state []float32) bool
}
