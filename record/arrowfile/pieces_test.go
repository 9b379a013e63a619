package arrowfile

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// inPieces reads a vector in pieces of the given size, some of them together a
// part with a checksum of its own, and the last part first.
func inPieces(p record.Pieces, size int) ([]float32, error) {
	out := make([]float32, len(p.Values()))
	var parts []record.PartSum
	const together = 3
	for first := 0; first < len(out); first += together * size {
		parts = append(parts, record.PartSum{Len: min(together*size, len(out)-first)})
	}
	for i := len(parts) - 1; i >= 0; i-- {
		start := i * together * size
		for first := start; first < start+parts[i].Len; first += size {
			end := min(first+size, len(out))
			p.Prefetch(end, min(end+size, len(out)))
			var err error
			if parts[i].Sum, err = p.ReadSum(out[first:end], first, parts[i].Sum); err != nil {
				return nil, err
			}
		}
	}
	return out, p.CheckSums(parts)
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
					want, err := record.ThetaOf(r, i)
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
// read, and by Verify; sums of other values are not taken for damage.
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
		t.Error("a piece differs")
	}
	if got, err := inPieces(p, 30); err != nil || !slices.Equal(got, rows[at].Theta) {
		t.Errorf("the sound file: %v", err)
	}
	sum, err := p.ReadSum(make([]float32, 100), 0, 0)
	must(t, err)
	for name, parts := range map[string][]record.PartSum{
		"another sum": {{Sum: sum ^ 1, Len: 100}},
		"too short":   {{Sum: sum, Len: 99}},
		"too long":    {{Sum: sum, Len: 100}, {Sum: 0, Len: 1}},
		"nothing":     nil,
	} {
		var corrupt *CorruptError
		if err := p.CheckSums(parts); !errors.Is(err, record.ErrPartSums) || errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, p.CheckSums([]record.PartSum{{Sum: sum, Len: 100}, {}}))
}

// TestJoinSums: the checksums of parts make that of the whole, however it is cut.
func TestJoinSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []byte
		var parts []record.PartSum
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "part")
			b = b[:len(b)/4*4]
			all, parts = append(all, b...),
				append(parts, record.PartSum{Sum: crc32.Checksum(b, castagnoli), Len: len(b) / 4})
		}
		if sum, n := joinSums(parts); sum != crc32.Checksum(all, castagnoli) || n != len(all)/4 {
			t.Errorf("%08x of %d elements, want %08x of %d", sum, n, crc32.Checksum(all, castagnoli), len(all)/4)
		}
	})
	// Of the length that parts have.
	half := crc32.Checksum(make([]byte, 1<<24), castagnoli)
	whole := crc32.Checksum(make([]byte, 1<<25), castagnoli)
	if sum, _ := joinSums([]record.PartSum{{Sum: half, Len: 1 << 22}, {Sum: half, Len: 1 << 22}}); sum != whole {
		t.Errorf("%08x, want %08x", sum, whole)
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
