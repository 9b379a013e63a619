package record

import "errors"

// ErrPartSums reports that the checksums of parts do not belong to a vector, although
// the vector itself is intact: the process that read the parts has read other values.
var ErrPartSums = errors.New("checksum mismatch: the parts were read from other values than the recorded ones")

// Pieces is a vector of a row that the caller reads piece by piece. It is verified by
// the checksums of the pieces, so an analysis that reads every row once need not read
// it a second time for verification. Methods of one vector must not be called
// concurrently.
type Pieces interface {
	// Len returns the number of elements.
	Len() int
	// Read copies the elements from first on into dst. It verifies nothing.
	Read(dst []float32, first int) error
	// ReadSum reads like Read, and returns the checksum of a part that ends with dst.
	// The first call for a part passes sum 0; each further call passes the previous
	// result.
	ReadSum(dst []float32, first int, sum uint32) (uint32, error)
	// CheckSums verifies the vector by the checksums of consecutive parts that
	// together are the whole vector. Different processes may have read the parts. Do
	// not publish a result before CheckSums succeeds. The error wraps ErrPartSums when
	// the vector is intact but the checksums belong to other values.
	CheckSums(parts []PartSum) error
	// Prefetch asks the operating system to read the elements first to end-1 soon. It
	// may do nothing.
	Prefetch(first, end int)
	// Values returns the whole vector, not verified. The recording owns the slice. It is nil
	// for a vector that cannot be read; Verify then returns the reason.
	Values() []float32
	// Verify reads the whole vector and checks it against its checksum.
	Verify() error
}

// PartSum has the checksum of a part of a vector, as the last ReadSum of the part
// returned it, and the number of elements of the part. The checksums are 0 for a
// vector that is already verified.
type PartSum struct {
	Sum uint32
	Len int
}

// VerifiedPieces returns Pieces of a vector that is in memory and already verified.
// It keeps v.
func VerifiedPieces(v []float32) Pieces { return verifiedPieces(v) }

type verifiedPieces []float32

func (v verifiedPieces) Len() int                { return len(v) }
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
