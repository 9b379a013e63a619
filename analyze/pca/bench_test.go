package pca_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// BenchmarkFit measures the leading ten components of a run on disk, opened,
// verified and decomposed, and the largest resident memory meanwhile: peak-MB is
// all of it, the mapped files included, anonymous-MB is that of the heap and
// everything else that is no file. The file is in the page cache.
func BenchmarkFit(b *testing.B) {
	for _, size := range []struct{ n, p int }{{1000, 100_000}, {200, 100_000}} {
		name := fmt.Sprintf("T=%d/P=1e%d", size.n, 5)
		b.Run(name, func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "run")
			writeWalk(b, dir, size.n, size.p)
			b.SetBytes(4 * int64(size.n) * int64(size.p))
			m := watchMemory()
			for b.Loop() {
				fitFile(pca.Options{})(b, dir)
			}
			m.report(b)
		})
	}
}

// BenchmarkLongRun fits a run of 100,000 rows, of which at most MaxRows take part.
func BenchmarkLongRun(b *testing.B) {
	if testing.Short() {
		b.Skip("10,000 rows at once take seconds")
	}
	dir := filepath.Join(b.TempDir(), "run")
	writeWalk(b, dir, 100_000, 20)
	for b.Loop() {
		fitFile(pca.Options{Kinds: pca.All})(b, dir)
	}
}

// BenchmarkLargeRun is BenchmarkFit for 200 rows of 1e6 and of 1e7 parameters, 0.8 and
// 8 GB, from a disk whose cache does not have them, and beside it one sequential
// read of the files, as cold. It needs SGDWALK_LARGE, a directory on a disk with
// room; a run that is there is used again.
func BenchmarkLargeRun(b *testing.B) {
	large := os.Getenv("SGDWALK_LARGE")
	if large == "" {
		b.Skip("SGDWALK_LARGE names no directory with room for 8 GB")
	}
	const n = 200
	for _, exponent := range []int{6, 7} {
		p := int(math.Pow10(exponent))
		name := fmt.Sprintf("T=%d/P=1e%d", n, exponent)
		dir := filepath.Join(large, fmt.Sprintf("T=%d,P=1e%d", n, exponent))
		measured := func(b *testing.B, f func(testing.TB, string)) {
			if _, err := os.Stat(filepath.Join(dir, "header.json")); err != nil {
				writeWalk(b, dir, n, p)
			}
			b.SetBytes(4 * n * int64(p))
			m := watchMemory()
			for b.Loop() {
				b.StopTimer()
				forget(b, dir)
				b.StartTimer()
				f(b, dir)
			}
			m.report(b)
		}
		b.Run(name+"/read", func(b *testing.B) { measured(b, readFiles) })
		b.Run(name+"/scores", func(b *testing.B) { measured(b, fitFile(pca.Options{ScoresOnly: true})) })
		b.Run(name+"/fit", func(b *testing.B) { measured(b, fitFile(pca.Options{})) })
	}
}

// BenchmarkJoint is the joint fit of nine runs of 1,000 rows and 1e5 parameters
// each, 3.6 GB, of equal weight. It needs SGDWALK_LARGE, as BenchmarkLargeRun does.
func BenchmarkJoint(b *testing.B) {
	large := os.Getenv("SGDWALK_LARGE")
	if large == "" {
		b.Skip("SGDWALK_LARGE names no directory with room for 3.6 GB")
	}
	const runs, n, p = 9, 1000, 100_000
	var dirs []string
	for i := range runs {
		dir := filepath.Join(large, fmt.Sprintf("joint-%d", i))
		if _, err := os.Stat(filepath.Join(dir, "header.json")); err != nil {
			writeWalk(b, dir, n, p)
		}
		dirs = append(dirs, dir)
	}
	b.SetBytes(4 * runs * n * p)
	m := watchMemory()
	for b.Loop() {
		var traces []record.Trajectory
		for _, dir := range dirs {
			r, err := arrowfile.Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			traces = append(traces, r)
		}
		if _, err := pca.FitJoint(context.Background(), traces, pca.Options{
			EqualRuns:  true,
			Surrogates: -1,
		}); err != nil {
			b.Fatal(err)
		}
	}
	m.report(b)
}

// fitFile opens a run and finds ten directions.
func fitFile(o pca.Options) func(testing.TB, string) {
	o.Components, o.Surrogates = 10, -1
	return func(tb testing.TB, dir string) {
		r, err := arrowfile.Open(dir)
		if err != nil {
			tb.Fatal(err)
		}
		defer r.Close()
		if _, err := pca.Fit(context.Background(), r, o); err != nil {
			tb.Fatal(err)
		}
	}
}

// readFiles reads every byte once, in order.
func readFiles(tb testing.TB, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "steps-*.arrow"))
	if err != nil || len(names) == 0 {
		tb.Fatal(names, err)
	}
	buffer := make([]byte, 4<<20)
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			tb.Fatal(err)
		}
		for n := 1; n > 0; {
			n, _ = f.Read(buffer)
		}
		f.Close()
	}
}

// writeWalk records a random walk.
func writeWalk(tb testing.TB, dir string, n, p int) {
	h := &record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "weight", Kind: record.Weight, Shape: []int{1, p}}),
	}
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	theta := make([]float32, p)
	for k := range n {
		if err := w.Append(&record.Step{Step: int64(k), Epoch: 1, Theta: theta}); err != nil {
			tb.Fatal(err)
		}
		for j := range theta {
			theta[j] += rng.Float32() - 0.5
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
}

// memoryWatch looks at the process's resident memory every few milliseconds.
type memoryWatch struct {
	stop, stopped  chan struct{} // closed by the caller; closed when the goroutine has ended
	all, anonymous int           // KiB, the largest seen
}

func watchMemory() *memoryWatch {
	m := &memoryWatch{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(m.stopped)
		for {
			select {
			case <-m.stop:
				return
			case <-time.After(5 * time.Millisecond):
				m.all = max(m.all, statusKiB("VmRSS:"))
				m.anonymous = max(m.anonymous, statusKiB("RssAnon:"))
			}
		}
	}()
	return m
}

func (m *memoryWatch) report(b *testing.B) {
	close(m.stop)
	<-m.stopped
	if m.all > 0 { // 0 where the system does not say
		b.ReportMetric(float64(m.all)/1024, "peak-MB")
		b.ReportMetric(float64(m.anonymous)/1024, "anonymous-MB")
	}
}

// statusKiB returns a number of /proc/self/status, 0 where there is none.
func statusKiB(key string) int {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte(key)); ok {
			n, _ := strconv.Atoi(string(bytes.Fields(value)[0]))
			return n
		}
	}
	return 0
}
