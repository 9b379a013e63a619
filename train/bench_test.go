package train_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/nn"
	"sgdwalk/train/optim"
)

// loops are the training loops whose cost of recording is measured.
var loops = []struct {
	name, spec string
	in         nn.Input
	steps      int // per round of ratios
}{
	{"mlp128", "mlp:128", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 200},
	{"lenet", "lenet", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 40},
	{"resnet20", "resnet:20", nn.Input{Height: 32, Width: 32, Channels: 3, Classes: 10}, 4},
}

// benchmarkBytes is about how much a benchmark writes before it starts a new file,
// so that a long benchmark does not fill the disk.
const benchmarkBytes = 1 << 29

// BenchmarkLoop measures the training loop on batches of 128 random examples, with
// every step recorded as the program records it:
//
//	off         nothing is recorded
//	theta       iterates, and running statistics for models that have them
//	theta+grad  gradients too
//	raw         the same number of bytes as theta, written by a rawWriter: no format
//	            can be faster
//	raw+grad    the same number of bytes as theta+grad
//	ratios      one round of all of these in each operation, so that other load on
//	            the machine affects all of them; reports medians over the rounds,
//	            relative to off and to raw
//
// The time is the time of the steps, until the operating system has the last row.
// It excludes opening the file, the footer and the final sync.
func BenchmarkLoop(b *testing.B) {
	for _, l := range loops {
		b.Run(l.name, func(b *testing.B) {
			for _, c := range recordings {
				b.Run(c.name, func(b *testing.B) {
					benchmarkLoop(b, newBenchmark(b, l.spec, l.in, c.grad), c.open)
				})
			}
			b.Run("ratios", func(b *testing.B) {
				all := make([]*loopBenchmark, len(recordings))
				for i, c := range recordings {
					all[i] = newBenchmark(b, l.spec, l.in, c.grad)
				}
				benchmarkRatios(b, all, l.steps)
			})
		})
	}
}

// recordings are the variants of the loop.
var recordings = []struct {
	name string
	grad bool
	open opener
}{
	{"off", false, nil},
	{"theta", false, openRecording},
	{"raw", false, openRaw},
	{"theta+grad", true, openRecording},
	{"raw+grad", true, openRaw},
}

// benchmarkRatios runs each recording for the given number of steps in each
// operation.
func benchmarkRatios(b *testing.B, all []*loopBenchmark, steps int) {
	dir := filepath.Join(b.TempDir(), "run")
	times := make([][]float64, len(all))
	for i, l := range all { // the first steps make buffers
		l.run(b, recordings[i].open, dir, 2)
	}
	for round := 0; b.Loop(); round++ {
		for i := range all {
			i = (i + round) % len(all) // rotate, so that no variant always follows the same one
			times[i] = append(times[i], all[i].run(b, recordings[i].open, dir, steps).Seconds())
		}
	}
	median := make(map[string]float64)
	for i, t := range times {
		slices.Sort(t)
		median[recordings[i].name] = t[len(t)/2]
	}
	b.ReportMetric(1e3*median["off"]/float64(steps), "ms/step")
	for _, name := range []string{"theta", "raw", "theta+grad", "raw+grad"} {
		b.ReportMetric(median[name]/median["off"], name+"/off")
	}
	b.ReportMetric(median["theta"]/median["raw"], "theta/raw")
	b.ReportMetric(median["theta+grad"]/median["raw+grad"], "theta+grad/raw+grad")
}

// opener opens the sink of a benchmark.
type opener = func(dir string, h *record.Header) (flusher, error)

