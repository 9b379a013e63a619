package arrowfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

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

// benchmarkBytes is about how much a benchmark writes before it starts its files
// anew, so that it does not fill the disk.
const benchmarkBytes = 1 << 29

// BenchmarkAppend writes rows of one vector and, in turn with each of them, the
// same number of bytes with one write(2) into a file beside the run: the speed of
// the disk varies over a sitting by more than the two differ. ns/op is that of
// both; the lower quartiles, which other work on the machine disturbs less than
// medians, are
//
//	append-ns/row  a row
//	raw-ns/row     the bare write
//	of-raw         the second over the first: the share of the raw speed
//	bytes/raw      bytes on disk over bytes of theta
//
// Neither syncs. Starting the files anew, footers included, is outside.
func BenchmarkAppend(b *testing.B) {
	for _, p := range []int{1e5, 1e7} {
		b.Run(fmt.Sprintf("P=%.0e", float64(p)), func(b *testing.B) { benchmarkAppend(b, p) })
	}
}

func benchmarkAppend(b *testing.B, p int) {
	h := thetaOnly(p)
	s := recordtest.Rows(h, 0, 1)[0]
	overhead, _, err := Overhead(h)
	must(b, err)
	bare := make([]byte, 4*int64(p)+overhead-blockBytes)
	copy(bare, bytesOf(s.Theta)) // untouched memory would be one page of zeros, which is always in the cache
	dir := b.TempDir()
	raw, run := filepath.Join(dir, "raw"), filepath.Join(dir, "run")
	var w *Writer
	var f *os.File
	ratio := 0.0
	end := func() {
		if w == nil {
			return
		}
		must(b, w.Close())
		must(b, f.Close())
		must(b, os.Remove(raw))
		ratio = float64(w.Bytes()) / float64(w.Rows()*4*int64(p))
	}
	var appended, written []float64
	b.SetBytes(8 * int64(p))
	b.ReportAllocs()
	for b.Loop() {
		if w == nil || w.Bytes() > benchmarkBytes {
			b.StopTimer()
			end()
			w, err = Create(run, h, Options{Overwrite: true})
			must(b, err)
			f, err = os.Create(raw)
			must(b, err)
			s.Step = 0
			b.StartTimer()
		}
		s.Step++
		start := time.Now()
		err := w.Append(&s)
		between := time.Now()
		must(b, err)
		_, err = f.Write(bare)
		written = append(written, float64(time.Since(between)))
		appended = append(appended, float64(between.Sub(start)))
		must(b, err)
	}
	end()
	slices.Sort(appended)
	slices.Sort(written)
	a, r := appended[len(appended)/4], written[len(written)/4]
	b.ReportMetric(a, "append-ns/row")
	b.ReportMetric(r, "raw-ns/row")
	b.ReportMetric(r/a, "of-raw")
	b.ReportMetric(ratio, "bytes/raw")
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
			if _, err := record.ThetaOf(r, i); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(4e7)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 5) % rows
			if _, err := record.ThetaOf(r, i); err != nil {
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
				if _, err := record.ThetaOf(r, i); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkScan sums all iterates of a run that is in the page cache and was
// verified before and, in turn with that, sums as many bytes of the program's own
// memory with the same loop, and copies them. The medians are
//
//	scan-GB/s  the run
//	heap-GB/s  memory: what the loop can do
//	copy-GB/s  the copy
//	of-copy    the first over the last
//	of-heap    the first over the second: what reading through the map costs
//
// and ns/op is that of all three.
func BenchmarkScan(b *testing.B) {
	b.Run("P=1e5", func(b *testing.B) {
		const p, rows, size = 1e5, 500, 4e5 * 500
		r := benchmarkRun(b, p, rows)
		heap, to := make([]float32, p*rows), make([]float32, p*rows)
		sum, expected := float32(0), float32(0)
		scan := func() {
			for i := range rows {
				v, err := record.ThetaOf(r, i)
				if err != nil {
					b.Fatal(err)
				}
				sum += sumOf(v)
			}
		}
		for i := range rows {
			v, err := record.ThetaOf(r, i)
			must(b, err)
			copy(heap[i*p:], v)
		}
		b.SetBytes(3 * size)
		var scanned, summed, copied []float64
		for b.Loop() {
			start := time.Now()
			scan()
			first := time.Now()
			for i := range rows {
				expected += sumOf(heap[i*p : (i+1)*p])
			}
			second := time.Now()
			copy(to, heap)
			copied = append(copied, float64(time.Since(second)))
			summed = append(summed, float64(second.Sub(first)))
			scanned = append(scanned, float64(first.Sub(start)))
		}
		if sum != expected {
			b.Errorf("the run sums to %v and its copy to %v", sum, expected)
		}
		s, h, c := medianOf(scanned), medianOf(summed), medianOf(copied)
		b.ReportMetric(size/s, "scan-GB/s")
		b.ReportMetric(size/h, "heap-GB/s")
		b.ReportMetric(size/c, "copy-GB/s")
		b.ReportMetric(c/s, "of-copy")
		b.ReportMetric(h/s, "of-heap")
	})
}

// medianOf sorts its argument.
func medianOf(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// sumOf adds in eight lanes, so that the addition does not hide the reading. They
// are variables because the compiler keeps those in registers, and an array in
// memory: that made the loop a third as fast as it is.
func sumOf(v []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for ; len(v) >= 8; v = v[8:] {
		w := v[:8:8]
		s0 += w[0]
		s1 += w[1]
		s2 += w[2]
		s3 += w[3]
		s4 += w[4]
		s5 += w[5]
		s6 += w[6]
		s7 += w[7]
	}
	total := (s0 + s1) + (s2 + s3) + (s4 + s5) + (s6 + s7)
	for _, x := range v {
		total += x
	}
	return total
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
