package arrowfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// thetaOnly describes a run that records theta alone.
func thetaOnly(p int) *record.Header {
	h := recordtest.Header(p)
	h.Columns = record.Columns{Theta: true}
	h.State = nil
	return h
}

// benchmarkBytes is about how much a benchmark writes before it starts its file
// anew, so that it does not fill the disk.
const benchmarkBytes = 1 << 30

// BenchmarkAppend writes rows of one vector. Its floor is BenchmarkRawWrite, the
// same bytes in one write(2) a row.
func BenchmarkAppend(b *testing.B) {
	for _, p := range []int{1e5, 1e7} {
		b.Run(fmt.Sprintf("P=%.0e", float64(p)), func(b *testing.B) {
			h := thetaOnly(p)
			s := recordtest.Rows(h, 0, 1)[0]
			dir := filepath.Join(b.TempDir(), "run")
			var w *Writer
			restart := func() {
				if w != nil {
					w.Close()
				}
				var err error
				if w, err = Create(dir, h, Options{Overwrite: true}); err != nil {
					b.Fatal(err)
				}
				s.Step = 0
			}
			restart()
			b.SetBytes(int64(4 * p))
			b.ReportAllocs()
			for b.Loop() {
				if w.Bytes() > benchmarkBytes {
					b.StopTimer()
					restart()
					b.StartTimer()
				}
				s.Step++
				if err := w.Append(&s); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(w.Bytes())/float64(w.Rows()*4*int64(p)), "bytes/raw")
			w.Close()
		})
	}
}

func BenchmarkRawWrite(b *testing.B) {
	for _, p := range []int{1e5, 1e7} {
		b.Run(fmt.Sprintf("P=%.0e", float64(p)), func(b *testing.B) {
			row := make([]byte, 4*p+1100)
			path := filepath.Join(b.TempDir(), "raw")
			f, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			written := 0
			b.SetBytes(int64(4 * p))
			for b.Loop() {
				if written > benchmarkBytes {
					b.StopTimer()
					f.Close()
					os.Remove(path)
					if f, err = os.Create(path); err != nil {
						b.Fatal(err)
					}
					written = 0
					b.StartTimer()
				}
				if _, err := f.Write(row); err != nil {
					b.Fatal(err)
				}
				written += len(row)
			}
		})
	}
}

func benchmarkRun(b *testing.B, p, rows int) *Reader {
	h := thetaOnly(p)
	all := recordtest.Rows(h, 0, 1)
	dir := filepath.Join(b.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range rows {
		all[0].Step = int64(i)
		if err := w.Append(&all[0]); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return mustOpen(b, dir)
}

// BenchmarkTheta reads one iterate after another in a jumping order, each of
// which was verified before. Nothing is copied, whatever its length.
func BenchmarkTheta(b *testing.B) {
	b.Run("P=1e7", func(b *testing.B) {
		const rows = 8
		r := benchmarkRun(b, 1e7, rows)
		for i := range rows {
			if _, err := r.Theta(i); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(4e7)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 5) % rows
			if _, err := r.Theta(i); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerify reads iterates for the first time: the price of the checksums.
func BenchmarkVerify(b *testing.B) {
	b.Run("P=1e5", func(b *testing.B) {
		const rows = 200
		r := benchmarkRun(b, 1e5, rows)
		b.SetBytes(4e5 * rows)
		for b.Loop() {
			clear(r.state.Load().segments[0].verified)
			for i := range rows {
				if _, err := r.Theta(i); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkScan sums all iterates of a run that is in the page cache and was
// verified before. Its floor is BenchmarkCopy, the speed of memory.
func BenchmarkScan(b *testing.B) {
	b.Run("P=1e5", func(b *testing.B) {
		const rows = 500
		r := benchmarkRun(b, 1e5, rows)
		b.SetBytes(4e5 * rows)
		sum := float32(0)
		scan := func() {
			for i := range rows {
				v, err := r.Theta(i)
				if err != nil {
					b.Fatal(err)
				}
				sum += sumOf(v)
			}
		}
		scan()
		for b.Loop() {
			scan()
		}
		if sum != sum {
			b.Error("the sum is NaN")
		}
	})
}

// sumOf adds in eight lanes, so that the addition does not hide the reading.
func sumOf(v []float32) float32 {
	var s [8]float32
	for ; len(v) >= 8; v = v[8:] {
		for j := range s {
			s[j] += v[j]
		}
	}
	total := float32(0)
	for _, x := range s {
		total += x
	}
	for _, x := range v {
		total += x
	}
	return total
}

func BenchmarkCopy(b *testing.B) {
	from, to := make([]byte, 2e8), make([]byte, 2e8)
	b.SetBytes(2e8)
	for b.Loop() {
		copy(to, from)
	}
}

// BenchmarkOpen opens a run of many small rows: closed, by its footer, and
// unclosed, by its messages.
func BenchmarkOpen(b *testing.B) {
	for _, closed := range []bool{true, false} {
		b.Run(fmt.Sprintf("rows=1e5/closed=%v", closed), func(b *testing.B) {
			h := thetaOnly(10)
			s := recordtest.Rows(h, 0, 1)[0]
			dir := filepath.Join(b.TempDir(), "run")
			w, err := Create(dir, h, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			for i := range int64(1e5) {
				s.Step = i
				if err := w.Append(&s); err != nil {
					b.Fatal(err)
				}
			}
			if closed {
				w.Close()
			}
			for b.Loop() {
				r, err := Open(dir)
				if err != nil || r.Len() != 1e5 {
					b.Fatal(err)
				}
				r.Close()
			}
		})
	}
}
