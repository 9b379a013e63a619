package record

import "errors"

// ErrOtherSums is wrapped by the error of checksums that are not those of a vector,
// which is as it was recorded: whoever read its parts has read something else.
var ErrOtherSums = errors.New("the sums are those of other values than were recorded")

// Pieces is a vector of a row that is verified while it is read: an analysis that
// goes over all rows piece by piece anyway need not read them once more before,
// for their checksums alone, and holds no more of them than its pieces.
//
// Read copies the elements from first on into dst. ReadSum does the same and
// returns the checksum of a part of the vector, carried on over them: sum is that
// of the part up to first, 0 where the part begins. Neither says whether they are
// what was recorded. CheckSums does, given the parts that make up the vector, in
// their order: before it has said so no result may leave. It reads nothing, so that
// the parts can have been read by different processes on different machines, each
// of which has read no more than its own. An error of CheckSums wraps ErrOtherSums
// when the vector is as it was recorded and the sums are not its.
//
// Values is all of it at once, a view of the recording, and Verify reads it whole
// and says whether it is what was recorded. Ahead says that the elements from first
// to end will be read soon, so that they can be fetched meanwhile; it may do
// nothing.
//
// The sums of vectors that were verified before they were handed out are 0.
//
// Calls of methods for one vector must not overlap.
type Pieces interface {
	Read(dst []float32, first int) error
	ReadSum(dst []float32, first int, sum uint32) (uint32, error)
	CheckSums(parts []PartSum) error
	Ahead(first, end int)
	Values() []float32
	Verify() error
}

// PartSum is the checksum of a part of a vector, as ReadSum has returned it at the
// part's end, and the number of its elements.
type PartSum struct {
	Sum uint32
	Len int
}
