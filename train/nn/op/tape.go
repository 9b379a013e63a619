package op

import (
	"fmt"
	"unsafe"

	"sgdwalk/train/nn/kernel"
)

// Tape multiplies vectors by the exact Hessian, or by the Gauss-Newton matrix, of
// the mean cross-entropy of a batch. It uses the R-operator of Pearlmutter (1994):
// it differentiates every number of the forward and of the backward pass along a
// vector v. Such a derivative is called a tangent. The derivative of the loss with
// respect to a value of a layer is called its adjoint.
//
//  1. The caller appends the layers in the order of their computation.
//  2. [Tape.SetTheta] sets the parameters.
//  3. [Tape.Record] runs both passes on a batch. It stores the numbers that do not
//     depend on the vector in a [Pass].
//  4. [Tape.Product] runs the tangents of both passes for one vector.
//
// Layers call the same kernels as the ops of training, because the tangent of a
// product of two factors is two products. At a kink the derivative is that of the
// backward pass: 0 through a ReLU whose result is 0, and that of the first largest
// pixel through a maximum. Results have the same bits for any number of workers.
type Tape[T Float] struct {
	batch       *Batch
	shapes      []Shape // of the values; value 0 is the input, value i the result of layer i-1
	needed      []bool  // of each value: a Pass stores its adjoint
	layers      []tapeLayer[T]
	theta       []T
	tangent     activations[T] // of the current vector
	gaussNewton bool           // the current product is one with the Gauss-Newton matrix
	product     []T            // the current product
}

// Matrix names the matrix of a product.
type Matrix int

// The matrices.
const (
	Hessian Matrix = iota

	// GaussNewton is J' H J, where J is the Jacobian of the logits with respect
	// to the parameters and H the Hessian of the loss with respect to the logits.
	GaussNewton
)

// Shape is the shape of a value of one example: a row of Width numbers, or an image
// if Width is 0.
type Shape struct {
	Image   Image
	Width   int
	adjoint Image // geometry of the adjoint, which may need a wider halo
}

// len returns the number of elements of a value of one example.
func (s Shape) len() int {
	if s.Width > 0 {
		return s.Width
	}
	return s.Image.Len()
}

// adjointLen returns the number of elements of an adjoint of one example.
func (s Shape) adjointLen() int {
	if s.Width > 0 {
		return s.Width
	}
	return s.adjoint.Len()
}

// activations are the numbers of a forward and a backward pass. A layer with a ReLU
// masks its adjoint in place before it uses it.
type activations[T Float] struct {
	values, adjoints [][]T
}

// Pass stores the forward and backward pass of a batch, which all products have in
// common. Adjoints that no tangent needs are nil.
type Pass[T Float] struct {
	activations[T]
	rows    int
	softmax []T            // of the logits
	norms   []*normPass[T] // of the values that are results of a normalization
}

// tapeLayer is a layer of a Tape. It computes one value from the values that it
// reads.
type tapeLayer[T Float] interface {
	// reads returns whether backwardTangent reads the adjoint of the layer's
	// value, and the values that the layer reads.
	reads() (ownAdjoint bool, inputs []int)
	setTheta(theta []T)
	forward(p *Pass[T])                      // computes the value
	backward(p *Pass[T])                     // computes the needed adjoints of the values that the layer reads
	forwardTangent(p *Pass[T], v []T)        // computes the tangent of the value along v
	backwardTangent(p *Pass[T], product []T) // computes the tangents of the adjoints and of the layer's gradient
}

// NewTape returns a tape without layers for examples of the given shape. It uses
// Size, Workers and Frozen of b, and sets Rows.
func NewTape[T Float](b *Batch, in Shape) *Tape[T] {
	in.adjoint = in.Image
	return &Tape[T]{batch: b, shapes: []Shape{in}, needed: []bool{false}}
}

// addLayer appends a layer and the shape of its value.
func (t *Tape[T]) addLayer(l tapeLayer[T], out Shape) {
	out.adjoint = out.Image
	needed, inputs := l.reads()
	for _, in := range inputs {
		needed = needed || t.needed[in] // an adjoint follows from that of the next layer
	}
	t.layers, t.shapes, t.needed = append(t.layers, l), append(t.shapes, out), append(t.needed, needed)
}

// nextValue returns the number of the value that the next layer computes.
func (t *Tape[T]) nextValue() int { return len(t.shapes) }

// PassBytes returns about how much memory a Pass needs.
func (t *Tape[T]) PassBytes() int {
	n := 0
	for i, s := range t.shapes {
		if i > 0 || s.Width == 0 { // inputs in rows are borrowed
			n += s.len()
		}
		if t.needed[i] {
			n += s.adjointLen()
		}
	}
	return max(1, n*t.batch.Size*int(unsafe.Sizeof(*new(T))))
}

