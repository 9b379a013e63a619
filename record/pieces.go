package record

import "errors"

// ErrPartSums reports that checksums of parts do not belong to a vector although
// the vector itself is as it was recorded: whoever read the parts has read other
// values.
var ErrPartSums = errors.New("checksum mismatch: the parts were read from other values than the recorded ones")

// Pieces is a vector of a row that is verified while it is read piece by piece, so
// that an analysis that reads every row once does not read it a second time for its
// checksum. Calls of methods for one vector must not overlap.
type Pieces interface {
	// Read copies the elements from first on into dst. It verifies nothing.
	Read(dst []float32, first int) error
	// ReadSum reads as Read does, and returns the checksum of the part that began
	// with sum 0 and now ends with dst. Consecutive calls pass the sum on.
	ReadSum(dst []float32, first int, sum uint32) (uint32, error)
	// CheckSums verifies the vector by the sums of the parts that make it up, in
	// their order. It reads nothing, so different processes may read the parts. No
	// result may be published before CheckSums succeeds. The error wraps ErrPartSums
	// when the vector is intact and the sums are not its sums.
	CheckSums(parts []PartSum) error
	// Prefetch asks the system to read the elements from first to end, which are
	// needed soon. It may do nothing.
	Prefetch(first, end int)
	// Values is the whole vector, not verified. The slice belongs to the recording.
	Values() []float32
	// Verify reads the whole vector and checks that it is what was recorded.
	Verify() error
}

// PartSum is the checksum of a part of a vector, as ReadSum returns it at the end of
// the part, and the number of elements of the part. The sums of a vector that was
// verified before it was handed out are 0.
type PartSum struct {
	Sum uint32
	Len int
}

// VerifiedPieces returns a vector that is in memory and verified as Pieces. It keeps v.
func VerifiedPieces(v []float32) Pieces { return verifiedPieces(v) }

type verifiedPieces []float32

func (v verifiedPieces) Values() []float32       { return v }
func (verifiedPieces) Verify() error             { return nil }
func (verifiedPieces) Prefetch(int, int)         {}
func (verifiedPieces) CheckSums([]PartSum) error { return nil }
func (v verifiedPieces) Read(dst []float32, first int) error {
	copy(dst, v[first:])
	return nil
}

func (v verifiedPieces) ReadSum(dst []float32, first int, _ uint32) (uint32, error) {
	return 0, v.Read(dst, first)
}
