package kernel

import "fmt"

// Image is the shape of a picture or feature map: channels last, with a border of
// Halo pixels of zeros on every side, which is the padding of a convolution.
// Element (y, x, c), with y and x from -Halo on, is at
//
//	((y+Halo)*(Width+2*Halo) + x+Halo)*Channels + c
//
// Kernels write the interior only, so a buffer that was zero at the start keeps
// its halo. Channels is a multiple of 8, except for the input of a network.
// Channels after the real ones are zero.
type Image struct {
	Height, Width, Channels int
	Halo                    int
}

// Row returns the number of elements from one row to the next.
func (m Image) Row() int { return (m.Width + 2*m.Halo) * m.Channels }

// Len returns the number of elements of one image.
func (m Image) Len() int { return (m.Height + 2*m.Halo) * m.Row() }

// At returns the index of channel 0 of pixel (y, x).
func (m Image) At(y, x int) int { return (y+m.Halo)*m.Row() + (x+m.Halo)*m.Channels }

// Validate returns an error for sizes below 1 or a negative halo.
func (m Image) Validate() error {
	if m.Height < 1 || m.Width < 1 || m.Channels < 1 || m.Halo < 0 {
		return fmt.Errorf("kernel: image of %dx%d pixels, %d channels, halo %d: sizes must be at least 1, the halo 0",
			m.Height, m.Width, m.Channels, m.Halo)
	}
	return nil
}

// PadChannels returns the number of channels to store for n real ones: 8 for up
// to 8, otherwise the next multiple of 16.
func PadChannels(n int) int {
	if n <= half {
		return half
	}
	return (n + panel - 1) / panel * panel
}

// Images are images of one shape, one after the other in Data, which is borrowed.
type Images[T Float] struct {
	Image
	Data []T
}

// NewImages allocates n images of zeros.
func NewImages[T Float](shape Image, n int) Images[T] {
	return Images[T]{Image: shape, Data: make([]T, n*shape.Len())}
}

// Count returns the number of images.
func (m Images[T]) Count() int { return len(m.Data) / m.Len() }

// Slice returns images low to high-1, without copying them.
func (m Images[T]) Slice(low, high int) Images[T] {
	return Images[T]{Image: m.Image, Data: m.Data[low*m.Len() : high*m.Len()]}
}

// Load sets image i to pixels, which has the given number of channels, channels
// last, and no halo. Further stored channels become zero.
func (m Images[T]) Load(i int, pixels []T, channels int) {
	image := m.Data[i*m.Len() : (i+1)*m.Len()]
	for y := range m.Height {
		if channels == m.Channels {
			line := m.Width * channels
			copy(image[m.At(y, 0):][:line], pixels[y*line:][:line])
			continue
		}
		for x := range m.Width {
			pixel := image[m.At(y, x):][:m.Channels]
			clear(pixel[copy(pixel, pixels[(y*m.Width+x)*channels:][:channels]):])
		}
	}
}

// interior returns image i from its first pixel inside the halo.
func (m Images[T]) interior(i int) []T { return m.Data[i*m.Len()+m.At(0, 0) : (i+1)*m.Len()] }

// checkInterior panics unless the images have the same number, pixels and
// channels, a bug of the caller. Their halos may differ.
func checkInterior[T Float](name string, first Images[T], others ...Images[T]) {
	for _, m := range others {
		if m.Count() != first.Count() || !sameShape(m.Image, first.Image) {
			panic(fmt.Sprintf("kernel: %s: %d images %+v do not fit %d images %+v",
				name, m.Count(), m.Image, first.Count(), first.Image))
		}
	}
}
