package path_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"sgdwalk/analyze/path"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// BenchmarkCompute walks along long runs of 20 parameters on disk.
func BenchmarkCompute(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("T=%d", rows), func(b *testing.B) {
			if testing.Short() && rows > 100_000 {
				b.Skip("a million rows take 100 MB of disk")
			}
			dir := filepath.Join(b.TempDir(), "run")
			writeLong(b, dir, rows)
			r, err := arrowfile.Open(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			for b.Loop() {
				if _, err := path.Compute(context.Background(), r, path.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func writeLong(b *testing.B, dir string, rows int) {
	w, err := arrowfile.Create(dir, header(20), arrowfile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	theta, grad := make([]float32, 20), make([]float32, 20)
	for k := range rows {
		if err := w.Append(&record.Step{
			Step: int64(k), Epoch: int32(1 + k/1000), Examples: 1, Theta: theta,
			Grad: grad,
		}); err != nil {
			b.Fatal(err)
		}
		theta[k%20] += float32(rng.NormFloat64())
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
