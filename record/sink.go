package record

// Sink takes the rows of a run in their order. It is what a training loop
// writes to.
//
// Append copies or writes what it needs before it returns: the Step and its
// slices stay the caller's. Once it returned nil, the row is acknowledged: the
// death of the process does not lose it. Vectors must have the lengths of the
// header's layouts or be nil, and steps must not go backwards: a row that breaks
// this is refused and leaves the sink as it was. After an error of writing the
// sink takes no more rows. Close releases it in every case and may be called
// twice; Append then returns ErrClosed.
type Sink interface {
	Append(*Step) error
	Close() error
}

// Trajectory is a recorded run: what analyses read.
//
// At returns row i, 0 <= i < Len. The slices of the Step are views that the
// trajectory owns: read them, do not change them, and do not use them after the
// trajectory is closed. An error means that this row cannot be trusted; other
// rows may be. At may be called from several goroutines.
type Trajectory interface {
	Header() *Header
	Len() int
	At(i int) (Step, error)
}
