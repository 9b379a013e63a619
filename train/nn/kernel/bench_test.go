package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"sgdwalk/train/nn/kernel/internal/peak"
)

// All benchmarks use one core. share is the part of the multiply-add limit of
// that core, measured in the same benchmark with the same instruction set.

// benchEach runs a benchmark with every instruction set.
func benchEach(b *testing.B, f func(b *testing.B)) {
	for _, set := range available() {
		b.Run(set.String(), func(b *testing.B) {
			use(b, set)
			f(b)
		})
	}
}

// reportFlops reports the speed of the given operations per iteration, and its
// share of the limit.
func reportFlops(b *testing.B, operations float64) {
	if operations == 0 {
		return
	}
	speed := operations * float64(b.N) / b.Elapsed().Seconds() / 1e9
	b.ReportMetric(speed, "GFLOP/s")
	best := 0.0
	for range 5 {
		start := time.Now()
		n := peak.Run(Name(), 200_000)
		best = max(best, float64(n)/time.Since(start).Seconds()/1e9)
	}
	if best > 0 {
		b.ReportMetric(speed/best, "share")
	}
}

func BenchmarkPeak(b *testing.B) {
	benchEach(b, func(b *testing.B) {
		n := 0
		for b.Loop() {
			n += peak.Run(Name(), 10_000)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}

func BenchmarkProducts(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range [][3]int{{128, 128, 784}, {128, 10, 128}, {1000, 128, 784}, {400, 120, 400}} {
		m, n, k := size[0], size[1], size[2]
		matrix := func(rows, cols int) Matrix[float32] {
			return Dense(fill(r, make([]float32, rows*cols)), rows, cols)
		}
		x, w, y := matrix(m, k), matrix(n, k), matrix(m, n)
		dx, dw, bias := matrix(m, k), matrix(n, k), fill(r, make([]float32, n))
		packed, scratch := make([]float32, PackedLen(n, k)), &Scratch[float32]{}
		operations := 2 * float64(m) * float64(n) * float64(k)
		run := func(name string, operations float64, f func()) {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, n, k), func(b *testing.B) {
				benchEach(b, func(b *testing.B) {
					for b.Loop() {
						f()
					}
					reportFlops(b, operations)
				})
			})
		}
		run("pack", 0, func() { Pack(packed, w) })
		run("forward", operations,
			func() { MulPacked(y, x, packed, Epilogue[float32]{Bias: bias, ReLU: true}, scratch) })
		run("input", operations, func() { MulNN(dx, y, w, Epilogue[float32]{}, scratch) })
		run("weights", operations, func() { MulTN(dw, y, x, Epilogue[float32]{}, scratch) })
		b.Run(fmt.Sprintf("gonum/%dx%dx%d", m, n, k), func(b *testing.B) {
			for b.Loop() {
				gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, m, n, k, 1, x.Data, k, w.Data, k, 0, y.Data, n)
			}
			b.ReportMetric(operations*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
