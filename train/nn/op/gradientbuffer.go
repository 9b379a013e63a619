package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gradientBuffer is memory for the gradient of a value of images. The gradient of a
// value is dead when the backward op of the layer before has read it, so few buffers
// serve all values. They then stay in a larger cache.
type gradientBuffer struct {
	image  Image
	tensor *tensor.Dense
	reader *G.Node // the op that read it last; the next writer must run after it
}

// takeGradient returns a buffer for images of the given geometry, whose halo is zero.
func takeGradient[T Float](b *Batch, m Image) *gradientBuffer {
	for i, g := range b.gradients {
		if g.image == m {
			b.gradients = append(b.gradients[:i:i], b.gradients[i+1:]...)
			return g
		}
	}
	t, _ := newTensor[T](m.Shape(b.Size)...)
	return &gradientBuffer{image: m, tensor: t}
}

// giveGradient makes a buffer free after the op of reader has run.
func giveGradient(b *Batch, g *gradientBuffer, reader *G.Node) {
	g.reader = reader
	b.gradients = append(b.gradients, g)
}
