package kernel

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestEachCallsEveryPieceOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, workers := range []int{1, 2, 5} {
		w := NewWorkers(workers)
		if len(w.helpers)+1 != workers {
			t.Errorf("%d workers, want %d", len(w.helpers)+1, workers)
		}
		for round := range 300 {
			n := round % 23
			calls := make([]int, n) // not atomic: the race detector sees a piece run twice at once
			w.Each(n, func(i int) { calls[i]++ })
			for i, c := range calls {
				if c != 1 {
					t.Fatalf("%d workers, round %d: piece %d ran %d times", workers, round, i, c)
				}
			}
			if round%100 == 99 {
				time.Sleep(2 * spinTime) // they park, and must wake again
			}
		}
		w.Close()
		w.Close()
		ran := 0
		w.Each(3, func(int) { ran++ })
		if ran != 3 {
			t.Errorf("after Close %d pieces ran, want 3", ran)
		}
	}
}

// TestEachRunsPiecesAtTheSameTime: two pieces that wait for each other end only
// if two goroutines run them.
func TestEachRunsPiecesAtTheSameTime(t *testing.T) {
	w := NewWorkers(2)
	defer w.Close()
	for range 20 {
		var met atomic.Int32
		w.Each(2, func(int) {
			met.Add(1)
			for start := time.Now(); met.Load() < 2; {
				if time.Since(start) > 10*time.Second {
					t.Error("the other piece did not start")
					return
				}
				time.Sleep(time.Microsecond)
			}
		})
		time.Sleep(spinTime)
	}
}

func TestEachWithinAndBesideEach(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	var ran atomic.Int32
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		w.Each(50, func(int) { ran.Add(1) })
	}()
	w.Each(10, func(int) { w.Each(5, func(int) { ran.Add(1) }) })
	<-finished
	if ran.Load() != 100 {
		t.Errorf("%d pieces ran, want 100", ran.Load())
	}
}

func TestEachRaisesAPanicAgain(t *testing.T) {
	w := NewWorkers(2)
	defer w.Close()
	for range 10 {
		var ran atomic.Int32
		func() {
			defer func() {
				var failure *PanicError
				err, _ := recover().(error)
				if !errors.As(err, &failure) || failure.Value != "broken" ||
					!strings.Contains(err.Error(), "piece of work panicked: broken") {
					t.Errorf("recovered %v, want the panic of the piece", err)
				}
			}()
			w.Each(8, func(i int) {
				ran.Add(1)
				if i == 3 {
					panic("broken")
				}
			})
		}()
		if ran.Load() != 8 {
			t.Errorf("%d pieces ran, want 8", ran.Load())
		}
	}
}

func TestEachAllocatesNothing(t *testing.T) {
	w := NewWorkers(2)
	defer w.Close()
	f := func(int) {}
	if n := testing.AllocsPerRun(100, func() { w.Each(8, f) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// TestWorkersGiveTheSameBits: the bits of a reduction in the order of the pieces
// do not depend on the number of workers.
func TestWorkersGiveTheSameBits(t *testing.T) {
	v := Conv{
		In: Image{Height: 9, Width: 9, Channels: 16, Halo: 1}, Out: Image{Height: 9, Width: 9, Channels: 16, Halo: 1},
		Inputs: 16, Outputs: 16, Kernel: 3, Stride: 1, Pad: 1,
	}
	const images, pieces = 20, 8
	x, dy := NewImages[float32](v.In, images), NewImages[float32](v.Out, images)
	for i := range x.Data {
		x.Data[i], dy.Data[i] = float32(i%17)-8.3, float32(i%13)-6.1
	}
	gradient := func(workers int) []float32 {
		w := NewWorkers(workers)
		defer w.Close()
		parts := make([][]float32, pieces)
		w.Each(pieces, func(i int) {
			parts[i] = make([]float32, v.GradientLen())
			low, high := i*images/pieces, (i+1)*images/pieces
			ConvWeights(v, parts[i], x.Slice(low, high), dy.Slice(low, high), new(Scratch[float32]))
		})
		grad := make([]float32, v.WeightLen())
		UnpackConvGradient(v, grad, parts...)
		return grad
	}
	want := gradient(1)
	for _, workers := range []int{2, 5} {
		sameBits(t, "gradient", gradient(workers), want)
	}
}

func BenchmarkEach(b *testing.B) {
	w := NewWorkers(2)
	defer w.Close()
	f := func(int) {}
	for b.Loop() {
		w.Each(8, f)
	}
}
