package op

import (
	"fmt"
	"unsafe"

	"sgdwalk/train/nn/kernel"
)

// Tape multiplies vectors by the exact Hessian, or by the Gauss-Newton matrix, of
// the mean cross-entropy of a batch. It is the R-operator of Pearlmutter (1994):
// the derivative along a vector v of every number that the forward and the
// backward pass compute. That derivative is called a tangent.
//
//  1. The layers are appended in the order of their computation.
//  2. [Tape.Move] takes over the parameters.
//  3. [Tape.Record] runs both passes on a batch and keeps, in a [Base], what does
//     not depend on the vector.
//  4. [Tape.Product] runs the tangents of both passes for one vector.
//
// Layers call the same kernels as the ops of training: the tangent of a product
// of two factors is two products. At a kink the derivative is the one of the
// backward pass: none through a ReLU whose result is 0, and through a maximum
// that of the first largest pixel. Results have the same bits for any number of
// workers.
type Tape[T Float] struct {
	batch   *Batch
	shapes  []Shape // of the values; value 0 is the input, value i the result of layer i-1
	wanted  []bool  // of each value: its signal has a place in a Base
	layers  []tapeLayer[T]
	theta   []T
	tangent activations[T] // of the current vector
	gauss   bool           // the current product is one with the Gauss-Newton matrix
	piece   []T            // the current product
}

// Matrix is what a Tape multiplies by.
type Matrix int

// The matrices.
const (
	Hessian Matrix = iota

	// GaussNewton is J' H J, where J is the Jacobian of the logits in the parameters
	// and H the Hessian of the loss in the logits.
	GaussNewton
)

// Shape is the shape of one example's value: an image, or Width numbers where
// Width is not 0.
type Shape struct {
	Image  Image
	Width  int
	signal Image // geometry of the signal, which may need a wider halo
}

func (s Shape) len() int {
	if s.Width > 0 {
		return s.Width
	}
	return s.Image.Len()
}

func (s Shape) signalLen() int {
	if s.Width > 0 {
		return s.Width
	}
	return s.signal.Len()
}

// activations are the numbers of a forward and a backward pass.
type activations[T Float] struct {
	values [][]T

	// signals are the derivatives of the loss with respect to each value. A layer
	// with a ReLU masks its signal in place before it uses it.
	signals [][]T
}

// Base is what all products of a batch have in common. It has the signals that
// tangents need and those from which they follow; the others are nil.
type Base[T Float] struct {
	activations[T]
	rows    int
	softmax []T            // of the logits
	norms   []*normBase[T] // of the values that are results of a normalization
}

// tapeLayer is a layer of a Tape.
type tapeLayer[T Float] interface {
	wants() (own bool, inputs []int)         // whether backwardTangent reads the base's signal of the value, and which values the layer reads
	move(theta []T)                          // takes over the parameters
	forward(b *Base[T])                      // computes the value
	backward(b *Base[T])                     // computes the wanted signals of the values that the layer reads
	forwardTangent(b *Base[T], v []T)        // computes the tangent of the value along v
	backwardTangent(b *Base[T], product []T) // computes the tangents of the signals and of the layer's gradient
}

// NewTape returns a tape without layers for examples of the given shape. It uses
// the Size, Workers and Frozen of b, and sets Rows.
func NewTape[T Float](b *Batch, in Shape) *Tape[T] {
	in.signal = in.Image
	return &Tape[T]{batch: b, shapes: []Shape{in}, wanted: []bool{false}}
}

// add appends a layer and the shape of its result.
func (t *Tape[T]) add(l tapeLayer[T], out Shape) {
	out.signal.Image, out.signal.Real = out.Image.Image, out.Image.Real
	wanted, inputs := l.wants()
	for _, in := range inputs {
		wanted = wanted || t.wanted[in]
	}
	t.layers, t.shapes, t.wanted = append(t.layers, l), append(t.shapes, out), append(t.wanted, wanted)
}

// next is the number of the value that the next layer computes.
func (t *Tape[T]) next() int { return len(t.shapes) }

// BaseBytes is about how much memory a Base has.
func (t *Tape[T]) BaseBytes() int {
	n := 0
	for i, s := range t.shapes {
		if i > 0 || s.Width == 0 { // rows are borrowed
			n += s.len()
		}
		if t.wanted[i] {
			n += s.signalLen()
		}
	}
	return max(1, n*t.batch.Size*int(unsafe.Sizeof(*new(T))))
}

