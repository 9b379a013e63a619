package record

// Pieces is a vector of a row that is verified while it is read: an analysis that
// goes over all rows piece by piece anyway need not read them once more before,
// for their checksums alone, and holds no more of them than its pieces.
//
// Read copies the elements from first on into dst. Elements read in order, from 0
// without a gap, are taken under the checksum, and the call that reads the last
// one says whether the vector is what was recorded; before that no result may
// leave. The error is the one that reading the row whole gives. Pieces that are
// out of order are copied only.
//
// Values is all of it at once, a view of the recording, and Verify says whether it
// is what was recorded. Ahead says that the elements from first to end will be
// read soon, so that they can be fetched meanwhile; it may do nothing.
//
// Calls of Read and Verify for one vector must not overlap.
type Pieces interface {
	Read(dst []float32, first int) error
	Ahead(first, end int)
	Values() []float32
	Verify() error
}