// NewPass allocates a Pass for one batch.
func (t *Tape[T]) NewPass() *Pass[T] {
	p := &Pass[T]{activations: t.newActivations(t.needed), norms: make([]*normPass[T], len(t.shapes))}
	if s := t.shapes[0]; s.Width == 0 {
		p.values[0] = make([]T, t.batch.Size*s.len())
	}
	p.softmax = make([]T, t.batch.Size*t.classes())
	for i, l := range t.layers {
		if n, ok := l.(*tapeNorm[T]); ok {
			p.norms[i+1] = newNormPass[T](n.image)
		}
	}
	return p
}

// newActivations allocates all values except the input, and the needed adjoints. If
// needed is nil, it allocates all adjoints.
func (t *Tape[T]) newActivations(needed []bool) activations[T] {
	n := len(t.shapes)
	a := activations[T]{values: make([][]T, n), adjoints: make([][]T, n)}
	for i := 1; i < n; i++ {
		a.values[i] = make([]T, t.batch.Size*t.shapes[i].len())
		if needed == nil || needed[i] {
			a.adjoints[i] = make([]T, t.batch.Size*t.shapes[i].adjointLen())
		}
	}
	return a
}

// classes returns the number of logits, the values of the last layer.
func (t *Tape[T]) classes() int { return t.shapes[len(t.shapes)-1].Width }

// SetTheta sets the parameters, which are borrowed until the next call.
func (t *Tape[T]) SetTheta(theta []T) {
	t.theta = theta
	for _, l := range t.layers {
		l.setTheta(theta)
	}
}

// Record runs both passes at the current parameters on len(labels) examples and
// stores them in p. Inputs are rows of values, channels last. If they are not
// images, inputs is borrowed as long as p is used.
func (t *Tape[T]) Record(p *Pass[T], inputs []T, labels []int32) error {
	return t.run(len(labels), func() {
		p.rows = len(labels)
		t.input(p, inputs)
		for _, l := range t.layers {
			l.forward(p)
		}
		t.loss(p, labels)
		for i := len(t.layers) - 1; i >= 0; i-- {
			if t.needed[i+1] {
				t.layers[i].backward(p)
			}
		}
	})
}

// Product adds weight times the product of the batch's matrix and v to sum.
func (t *Tape[T]) Product(p *Pass[T], m Matrix, v []T, weight float64, sum []float64) error {
	if t.product == nil {
		t.tangent, t.product = t.newActivations(nil), make([]T, len(t.theta))
	}
	return t.run(p.rows, func() {
		t.gaussNewton = m == GaussNewton
		for _, l := range t.layers {
			l.forwardTangent(p, v)
		}
		t.lossTangent(p)
		for i := len(t.layers) - 1; i >= 0; i-- {
			t.layers[i].backwardTangent(p, t.product)
		}
		t.batch.blocks(len(sum), 1<<14, func(low, high int) {
			to := sum[low:high]
			for i, x := range t.product[low:high] {
				to[i] += weight * float64(x)
			}
		})
	})
}

// run calls f with the workers for a batch of the given rows. A panic, which is a
// bug of this package, becomes an error.
func (t *Tape[T]) run(rows int, f func()) error {
	t.batch.Rows = rows
	if err := t.batch.checkRows(); err != nil {
		return err
	}
	safe := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("op: tape: %v", p)
			}
		}()
		f()
		return nil
	}
	if t.batch.Workers == nil {
		return safe()
	}
	return t.batch.Workers.Run(safe)
}

// input sets value 0.
func (t *Tape[T]) input(p *Pass[T], inputs []T) {
	s, rows := t.shapes[0], p.rows
	if s.Width > 0 {
		p.values[0] = inputs[:rows*s.Width]
		return
	}
	x, width := images(s.Image, p.values[0], rows), s.Image.Height*s.Image.Width*s.Image.Real
	t.batch.blocks(rows, s.Image.Block(), func(low, high int) {
		for i := low; i < high; i++ {
			x.Load(i, inputs[i*width:(i+1)*width], s.Image.Real)
		}
	})
}

// images returns a value of the current batch as images.
func (t *Tape[T]) images(value int, data []T) kernel.Images[T] {
	return images(t.shapes[value].Image, data, t.batch.Rows)
}

// adjoint returns an adjoint of the current batch as images.
func (t *Tape[T]) adjoint(value int, data []T) kernel.Images[T] {
	return images(t.shapes[value].adjoint, data, t.batch.Rows)
}

// matrix returns a value or an adjoint of the current batch as a matrix with one
// row per example.
func (t *Tape[T]) matrix(value int, data []T) kernel.Matrix[T] {
	return kernel.Dense(data, t.batch.Rows, t.shapes[value].Width)
}
