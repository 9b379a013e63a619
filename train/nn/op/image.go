package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sgdwalk/train/nn/kernel"
)

// Image is the geometry of a tensor of images: how the kernels store them, with
// a halo of zeros and channels rounded up, and how many channels are real. Ops
// write neither the halo, which is zero from the tensor's allocation, nor
// anything but zeros to the channels from Real on.
type Image struct {
	kernel.Image
	Real int
}

// NewImage returns the geometry of an activation.
func NewImage(height, width, channels, halo int) Image {
	return Image{kernel.Image{Height: height, Width: width, Channels: kernel.PadChannels(channels), Halo: halo}, channels}
}

// NewInput returns the geometry of a network's input, whose few channels are not
// rounded up.
func NewInput(height, width, channels, halo int) Image {
	return Image{kernel.Image{Height: height, Width: width, Channels: channels, Halo: halo}, channels}
}

// Shape returns the shape of a tensor of size images.
func (m Image) Shape(size int) []int {
	return []int{size, m.Height + 2*m.Halo, m.Width + 2*m.Halo, m.Channels}
}

// Block is how many images an op takes at a time: so many that a few tensors of
// them fit the second-level cache, and that images of few pixels come in numbers.
// It decides nothing but speed and the order of sums.
func (m Image) Block() int { return min(16, max(1, blockValues/m.Len())) }

const blockValues = 1 << 15

func (m Image) String() string { return fmt.Sprintf("%dx%dx%d", m.Height, m.Width, m.Real) }

// check reports a node whose tensor does not have this geometry.
func (m Image) check(n *G.Node, size int) error {
	if want := m.Shape(size); !n.Shape().Eq(want) {
		return fmt.Errorf("op: images %v have shape %v; wanted %v", m, n.Shape(), want)
	}
	return nil
}

// images views the first count images of a tensor's elements.
func images[T Float](m Image, data []T, count int) kernel.Images[T] {
	return kernel.Images[T]{Image: m.Image, Data: data[:count*m.Len()]}
}

// of returns the images of a span.
func blockOf[T Float](m kernel.Images[T], s imageBlock) kernel.Images[T] {
	return m.Slice(s.pos, s.pos+s.count())
}
