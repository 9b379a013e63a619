package arrowfile

import "sgdwalk/record"

// Overhead returns what the format adds to the vectors of a run with this
// header: for a row without full and test loss, its place in the footer
// included, and once for the run, header.json included. Segments after the first
// add about as much as the second again, each; the last row, without batch, has
// up to 256 bytes more.
func Overhead(h *record.Header) (row, run int64, err error) {
	text, err := h.Encode()
	if err != nil {
		return 0, 0, err
	}
	e := newEncoder(h, identity{})
	row = e.rowBytes(1<<3|1<<4) + blockBytes
	for v, exists := range e.columns.exists {
		if exists {
			row -= (4*int64(e.columns.length[v]) + 7) &^ 7
		}
	}
	var empty counter
	if err := e.begin(&empty, 0, 0); err != nil {
		return 0, 0, err
	}
	if err := e.finish(); err != nil {
		return 0, 0, err
	}
	return row, int64(len(text)) + empty.n, nil
}
