package arrowfile

import (
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// countingSource counts the bytes that a reader requests.
type countingSource struct {
	byteSource
	requested *int64
}

func (c countingSource) bytes(off, n int64) ([]byte, error) {
	*c.requested += n
	return c.byteSource.bytes(off, n)
}

// TestOpenReadsNoVectors holds what opening a run and reading scalars request from its file: of a closed run the
// footer, of a run without a footer the metadata of each row, and never a vector.
func TestOpenReadsNoVectors(t *testing.T) {
	const p, rows, metadata, scalars = 20_000, 60, 1200, 400
	h := thetaOnly(p)
	s := recordtest.Rows(h, 1, 1)[0]
	dir := t.TempDir() + "/run"
	w, err := Create(dir, h, Options{})
	must(t, err)
	defer w.Close()
	for k := range int64(rows) {
		s.Step = k
		must(t, w.Append(&s))
	}
	for _, closed := range []bool{false, true} {
		limit := int64(rows*metadata + 3*rows*blockBytes)
		if closed {
			must(t, w.Close())
			limit = 8*metadata + rows*blockBytes
		}
		var requested int64
		r, err := open(dir, func(path string) (byteSource, error) {
			src, err := openReadSource(path)
			return countingSource{src, &requested}, err
		})
		must(t, err)
		if r.Len() != rows || r.Closed() != closed {
			t.Errorf("%d rows, closed: %v", r.Len(), r.Closed())
		}
		if requested > limit {
			t.Errorf("closed %v: opening %d rows of %d bytes requests %d bytes; at most %d are allowed", closed, rows, 4*p,
				requested, limit)
		}
		requested = 0
		_, err = r.Read(rows/2, record.ScalarsOnly)
		must(t, err)
		if requested > metadata+scalars {
			t.Errorf("closed %v: the scalars of a row request %d bytes; at most %d are allowed", closed, requested,
				metadata+scalars)
		}
		must(t, r.Close())
	}
}
