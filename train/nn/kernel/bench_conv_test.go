package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// benchConvs are the convolutions of ResNet-20, LeNet-5 and the deep end of VGG.
var benchConvs = []struct {
	name                                       string
	size, in, stored, out, kernel, stride, pad int
	images                                     int
}{
	{"3to16", 32, 3, 3, 16, 3, 1, 1, 16},
	{"16ch32px", 32, 16, 16, 16, 3, 1, 1, 16},
	{"32ch16px", 16, 32, 32, 32, 3, 1, 1, 16},
	{"64ch8px", 8, 64, 64, 64, 3, 1, 1, 16},
	{"16to32half", 32, 16, 16, 32, 3, 2, 1, 16},
	{"lenet1", 28, 1, 1, 6, 5, 1, 2, 16},
	{"lenet2", 14, 6, 8, 16, 5, 1, 0, 16},
	{"256ch4px", 4, 256, 256, 256, 3, 1, 1, 16},
}

func BenchmarkConv(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range benchConvs {
		out := (c.size+2*c.pad-c.kernel)/c.stride + 1
		v := Conv{
			In:     Image{Height: c.size, Width: c.size, Channels: c.stored, Halo: c.pad},
			Out:    Image{Height: out, Width: out, Channels: PadChannels(c.out)},
			Inputs: c.in, Outputs: c.out, Kernel: c.kernel, Stride: c.stride, Pad: c.pad,
		}
		v.Out.Halo = v.InputHalo()
		if err := v.Validate(); err != nil {
			b.Fatal(err)
		}
		x, y := NewImages[float32](v.In, c.images), NewImages[float32](v.Out, c.images)
		x.each(func(_, _, _, _, at int) { x.Data[at] = float32(r.NormFloat64()) })
		w := fill(r, make([]float32, v.WeightLen()))
		packed, packedInput := make([]float32, v.PackedLen()), make([]float32, v.PackedInputLen())
		dw, stats := make([]float32, v.GradientLen()), NewStats[float32](v.Out.Channels)
		scratch := new(Scratch[float32])
		PackConv(v, packed, w)
		ConvForward(v, y, x, packed, ConvEpilogue[float32]{}, scratch)
		operations := 2 * float64(c.images*out*out*c.out) * float64(c.in*c.kernel*c.kernel)
		run := func(name string, operations float64, f func()) {
			b.Run(fmt.Sprintf("%s/%s", name, c.name), func(b *testing.B) {
				benchEach(b, func(b *testing.B) {
					for b.Loop() {
						f()
					}
					reportFlops(b, operations)
				})
			})
		}
		run("forward", operations, func() { ConvForward(v, y, x, packed, ConvEpilogue[float32]{}, scratch) })
		run("stats", operations, func() { ConvForward(v, y, x, packed, ConvEpilogue[float32]{Stats: stats}, scratch) })
		if c.stored%half == 0 {
			run("packinput", 0, func() { PackConvInput(v, packedInput, w) })
			run("input", operations, func() { ConvInput(v, x, y, packedInput, ConvEpilogue[float32]{}, scratch) })
		}
		// gonum multiplies matrices of the same size; making the column matrix is
		// not counted.
		pixels, taps := out*out, c.in*c.kernel*c.kernel
		columns, result := fill(r, make([]float32, pixels*taps)), make([]float32, pixels*c.out)
		b.Run("gonum/"+c.name, func(b *testing.B) {
			for b.Loop() {
				for range c.images {
					gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, pixels, c.out, taps, 1, columns, taps, w,
						taps, 0, result, c.out)
				}
			}
			b.ReportMetric(operations*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		run("weights", operations, func() { ConvWeights(v, dw, x, y, scratch) })
		run("pack", 0, func() { PackConv(v, packed, w) })
		grad := make([]float32, v.WeightLen())
		run("unpack8", 0, func() { UnpackConvGradient(v, grad, dw, dw, dw, dw, dw, dw, dw, dw) })
	}
}
