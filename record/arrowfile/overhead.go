package arrowfile

import "sgdwalk/record"

// Overhead returns the bytes that the format adds to the vectors of a run with this header:
// for each row without full and test loss, including its entry in the footer, and once for
// the run, including header.json. Every further segment adds about the second number again.
// The last row, without a batch, has a few bytes more.
func Overhead(h *record.Header) (row, once int64, err error) {
	run, err := newRunHeader(h)
	if err != nil {
		return 0, 0, err
	}
	e := newEncoder(run)
	row = e.rowBytes(1<<3|1<<4) + blockBytes
	for v, exists := range e.columns.exists {
		if exists {
			row -= pad8(e.columns.ofVector(v).bytes())
		}
	}
	segment := len(e.prefix(0, 0)) + len(endMark) + len(footer(e.columns, e.metadata(0, 0), nil, nil)) + trailer
	return row, int64(len(run.text) + segment), nil
}
