package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// Image is the geometry of a tensor of images. In memory an image is rows of
// pixels of Lanes values, channels last, with a border of Halo zero pixels on
// every side: a convolution reads over the edge without asking where it is. The
// lanes from Channels on are zero too. Ops write neither of these zeros, which
// are there from the tensor's allocation.
type Image struct {
	Height, Width, Channels int
	Halo                    int
	Lanes                   int
}

// lanes is what the channels of an activation are rounded up to: a cache line of
// float32, which is one or two vector registers.
const lanes = 16

// NewImage returns the geometry of an activation.
func NewImage(height, width, channels, halo int) Image {
	return Image{height, width, channels, halo, (channels + lanes - 1) / lanes * lanes}
}

// NewInput returns the geometry of a network's input, whose few channels are not
// padded.
func NewInput(height, width, channels, halo int) Image {
	return Image{height, width, channels, halo, channels}
}

// Shape returns the shape of a tensor of size images.
func (m Image) Shape(size int) []int {
	return []int{size, m.Height + 2*m.Halo, m.Width + 2*m.Halo, m.Lanes}
}

// Row is the distance from a pixel to the one below it.
func (m Image) Row() int { return (m.Width + 2*m.Halo) * m.Lanes }

// Len is the number of values of one image in memory.
func (m Image) Len() int { return (m.Height + 2*m.Halo) * m.Row() }

// At is the offset of pixel (h, w) in an image; (-Halo, -Halo) is the first.
func (m Image) At(h, w int) int { return (h+m.Halo)*m.Row() + (w+m.Halo)*m.Lanes }

func (m Image) of(n *G.Node, size int) error {
	if want := m.Shape(size); !n.Shape().Eq(want) {
		return fmt.Errorf("op: images %dx%dx%d have shape %v; wanted %v", m.Height, m.Width, m.Channels, n.Shape(), want)
	}
	return nil
}

// Fill copies rows of dense images, channels last, into images of this geometry.
func Fill[T Float](m Image, dst []T, src []float32) {
	line := m.Width * m.Channels
	for n := 0; len(src) > 0; n++ {
		for h := range m.Height {
			at := n*m.Len() + m.At(h, 0)
			if m.Lanes == m.Channels {
				convert(dst[at:at+line], src[:line])
			} else {
				for w := range m.Width {
					convert(dst[at+w*m.Lanes:at+w*m.Lanes+m.Channels], src[w*m.Channels:])
				}
			}
			src = src[line:]
		}
	}
}

func convert[T Float](dst []T, src []float32) {
	if d, same := any(dst).([]float32); same {
		copy(d, src)
		return
	}
	for i := range dst {
		dst[i] = T(src[i])
	}
}
