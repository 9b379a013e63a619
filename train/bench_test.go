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

// The loops whose price of recording is stated.
var loops = []struct {
	name, spec string
	in         nn.Input
	steps      int // of a round of ratios
}{
	{"mlp128", "mlp:128", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 200},
	{"lenet", "lenet", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 40},
	{"resnet20", "resnet:20", nn.Input{Height: 32, Width: 32, Channels: 3, Classes: 10}, 4},
}

// benchmarkBytes is about how much a benchmark writes before it starts its file
// anew, so that a long one does not fill the disk.
const benchmarkBytes = 1 << 29

// BenchmarkLoop is the training loop on batches of 128 random examples, every
// step recorded as the program records it:
//
//	off         nothing is recorded
//	theta       iterates, and running statistics for models that have them
//	theta+grad  gradients too
//	floor       as many bytes as theta, each row copied and written by one
//	            write(2), in a goroutine with as many buffers: what no format
//	            can be quicker than
//	floor+grad  as many bytes as theta+grad
//	ratios      a round of all of these in each operation, so that what else the
//	            machine does in a sitting meets them alike; reported are the medians
//	            over the rounds, over that of off and over that of the floor
//
// The time is that of the steps, until the last row is with the operating
// system. Opening, the footer and the final sync are outside of it.
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

// recordings are the ways in which the loop runs.
var recordings = []struct {
	name string
	grad bool
	open func(dir string, h *record.Header) (flusher, error)
}{
	{"off", false, nil},
	{"theta", false, openRecording},
	{"floor", false, openFloor},
	{"theta+grad", true, openRecording},
	{"floor+grad", true, openFloor},
}

// benchmarkRatios runs every one of the recordings for so many steps in each
// operation.
func benchmarkRatios(b *testing.B, all []*loopBenchmark, steps int) {
	dir := filepath.Join(b.TempDir(), "run")
	times := make([][]float64, len(all))
	for i, l := range all { // the first steps make buffers
		l.run(b, recordings[i].open, dir, 2)
	}
	for round := 0; b.Loop(); round++ {
		for i := range all {
			i = (i + round) % len(all) // none is always after the same one
			times[i] = append(times[i], all[i].run(b, recordings[i].open, dir, steps).Seconds())
		}
	}
	median := make(map[string]float64)
	for i, t := range times {
		slices.Sort(t)
		median[recordings[i].name] = t[len(t)/2]
	}
	b.ReportMetric(1e3*median["off"]/float64(steps), "ms/step")
	for _, name := range []string{"theta", "floor", "theta+grad", "floor+grad"} {
		b.ReportMetric(median[name]/median["off"], name+"/off")
	}
	b.ReportMetric(median["theta"]/median["floor"], "theta/floor")
	b.ReportMetric(median["theta+grad"]/median["floor+grad"], "theta+grad/floor+grad")
}

// run makes n steps and returns what they took, until the last row is with the
// operating system.
func (l *loopBenchmark) run(b *testing.B, open func(string, *record.Header) (flusher, error), dir string, n int) time.Duration {
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

// flusher is a sink whose rows wait.
type flusher interface {
	record.Sink
	Flush() error
}

// benchmarkLoop runs b.N steps, a file's worth at a time.
func benchmarkLoop(b *testing.B, l *loopBenchmark, open func(string, *record.Header) (flusher, error)) {
	dir := filepath.Join(b.TempDir(), "run")
	atATime := b.N
	if open != nil {
		atATime = int(max(1, benchmarkBytes/l.rowBytes))
	}
	took := time.Duration(0)
	for done := 0; done < b.N; {
		n := min(atATime, b.N-done)
		done += n
		took += l.run(b, open, dir, n)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/op")
	b.ReportMetric(1e3*took.Seconds()/float64(b.N), "ms/step")
}

// loopBenchmark is a loop without sink and what its rows look like.
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

// vectors returns those vectors of a row that are recorded.
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

// noise hands out batches of random pixels and labels.
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
