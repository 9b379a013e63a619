package arrowfile

import "sgdwalk/record"

// Overhead returns what the format adds to the vectors of a run with this
// header: for a row without full and test loss, its place in the footer
// included, and once for the run, header.json included. Segments after the first
// add about as much as the second again, each; the last row, without batch, has
// a few bytes more.
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
