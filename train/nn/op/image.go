package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sgdwalk/train/nn/kernel"
)

// Image is the geometry of a tensor of images: how the kernels store them, with a
// halo of zeros and channels rounded up, and the number of real channels. Ops never
// write the halo, which is zero from the allocation, and write only zeros to the
// channels from Real on.
type Image struct {
	kernel.Image
	Real int
}

// NewImage returns the geometry of an activation.
func NewImage(height, width, channels, halo int) Image {
	return Image{
		kernel.Image{Height: height, Width: width, Channels: kernel.PadChannels(channels), Halo: halo},
		channels,
	}
}

// NewInput returns the geometry of a network's input. Its few channels are not
// rounded up, because most of the memory and of the products would be zeros.
func NewInput(height, width, channels, halo int) Image {
	return Image{kernel.Image{Height: height, Width: width, Channels: channels, Halo: halo}, channels}
}

// Shape returns the shape of a tensor of the given number of images.
func (m Image) Shape(size int) []int {
	return []int{size, m.Height + 2*m.Halo, m.Width + 2*m.Halo, m.Channels}
}

// Block returns how many images an op processes at a time. A few tensors of that
// many images fit the second-level cache, and images with few pixels still come
// in groups. It decides speed and the order of sums only.
func (m Image) Block() int { return min(16, max(1, blockValues/m.Len())) }

// blockValues is the number of values in a block: 128 KB of float32, so that a few
// tensors of a block fit the second-level cache.
const blockValues = 1 << 15

func (m Image) String() string { return fmt.Sprintf("%dx%dx%d", m.Height, m.Width, m.Real) }

// check returns an error unless the tensor of a node has this geometry.
func (m Image) check(n *G.Node, size int) error {
	if want := m.Shape(size); !n.Shape().Eq(want) {
		return fmt.Errorf("op: images %v have shape %v; wanted %v", m, n.Shape(), want)
	}
	return nil
}

// images returns the first count images of a tensor's elements, without copying
// them.
func images[T Float](m Image, data []T, count int) kernel.Images[T] {
	return kernel.Images[T]{Image: m.Image, Data: data[:count*m.Len()]}
}

// blockOf returns the images of a block, without copying them.
func blockOf[T Float](m kernel.Images[T], s imageBlock) kernel.Images[T] {
	return m.Slice(s.pos, s.pos+s.count())
}
