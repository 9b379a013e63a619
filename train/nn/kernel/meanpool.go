package kernel

import "fmt"

// MeanPool sets row i of y, of shape (images, channels), to the means of the
// channels of image i: global average pooling. stats is scratch memory for the
// sums, which are of type T. Its pivot must be zero; its own sums do not change.
func MeanPool[T Float](y Matrix[T], x Images[T], stats *Stats[T]) {
	checkMeanPool("MeanPool", y, x)
	n, area := stats.channels(), T(x.Height*x.Width)
	for i := range x.Count() {
		s := stream[T]{
			op: opStats, t: [6][]T{x.interior(i)}, row: [6]int{x.Row()}, param: [4][]T{stats.Pivot},
			sum: [2][]T{stats.part[:n], stats.part[n:]},
		}
		s.rows, s.pixels, s.pixel, s.channel = x.Height, x.Width, x.Channels, x.Channels
		s.run()
		for c, sum := range stats.part[:x.Channels] {
			y.Data[i*y.Stride+c] = sum / area
		}
		clear(stats.part)
	}
}

// MeanPoolInput gives every pixel of dx the same fraction of the gradient dy, of
// shape (images, channels).
func MeanPoolInput[T Float](dx Images[T], dy Matrix[T]) {
	checkMeanPool("MeanPoolInput", dy, dx)
	area := T(dx.Height * dx.Width)
	for i := range dx.Count() {
		image := dx.Data[i*dx.Len() : (i+1)*dx.Len()]
		first := image[dx.At(0, 0):][:dx.Channels]
		for c := range first {
			first[c] = dy.Data[i*dy.Stride+c] / area
		}
		for y := range dx.Height {
			for x := range dx.Width {
				copy(image[dx.At(y, x):][:dx.Channels], first)
			}
		}
	}
}

// checkMeanPool panics if the shapes do not fit, a bug of the caller.
func checkMeanPool[T Float](name string, y Matrix[T], x Images[T]) {
	if y.Rows != x.Count() || y.Cols != x.Channels {
		panic(fmt.Sprintf("kernel: %s: a (%d, %d) matrix does not fit %d images %+v",
			name, y.Rows, y.Cols, x.Count(), x.Image))
	}
}
