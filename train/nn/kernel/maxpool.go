package kernel

import "fmt"

// MaxPool sets y to the largest of each 2x2 pixels of x, or to NaN if one of them
// is NaN. It does not use an odd last row or column of x. y has half the height
// and width of x, rounded down, and the same channels, a multiple of 8.
func MaxPool[T Float](y, x Images[T]) {
	checkPool("MaxPool", y, x)
	s := stream[T]{op: opPool}
	s.pool(y, [6]Images[T]{x, x, y})
}

// MaxPoolInput computes dx, the gradient with respect to x. The gradient dy of a
// result goes to the first of its four pixels, row by row, that equals it. In a
// window with NaN the first pixel that is NaN, or any pixel if the result is NaN,
// counts as equal. If relu is set, x is the result of a ReLU and dx is the
// gradient with respect to the input of that ReLU: it is 0 where y is 0. The
// whole interior of dx is written.
func MaxPoolInput[T Float](dx, dy, y, x Images[T], relu bool) {
	checkPool("MaxPoolInput", y, x)
	checkInterior("MaxPoolInput", y, dy)
	checkInterior("MaxPoolInput", x, dx)
	s := stream[T]{op: opPoolInput}
	if relu {
		s.op = opPoolInputReLU
	}
	s.pool(y, [6]Images[T]{x, x, y, dy, dx, dx})
	dx.clearOdd()
}

// MaxPoolTangent computes yt, the tangent of y, from xt, the tangent of x. Each
// result takes it from the pixel to which MaxPoolInput gives the gradient. If
// relu is set, x is the result of a ReLU and xt the tangent of its input: yt is 0
// where y is 0.
func MaxPoolTangent[T Float](yt, xt, y, x Images[T], relu bool) {
	checkPool("MaxPoolTangent", y, x)
	checkInterior("MaxPoolTangent", y, yt)
	checkInterior("MaxPoolTangent", x, xt)
	s := stream[T]{op: opPoolTangent}
	if relu {
		s.op = opPoolTangentReLU
	}
	s.pool(y, [6]Images[T]{x, x, y, yt, xt, xt})
}

// checkPool panics if the shapes do not fit, a bug of the caller.
func checkPool[T Float](name string, y, x Images[T]) {
	if y.Height != x.Height/2 || y.Width != x.Width/2 || y.Channels != x.Channels || y.Count() != x.Count() {
		panic(fmt.Sprintf("kernel: %s: %d images %+v do not fit %d images %+v",
			name, y.Count(), y.Image, x.Count(), x.Image))
	}
}

// pool runs the kernel on the pixels of y. An image that is passed as two tensors
// in a row is read or written in pairs of rows.
func (s *stream[T]) pool(y Images[T], tensors [6]Images[T]) {
	s.rows, s.pixels, s.pixel, s.channel = y.Height, y.Width, y.Channels, y.Channels
	for n := range y.Count() {
		for i, m := range tensors {
			if m.Data == nil {
				continue
			}
			s.t[i], s.row[i] = m.interior(n), m.Row()
			if s.doubled(i) {
				s.t[i], s.row[i] = s.t[i][i%2*m.Row():], 2*m.Row()
			}
		}
		s.run()
	}
}

// clearOdd sets the last row and column to zero if no window covers them.
func (m Images[T]) clearOdd() {
	for n := range m.Count() {
		image := m.Data[n*m.Len() : (n+1)*m.Len()]
		if m.Height%2 == 1 {
			clear(image[m.At(m.Height-1, 0):][:m.Width*m.Channels])
		}
		if m.Width%2 == 1 {
			for y := range m.Height {
				clear(image[m.At(y, m.Width-1):][:m.Channels])
			}
		}
	}
}
