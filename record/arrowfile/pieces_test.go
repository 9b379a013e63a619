package arrowfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// inPieces reads a vector in order, in pieces of the given size.
func inPieces(p record.Pieces, size int) ([]float32, error) {
	out := make([]float32, len(p.Values()))
	for first := 0; first < len(out); first += size {
		end := min(first+size, len(out))
		p.Ahead(end, min(end+size, len(out)))
		if err := p.Read(out[first:end], first); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TestPieces: a vector read in pieces is the one that is read whole, whatever the
// pieces, before it was verified and after, float32 or kept in two bytes.
func TestPieces(t *testing.T) {
	for _, dtype := range []string{record.Float32, record.BFloat16} {
		h := recordtest.Header(1000)
		h.DType = dtype
		rows := recordtest.Rows(h, 6, 1)
		dir := writeRun(t, h, rows, Options{})
		for _, size := range []int{1, 7, 64, 999, 1000, 5000} {
			r := mustOpen(t, dir)
			for i := range r.Len() {
				for range 2 {
					p, err := r.ThetaPieces(i)
					must(t, err)
					if rows[i].Theta == nil {
						if p != nil {
							t.Errorf("row %d has no theta, and pieces of it", i)
						}
						continue
					}
					got, err := inPieces(p, size)
					must(t, err)
					want, err := r.Theta(i)
					must(t, err)
					if !slices.Equal(got, want) || !slices.Equal(p.Values(), want) {
						t.Errorf("%s, row %d in pieces of %d: differs", dtype, i, size)
					}
					must(t, p.Verify())
				}
			}
		}
	}
}

// TestPiecesFindDamage: a flipped bit anywhere is found when the last piece was
// read, and by Verify; a piece out of order is read without being taken for part
// of the checksum.
func TestPiecesFindDamage(t *testing.T) {
	h := recordtest.Header(100)
	rows := recordtest.Rows(h, 3, 1)
	dir := writeRun(t, h, rows, Options{})
	path := filepath.Join(dir, segmentName(0))
	s := mustOpen(t, dir).state.Load().segments[0]
	sound := mustRead(t, path)
	at := slices.Index([]bool{rows[0].Theta != nil, rows[1].Theta != nil, rows[2].Theta != nil}, true)
	for element := range 100 {
		b := slices.Clone(sound)
		damage{t, s, b}.at(at, "theta")[4*element+element%4] ^= 1 << (element % 8)
		mustWrite(t, path, b)
		r := mustOpen(t, dir)
		var corrupt *CorruptError
		p, err := r.ThetaPieces(at)
		must(t, err)
		if _, err := inPieces(p, 9); !errors.As(err, &corrupt) || corrupt.Row != int64(at) {
			t.Fatalf("element %d is damaged, reading in pieces gives %v", element, err)
		}
		if err := p.Verify(); !errors.As(err, &corrupt) {
			t.Fatalf("element %d is damaged, verifying gives %v", element, err)
		}
	}
	mustWrite(t, path, sound)
	p, err := mustOpen(t, dir).ThetaPieces(at)
	must(t, err)
	piece := make([]float32, 10)
	must(t, p.Read(piece, 50))
	if !slices.Equal(piece, rows[at].Theta[50:60]) {
		t.Error("a piece out of order differs")
	}
	if got, err := inPieces(p, 30); err != nil || !slices.Equal(got, rows[at].Theta) {
		t.Errorf("after a piece out of order: %v", err)
	}
}

// TestPiecesOfAnotherFile: what is read is the file that was opened.
func TestPiecesOfAnotherFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not mapped here")
	}
	h := recordtest.Header(100)
	dir := writeRun(t, h, recordtest.Rows(h, 3, 1), Options{})
	r := mustOpen(t, dir)
	path := filepath.Join(dir, segmentName(0))
	must(t, os.Rename(path, path+".old"))
	mustWrite(t, path, mustRead(t, path+".old"))
	for i := range r.Len() {
		p, err := r.ThetaPieces(i)
		must(t, err)
		if p == nil {
			continue
		}
		if _, err := inPieces(p, 10); err == nil {
			t.Error("a file that took the place of the one that was opened was read")
		}
	}
}

// TestPiecesOutside: rows that are not there.
func TestPiecesOutside(t *testing.T) {
	h := recordtest.Header(10)
	r := mustOpen(t, writeRun(t, h, recordtest.Rows(h, 3, 1), Options{}))
	for _, i := range []int{-1, r.Len(), 1000} {
		if _, err := r.ThetaPieces(i); err == nil {
			t.Errorf("pieces of row %d of %d", i, r.Len())
		}
	}
	must(t, r.Close())
	if _, err := r.ThetaPieces(0); err == nil {
		t.Error("pieces were had after Close")
	}
}