// NewBase returns room for a batch.
func (t *Tape[T]) NewBase() *Base[T] {
	b := &Base[T]{activations: t.newActivations(t.wanted), norms: make([]*normBase[T], len(t.shapes))}
	if s := t.shapes[0]; s.Width == 0 {
		b.values[0] = make([]T, t.batch.Size*s.len())
	}
	b.softmax = make([]T, t.batch.Size*t.classes())
	for i, l := range t.layers {
		if n, ok := l.(*tapeNorm[T]); ok {
			b.norms[i+1] = newNormBase[T](n.image)
		}
	}
	return b
}

// newActivations makes room for all values but the input, and for their signals or,
// unless wanted is nil, for those that are wanted.
func (t *Tape[T]) newActivations(wanted []bool) activations[T] {
	a := activations[T]{values: make([][]T, len(t.shapes)), signals: make([][]T, len(t.shapes))}
	for i, s := range t.shapes {
		if i == 0 {
			continue
		}
		a.values[i] = make([]T, t.batch.Size*s.len())
		if wanted == nil || wanted[i] {
			a.signals[i] = make([]T, t.batch.Size*s.signalLen())
		}
	}
	return a
}

func (t *Tape[T]) classes() int { return t.shapes[len(t.shapes)-1].Width }

// Move takes over the parameters, which are borrowed until the next Move.
func (t *Tape[T]) Move(theta []T) {
	t.theta = theta
	for _, l := range t.layers {
		l.move(theta)
	}
}

// Record fills base at the parameters for len(labels) examples, whose values lie
// row by row and channels last. Where they are not images, inputs is borrowed for as
// long as base is used.
func (t *Tape[T]) Record(base *Base[T], inputs []T, labels []int32) error {
	return t.run(len(labels), func() {
		base.rows = len(labels)
		t.input(base, inputs)
		for _, l := range t.layers {
			l.forward(base)
		}
		t.loss(base, labels)
		for i := len(t.layers) - 1; i >= 0; i-- {
			if t.wanted[i+1] {
				t.layers[i].backward(base)
			}
		}
	})
}

// Product adds share times the product of the batch's matrix and v to sum.
func (t *Tape[T]) Product(base *Base[T], m Matrix, v []T, share float64, sum []float64) error {
	if t.piece == nil {
		t.tangent, t.piece = t.newActivations(nil), make([]T, len(t.theta))
	}
	return t.run(base.rows, func() {
		t.gauss = m == GaussNewton
		for _, l := range t.layers {
			l.forwardTangent(base, v)
		}
		t.lossTangent(base)
		for i := len(t.layers) - 1; i >= 0; i-- {
			t.layers[i].backwardTangent(base, t.piece)
		}
		t.batch.blocks(len(sum), 1<<14, func(low, high int) {
			to := sum[low:high]
			for i, p := range t.piece[low:high] {
				to[i] += share * float64(p)
			}
		})
	})
}

// run calls f with the workers for a batch of rows, and returns its panic, a
// mistake in this package, as an error.
func (t *Tape[T]) run(rows int, f func()) error {
	t.batch.Rows = rows
	if err := t.batch.check(); err != nil {
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
func (t *Tape[T]) input(b *Base[T], inputs []T) {
	s, rows := t.shapes[0], b.rows
	if s.Width > 0 {
		b.values[0] = inputs[:rows*s.Width]
		return
	}
	x, one := images(s.Image, b.values[0], rows), s.Image.Height*s.Image.Width*s.Image.Real
	t.batch.blocks(rows, s.Image.Block(), func(low, high int) {
		for i := low; i < high; i++ {
			x.Load(i, inputs[i*one:(i+1)*one], s.Image.Real)
		}
	})
}

// images views a value of the current batch.
func (t *Tape[T]) images(value int, data []T) kernel.Images[T] {
	return images(t.shapes[value].Image, data, t.batch.Rows)
}

// signal views a signal of the current batch.
func (t *Tape[T]) signal(value int, data []T) kernel.Images[T] {
	return images(t.shapes[value].signal, data, t.batch.Rows)
}

// matrix views a value, or a signal, that has one row for each example.
func (t *Tape[T]) matrix(value int, data []T) kernel.Matrix[T] {
	return kernel.Dense(data, t.batch.Rows, t.shapes[value].Width)
}
