package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/kernel"
)

// Flatten turns images into a matrix (Size, channels*height*width), with the values
// of an image channel by channel. PyTorch and most other programs store the weights
// of the next layer in this order, so the layout of theta does not depend on the
// order of images in memory here.
func Flatten[T Float](b *Batch, in Image, x *G.Node) (*G.Node, error) {
	if err := in.check(x, b.Size); err != nil {
		return nil, err
	}
	o := &flatten[T]{in: in, pixels: pixelOffsets(in)}
	o.y, o.yData = newTensor[T](b.Size, in.Real*len(o.pixels))
	o.base = newBase(b, "flatten", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

// pixelOffsets returns where each pixel begins in the data of an image.
func pixelOffsets(m Image) []int {
	pixels := make([]int, 0, m.Height*m.Width)
	for h := range m.Height {
		for w := range m.Width {
			pixels = append(pixels, m.At(h, w))
		}
	}
	return pixels
}

// flattenImages copies the real channels of images to the rows of y.
func flattenImages[T Float](y []T, x kernel.Images[T], pixels []int, real int) {
	n := len(pixels)
	for i := range x.Count() {
		image := x.Data[i*x.Len() : (i+1)*x.Len()]
		for c := range real {
			row := y[(i*real+c)*n:][:n]
			for p, at := range pixels {
				row[p] = image[at+c]
			}
		}
	}
}

// unflattenImages is the inverse of flattenImages. It leaves the halo and the
// channels that are not real unchanged.
func unflattenImages[T Float](x kernel.Images[T], y []T, pixels []int, real int) {
	n := len(pixels)
	for i := range x.Count() {
		image := x.Data[i*x.Len() : (i+1)*x.Len()]
		for c := range real {
			row := y[(i*real+c)*n:][:n]
			for p, at := range pixels {
				image[at+c] = row[p]
			}
		}
	}
}

// flatten is the op of Flatten. It ends the images, so it runs the chain.
type flatten[T Float] struct {
	base
	in     Image
	pixels []int
	y      *tensor.Dense
	yData  []T
}

func (o *flatten[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	x := images(o.in, elements[T](inputs[0]), o.batch.stored())
	o.batch.runChain(o.in.Block(), func(s imageBlock) {
		flattenImages(o.yData[s.low*o.in.Real*len(o.pixels):], blockOf(x, s), o.pixels, o.in.Real)
	})
	return o.y, nil
}

func (o *flatten[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	c := &flattenBackward[T]{in: o.in, pixels: o.pixels}
	c.dx, c.dxData = newTensor[T](o.in.Shape(o.batch.Size)...)
	c.base = newBase(o.batch, "flattenBackward", c.dx.Shape(), grad)
	return applyAll(o.batch, c, G.Nodes{grad})
}

// flattenBackward copies the gradients back to images.
type flattenBackward[T Float] struct {
	base
	in     Image
	pixels []int
	dx     *tensor.Dense
	dxData []T
}

func (o *flattenBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	rows := o.batch.Rows
	dx, dy := images(o.in, o.dxData, rows), elements[T](inputs[0])
	o.batch.blocks(rows, o.in.Block(), func(low, high int) {
		unflattenImages(dx.Slice(low, high), dy[low*o.in.Real*len(o.pixels):], o.pixels, o.in.Real)
	})
	return o.dx, nil
}
