package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkElementwise reports the bytes that a pass must at least read and
// write, and for comparison a copy of the same number of bytes. One image is in
// the first caches, 128 images are in main memory.
func BenchmarkElementwise(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, images := range []int{1, 128} {
		shape := Image{Height: 32, Width: 32, Channels: 16, Halo: 1}
		small := Image{Height: 16, Width: 16, Channels: 16, Halo: 1}
		draw := func(shape Image) Images[float32] {
			m := NewImages[float32](shape, images)
			m.each(func(_, _, _, _, at int) { m.Data[at] = float32(r.NormFloat64()) })
			return m
		}
		x, y, dy, res := draw(shape), draw(shape), draw(shape), draw(shape)
		half, dhalf := draw(small), draw(small)
		stats, none := NewStats[float32](16), Images[float32]{}
		v := fill(r, make([]float32, 16))
		norm := Norm[float32]{Mean: v, Scale: v, Shift: v, ReLU: true}
		gradient := NormGradient[float32]{Mean: v, Gradient: v, Centred: v, Constant: v}
		bytes := 4 * images * 32 * 32 * 16
		run := func(name string, tensors float64, f func()) {
			b.Run(fmt.Sprintf("%s/%dx32x32x16", name, images), func(b *testing.B) {
				benchEach(b, func(b *testing.B) {
					b.SetBytes(int64(tensors * float64(bytes)))
					for b.Loop() {
						f()
					}
				})
			})
		}
		run("copy", 2, func() { copy(y.Data, x.Data) })
		run("stats", 1, func() { stats.AddImages(x) })
		run("norm", 2, func() { NormForward(y, x, none, norm) })
		run("normadd", 3, func() { NormForward(y, x, res, norm) })
		run("normsums", 3, func() { NormSums(stats, dy, y, x, none) })
		run("normsumskeep", 4, func() { NormSums(stats, dy, y, x, res) })
		run("norminput", 4, func() { NormInput(res, dy, y, x, gradient) })
		run("relu", 3, func() { MaskReLUImages(res, dy, y, nil) })
		run("maxpool", 1.25, func() { MaxPool(half, x) })
		run("maxpoolinput", 2.5, func() { MaxPoolInput(res, dhalf, half, x, true) })
		run("axpy", 3, func() { Axpy(y.Data, 0.5, x.Data) })
	}
}
