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
	// are nil and cost nothing. The slices of the Step belong to the trajectory: do
	// not change them, and do not use them after the trajectory is closed. An error
	// means that this row cannot be trusted; other rows may be intact.
	Read(i int, parts Parts) (Step, error)
	// ThetaPieces returns theta of row i to read it piece by piece, nil when the row
	// has no theta. The scalars of the row are verified, its theta is not yet.
	ThetaPieces(i int) (Pieces, error)
	// Release returns memory that Read and ThetaPieces made resident to the system,
	// where there is any. Vectors that were handed out stay valid.
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
