package op

import (
	"math"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// scale is the example of ADDING.md: y = factor x, for training. Its backward op is
// another scale, because the derivative of a linear op is the op itself.
type scale[T Float] struct {
	base
	factor T
	y      *tensor.Dense
	yData  []T
}

func newScale[T Float](b *Batch, factor T, x *G.Node) (*G.Node, error) {
	o := &scale[T]{factor: factor}
	o.y, o.yData = newTensor[T](x.Shape()...)
	o.base = newBase(b, "scale", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

func (o *scale[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.recoverError(&err)
	x, width := elements[T](inputs[0]), o.shape[1]
	o.batch.blocks(o.batch.Rows, rowBlock, func(low, high int) {
		for i := low * width; i < high*width; i++ {
			o.yData[i] = o.factor * x[i]
		}
	})
	return o.y, nil
}

func (o *scale[T]) SymDiff(_ G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	n, err := newScale(o.batch, o.factor, grad)
	return G.Nodes{n}, err
}

// tapeScale is the same layer of a Tape, for products with the Hessian. It has no
// parameters, so every pass is the same multiplication.
type tapeScale[T Float] struct {
	*Tape[T]
	in, out int
	factor  T
}

func (t *Tape[T]) scale(in int, factor T) {
	t.addLayer(&tapeScale[T]{Tape: t, in: in, out: t.nextValue(), factor: factor}, t.shapes[in])
}

func (l *tapeScale[T]) reads() (ownAdjoint bool, inputs []int) { return false, []int{l.in} }
func (l *tapeScale[T]) setTheta([]T)                           {}
func (l *tapeScale[T]) forward(p *Pass[T])                     { l.times(p.values[l.out], p.values[l.in]) }

func (l *tapeScale[T]) backward(p *Pass[T]) { l.times(p.adjoints[l.in], p.adjoints[l.out]) }

func (l *tapeScale[T]) forwardTangent(*Pass[T], []T) {
	l.times(l.tangent.values[l.out], l.tangent.values[l.in])
}

func (l *tapeScale[T]) backwardTangent(*Pass[T], []T) {
	l.times(l.tangent.adjoints[l.in], l.tangent.adjoints[l.out])
}

func (l *tapeScale[T]) times(y, x []T) {
	for i := range l.batch.Rows * l.shapes[l.in].Width {
		y[i] = l.factor * x[i]
	}
}

// TestAddingALayer follows ADDING.md. A scale by c behind softmax regression is
// softmax regression at c theta: with L(theta) = M(c theta), the gradient is c
// times that of M, and the Hessian c^2 times.
func TestAddingALayer(t *testing.T) {
	const rows, in, classes, c = 5, 3, 4, 1.5
	x, labels := normal(rows*in, 1), []int32{0, 3, 2, 2, 1}
	theta, v := normal(classes*(in+1), 2), normal(classes*(in+1), 3)
	gradient := func(theta []float64, scaled bool) (float64, []float64) {
		b := &Batch{Size: rows, Rows: rows, Labels: labels}
		g := G.NewGraph()
		w, bias := tensorNode(g, "w", theta[:classes*in], classes, in), tensorNode(g, "b", theta[classes*in:], classes)
		logits, err := Linear[float64](b, tensorNode(g, "x", x, rows, in), w, bias, LinearOptions{Input: true})
		if err == nil && scaled {
			logits, err = newScale(b, float64(c), logits)
		}
		if err != nil {
			t.Fatal(err)
		}
		loss, cost, err := SoftmaxCrossEntropy[float64](b, logits)
		if err != nil {
			t.Fatal(err)
		}
		grads, err := G.Grad(cost, w, bias)
		if err != nil {
			t.Fatal(err)
		}
		vm := G.NewTapeMachine(g)
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		return loss.Loss, append(append([]float64(nil), elements[float64](grads[0].Value())...),
			elements[float64](grads[1].Value())...)
	}
	product := func(theta []float64, scaled bool) []float64 {
		tape := NewTape[float64](&Batch{Size: rows}, Shape{Width: in})
		tape.Linear(0, classes, 0, classes*in, false)
		if scaled {
			tape.scale(1, c)
		}
		tape.SetTheta(theta)
		sum, pass := make([]float64, len(theta)), tape.NewPass()
		if err := tape.Record(pass, x, labels); err != nil {
			t.Fatal(err)
		}
		if err := tape.Product(pass, Hessian, v, 1, sum); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	moved := make([]float64, len(theta))
	for i, p := range theta {
		moved[i] = c * p
	}
	loss, grad := gradient(theta, true)
	wantLoss, wantGrad := gradient(moved, false)
	hv, wantHV := product(theta, true), product(moved, false)
	if math.Abs(loss-wantLoss) > 1e-12 {
		t.Errorf("loss %v; want %v", loss, wantLoss)
	}
	for i := range grad {
		if math.Abs(grad[i]-c*wantGrad[i]) > 1e-12 || math.Abs(hv[i]-c*c*wantHV[i]) > 1e-12 {
			t.Errorf("element %d: gradient %v, product %v; want %v, %v",
				i, grad[i], hv[i], c*wantGrad[i], c*c*wantHV[i])
		}
	}
}
