package nn

import (
	"testing"

	"sgdwalk/train/nn/kernel"
)

// BenchmarkFirstConv shows whether a first convolution on a plane should be
// combined, as a first fully connected layer is. It compares computing it from
// the images ("computed") with combining three results that were computed once
// for the whole grid and are read from memory for each point ("read") or for
// sixteen points ("shared"). On one core, per image.
func BenchmarkFirstConv(b *testing.B) {
	for _, c := range []struct {
		name                          string
		size, in, out, kernel, points int
	}{
		{"lenet", 28, 1, 6, 5, 16}, {"resnet8", 32, 3, 16, 3, 16},
	} {
		const images = 512 // three results of so many do not fit the caches
		v := kernel.Conv{
			In:     kernel.Image{Height: c.size, Width: c.size, Channels: c.in, Halo: c.kernel / 2},
			Out:    kernel.Image{Height: c.size, Width: c.size, Channels: kernel.PadChannels(c.out)},
			Inputs: c.in, Outputs: c.out, Kernel: c.kernel, Stride: 1, Pad: c.kernel / 2,
		}
		if err := v.Validate(); err != nil {
			b.Fatal(err)
		}
		x, y := kernel.NewImages[float32](v.In, images), kernel.NewImages[float32](v.Out, images)
		packed := make([]float32, v.PackedLen())
		each := func(name string, f func()) {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*images)/1e3, "us/image")
			})
		}
		each("computed", func() {
			for i := range images {
				kernel.ConvForward(v, y.Slice(i, i+1), x.Slice(i, i+1), packed,
					kernel.ConvEpilogue[float32]{ReLU: true}, new(kernel.Scratch[float32]))
			}
		})
		z := [3]kernel.Images[float32]{y}
		for i := range z {
			z[i] = kernel.NewImages[float32](v.Out, images)
			for k := range z[i].Data {
				z[i].Data[k] = float32(k % 7)
			}
		}
		one, n := make([]float32, v.Out.Len()), v.Out.Len()
		combine := func(i int) {
			at, end := i*n, (i+1)*n
			kernel.ScaleAdd(one, 0.5, z[1].Data[at:end], 1, z[0].Data[at:end])
			kernel.Axpy(one, 0.3, z[2].Data[at:end])
			kernel.MaskReLU(one, one, one)
		}
		each("read", func() {
			for i := range images {
				combine(i)
			}
		})
		b.Run(c.name+"/shared", func(b *testing.B) {
			for b.Loop() {
				for i := range images {
					for range c.points {
						combine(i)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*images*c.points)/1e3, "us/image")
		})
	}
}