// run does n steps and returns the time until the operating system has the last
// row.
func (l *loopBenchmark) run(b *testing.B, open opener, dir string, n int) time.Duration {
	b.Helper()
	var sink flusher
	l.loop.Sink = nil
	if open != nil {
		var err error
		if sink, err = open(dir, l.header); err != nil {
			b.Fatal(err)
		}
		l.loop.Sink = sink
	}
	l.loop.MaxSteps = int64(n)
	start := time.Now()
	r, err := l.loop.Run(context.Background())
	if err == nil && sink != nil {
		err = sink.Flush()
	}
	took := time.Since(start)
	if err != nil {
		b.Fatal(err)
	}
	if r.Status != train.Finished || r.Steps != int64(n) {
		b.Fatalf("%d of %d steps: %s", r.Steps, n, r.Message)
	}
	if sink != nil {
		if r.Rows != int64(n)+1 {
			b.Fatalf("%d steps gave %d rows", n, r.Rows)
		}
		if err := sink.Close(); err != nil {
			b.Fatal(err)
		}
		os.RemoveAll(dir)
	}
	return took
}

// flusher is a sink that writes rows later than Append.
type flusher interface {
	record.Sink
	Flush() error
}

// benchmarkLoop runs b.N steps, in several files if they need much space.
func benchmarkLoop(b *testing.B, l *loopBenchmark, open opener) {
	dir := filepath.Join(b.TempDir(), "run")
	perFile := b.N
	if open != nil {
		perFile = int(max(1, benchmarkBytes/l.rowBytes))
	}
	took := time.Duration(0)
	for done := 0; done < b.N; {
		n := min(perFile, b.N-done)
		done += n
		took += l.run(b, open, dir, n)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/op")
	b.ReportMetric(1e3*took.Seconds()/float64(b.N), "ms/step")
}

// loopBenchmark is a loop without a sink, and the header of its rows.
type loopBenchmark struct {
	loop     *train.Loop
	header   *record.Header
	rowBytes int64
}

func newBenchmark(b *testing.B, spec string, in nn.Input, grad bool) *loopBenchmark {
	const batch, batches, learningRate = 128, 4, 0.01
	model, err := nn.New(spec, in, nn.Options{Batch: batch, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(model.Close)
	optimizer, _, err := optim.New("sgd", map[string]float64{"learning_rate": learningRate}, model.Layout(), 1)
	if err != nil {
		b.Fatal(err)
	}
	h := record.NewHeader(model.Layout())
	h.State = model.StateLayout()
	h.Columns.Grad, h.Columns.State = grad, len(h.State) > 0
	overhead, _, err := arrowfile.Overhead(h)
	if err != nil {
		b.Fatal(err)
	}
	l := &loopBenchmark{header: h, rowBytes: overhead}
	for _, v := range vectors(h, model.Theta(), model.Theta(), model.State()) {
		l.rowBytes += 4 * int64(len(v))
	}
	l.loop = &train.Loop{
		Model: model, Optimizer: optimizer, Source: newNoise(in, batch, batches),
		LearningRate: func(int64) float64 { return learningRate }, Epochs: 1 << 30, Columns: h.Columns,
	}
	return l
}

// vectors returns the vectors of a row that are recorded.
func vectors(h *record.Header, theta, grad, state []float32) [][]float32 {
	var v [][]float32
	for _, c := range []struct {
		recorded bool
		values   []float32
	}{{h.Columns.Theta, theta}, {h.Columns.Grad, grad}, {h.Columns.State, state}} {
		if c.recorded {
			v = append(v, c.values)
		}
	}
	return v
}

// noise is a source of batches of random pixels and labels.
type noise struct {
	inputs [][]float32
	labels [][]int32
}

func newNoise(in nn.Input, batch, batches int) *noise {
	rng := rand.New(rand.NewPCG(1, 2))
	s := new(noise)
	for range batches {
		x, y := make([]float32, batch*in.Len()), make([]int32, batch)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for i := range y {
			y[i] = rng.Int32N(int32(in.Classes))
		}
		s.inputs, s.labels = append(s.inputs, x), append(s.labels, y)
	}
	return s
}

func (s *noise) PerEpoch() int { return len(s.inputs) }

func (s *noise) Batch(_, b int) ([]float32, []int32, error) { return s.inputs[b], s.labels[b], nil }

func openRecording(dir string, h *record.Header) (flusher, error) {
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		return nil, err
	}
	return arrowfile.NewAsync(w, h, arrowfile.AsyncOptions{})
}
