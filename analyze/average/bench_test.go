package average_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

const (
	largeRows       = 1000
	largeParameters = 1_000_000
)

// BenchmarkLargeRun averages 1,000 iterates of a million parameters: reading the recording
// once, 50 windows at the last step without and with their null, and 50 windows at 20 steps.
// The loss costs nothing. SGDWALK_LARGE names a directory for 4 GB.
func BenchmarkLargeRun(b *testing.B) {
	parent := os.Getenv("SGDWALK_LARGE")
	if parent == "" {
		b.Skip("SGDWALK_LARGE names no directory for 4 GB")
	}
	dir := filepath.Join(parent, "average")
	if r, err := arrowfile.Open(dir); err == nil {
		r.Close()
	} else {
		writeLarge(b, dir)
	}
	var windows []average.Average
	for i := range 50 {
		windows = append(windows, average.Average{Scheme: average.Window, Length: 20 * (i + 1)})
	}
	at := func(text string) analyze.Segments {
		s, err := analyze.ParseSegments(text)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("read", func(b *testing.B) { measured(b, dir, read) })
	for _, c := range []struct {
		name string
		o    average.Options
	}{
		{"windows=50", average.Options{Averages: windows, At: at("999"), NoNull: true}},
		{"windows=50,null", average.Options{Averages: windows, At: at("999")}},
		{"windows=50,steps=20", average.Options{Averages: windows, At: at("every:50+999"), NoNull: true}},
		{"default", average.Options{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			measured(b, dir, func(r *arrowfile.Reader) error {
				result, err := average.Compute(context.Background(), r, free{}, c.o)
				if err == nil && result.Summary.Passes != 1 {
					err = errors.New("the recording is read more than once")
				}
				return err
			})
		})
	}
}

// measured opens the run anew each time, so that every row is compared with its checksum.
func measured(b *testing.B, dir string, f func(r *arrowfile.Reader) error) {
	for b.Loop() {
		r, err := arrowfile.Open(dir)
		if err == nil {
			err = errors.Join(f(r), r.Close())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(4 * largeRows * largeParameters)
}

// read reads every iterate once, on all cores.
func read(r *arrowfile.Reader) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range r.Len() {
		g.Go(func() error {
			_, err := r.Read(i, record.ThetaPart)
			if i%16 == 15 {
				r.Release()
			}
			return err
		})
	}
	return g.Wait()
}

// free is a loss that costs nothing.
type free struct{}

func (free) Loss(context.Context, []float32) (float64, error) { return 1, nil }

func (free) Gradient(_ context.Context, theta, grad []float32) (float64, error) {
	copy(grad, theta)
	return 1, nil
}

func writeLarge(b *testing.B, dir string) {
	w, err := arrowfile.Create(dir, header(largeParameters), arrowfile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	theta := make([]float32, largeParameters)
	for k := range largeRows {
		for i := range 1000 {
			theta[(k*1000+i)%largeParameters] += float32(rng.NormFloat64())
		}
		if err := w.Append(&record.Step{Step: int64(k), Epoch: 1, Theta: theta}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
