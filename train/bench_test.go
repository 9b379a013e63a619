package train_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

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
}{
	{"mlp128", "mlp:128", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}},
	{"lenet", "lenet", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}},
	{"resnet20", "resnet:20", nn.Input{Height: 32, Width: 32, Channels: 3, Classes: 10}},
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
//
// The time is that of the steps, until the last row is with the operating
// system. Opening, the footer and the final sync are outside of it.
func BenchmarkLoop(b *testing.B) {
	for _, l := range loops {
		b.Run(l.name, func(b *testing.B) {
			for _, c := range []struct {
				name string
				grad bool
				open func(dir string, h *record.Header) (flusher, error)
			}{
				{"off", false, nil},
				{"theta", false, openRecording},
				{"floor", false, openFloor},
				{"theta+grad", true, openRecording},
				{"floor+grad", true, openFloor},
			} {
				b.Run(c.name, func(b *testing.B) {
					benchmarkLoop(b, newBenchmark(b, l.spec, l.in, c.grad), c.open)
				})
			}
		})
	}
}

// flusher is a sink whose rows wait.
type flusher interface {
	record.Sink
	Flush() error
}

// benchmarkLoop runs b.N steps, a file's worth at a time.
func benchmarkLoop(b *testing.B, l *loopBenchmark, open func(string, *record.Header) (flusher, error)) {
	dir := b.TempDir()
	atATime := b.N
	if open != nil {
		atATime = int(max(1, benchmarkBytes/l.rowBytes))
	}
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(atATime, b.N-done)
		done += n
		b.StopTimer()
		run := filepath.Join(dir, fmt.Sprint(done))
		var sink flusher
		if open != nil {
			var err error
			if sink, err = open(run, l.header); err != nil {
				b.Fatal(err)
			}
			l.loop.Sink = sink
		}
		l.loop.MaxSteps = int64(n)
		b.StartTimer()
		r, err := l.loop.Run(context.Background())
		if err == nil && sink != nil {
			err = sink.Flush()
		}
		b.StopTimer()
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
			os.RemoveAll(run)
		}
		b.StartTimer()
	}
	b.ReportMetric(1e3*b.Elapsed().Seconds()/float64(b.N), "ms/step")
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
