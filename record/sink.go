package record

// Sink receives the rows of a run in their order. A training loop writes to it.
//
// Append copies or writes what it needs before it returns, so the caller keeps the
// Step and its slices. When Append returns nil, the row is acknowledged: it survives
// the death of the process. Vectors must be nil or have the lengths of the header's
// layouts, and steps must increase; Append refuses any other row and leaves the sink
// unchanged. After a write error the sink accepts no more rows. Close releases the
// sink also after an error, and may be called twice; Append then returns ErrClosed.
type Sink interface {
	Append(*Step) error
	Close() error
}

// Parts are the vectors of a row that a read needs. The scalars are always read.
type Parts uint8

// The vectors of a row.
const (
	ThetaPart Parts = 1 << iota
	GradPart
	StatePart

	ScalarsOnly Parts = 0
	AllParts          = ThetaPart | GradPart | StatePart
)

// Trajectory is a recorded run: what analyses read. Its methods may be called from
// several goroutines.
type Trajectory interface {
	// Header describes the run; the caller must not change it.
	Header() *Header
	// Len returns the number of rows.
	Len() int
	// Read returns row i, 0 <= i < Len, with the vectors in parts; the other vectors
	// are nil, and reading them costs nothing. The slices of the Step belong to the trajectory: do
	// not change them, and do not use them after the trajectory is closed. An error
	// means that this row cannot be trusted; other rows may be intact.
	Read(i int, parts Parts) (Step, error)
	// ThetaPieces returns theta of row i for reading it piece by piece, nil when the
	// row has no theta. The scalars of the row are verified, its theta not yet.
	ThetaPieces(i int) (Pieces, error)
	// Release returns resident memory of Read and ThetaPieces to the operating system.
	// Vectors that they returned stay valid.
	Release()
}

// ThetaOf returns theta of row i and reads no other vector; nil when the row has no
// theta. The slice belongs to t.
func ThetaOf(t Trajectory, i int) ([]float32, error) {
	s, err := t.Read(i, ThetaPart)
	return s.Theta, err
}

// GradOf returns the gradient of row i, as ThetaOf returns theta.
func GradOf(t Trajectory, i int) ([]float32, error) {
	s, err := t.Read(i, GradPart)
	return s.Grad, err
}

// StateOf returns the state of row i, as ThetaOf returns theta.
func StateOf(t Trajectory, i int) ([]float32, error) {
	s, err := t.Read(i, StatePart)
	return s.State, err
}
