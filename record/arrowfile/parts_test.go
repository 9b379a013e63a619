package arrowfile

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// collector is an output that keeps everything, and how it came.
type collector struct {
	all   []byte
	calls int
}

func (c *collector) write(pieces ...piece) error {
	c.calls++
	for _, p := range pieces {
		c.all = append(c.all, p.bytes...)
	}
	return nil
}

// TestAppendInParts: a row that is written in parts is, byte by byte, what it is
// in one piece, in both formats, with vectors that are there and absent; and the
// footer does not tell which it was.
func TestAppendInParts(t *testing.T) {
	for format := 1; format <= record.FormatVersion; format++ {
		for _, dtype := range []string{record.Float32, record.BFloat16} {
			if format == 1 && dtype != record.Float32 {
				continue
			}
			t.Run(fmt.Sprintf("format=%d/%s", format, dtype), func(t *testing.T) {
				h := recordtest.Header(inPartsFrom/2 + 3) // in two bytes, too, more than in one piece
				h.Format, h.DType, h.Columns.Substep = format, dtype, h.Columns.Substep && format > 1
				run, err := newRunHeader(h)
				must(t, err)
				whole, parts := newEncoder(run), newEncoder(run)
				var a, b collector
				must(t, whole.begin(&a, 0, 0))
				must(t, parts.begin(&b, 0, 0))
				rows := recordtest.Rows(h, 2, 1)
				rows[0].State = nil
				rows[1].Theta = nil
				for i := range rows {
					raw := whole.raw(&rows[i])
					s, err := whole.scalarsOf(&rows[i], &raw)
					must(t, err)
					p := s
					for v, vector := range raw {
						s.setVectorCRC(v, crc32.Checksum(vector, castagnoli))
					}
					whole.fillChecksums(&s, int64(i))
					must(t, whole.write(&s, &raw))
					calls := b.calls
					must(t, parts.append(&p, &raw, int64(i)))
					if b.calls-calls < 4 {
						t.Errorf("row %d was written in %d pieces", i, b.calls-calls)
					}
				}
				must(t, whole.finish(2))
				must(t, parts.finish(2))
				if !bytes.Equal(a.all, b.all) {
					t.Errorf("%d bytes and %d, the same up to byte %d",
						len(a.all), len(b.all), commonPrefix(a.all, b.all))
				}
			})
		}
	}
}

// TestTornParts: a writer that dies between two parts of a row leaves one that is
// seen to be torn; the rows before it are whole, and the run goes on behind them.
func TestTornParts(t *testing.T) {
	h := thetaOnly(inPartsFrom/4 + 3)
	rows := recordtest.Rows(h, 2, 1)
	dir := writeRun(t, h, rows, Options{})
	whole := mustRead(t, filepath.Join(dir, segmentName(0)))
	r := mustOpen(t, dir)
	last := r.state.Load().segments[0].offsets[2]
	end := r.state.Load().segments[0].offsets[3]
	cuts := []int64{last + 1, end - 1}
	for at := (last/partBytes + 1) * partBytes; at < end; at += partBytes {
		cuts = append(cuts, at)
	}
	for _, cut := range cuts {
		torn := filepath.Join(t.TempDir(), "run")
		must(t, os.Mkdir(torn, 0o777))
		mustWrite(t, filepath.Join(torn, headerName), mustRead(t, filepath.Join(dir, headerName)))
		mustWrite(t, filepath.Join(torn, segmentName(0)), whole[:cut])
		r := mustOpen(t, torn)
		if r.Len() != 2 || r.Torn() != cut-last {
			t.Errorf("cut at byte %d: %d rows and %d torn bytes; want 2 and %d", cut, r.Len(), r.Torn(), cut-last)
		}
		w, err := Continue(torn, Options{})
		must(t, err)
		must(t, w.Append(&rows[2]))
		must(t, w.Close())
		again := mustOpen(t, torn)
		for i := range rows {
			got, err := again.Read(i, record.AllParts)
			must(t, err)
			if d := recordtest.Diff(&got, &rows[i]); d != "" {
				t.Errorf("cut at byte %d: row %d: %s", cut, i, d)
			}
		}
	}
}
