package op

import (
	"fmt"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Dropout appends inverted dropout (Srivastava et al. 2014) of a matrix (Size,
// n): each value is set to 0 with probability p, in [0, 1), and divided by 1-p
// otherwise.
//
// Which values are dropped is a function of seed, Batch.Draw, the op and the
// place alone: neither of the number of workers nor of the runs before. Whoever
// wants the same mask twice, to follow the loss of one batch along a line, leaves
// Draw as it is; training counts it up. An evaluation graph has no dropout.
func Dropout[T Float](b *Batch, x *G.Node, p float64, seed uint64) (*G.Node, error) {
	s := x.Shape()
	if s.Dims() != 2 || s[0] != b.Size {
		return nil, fmt.Errorf("op: dropout: input has shape %v; wanted (%d, n)", s, b.Size)
	}
	if !(p >= 0 && p < 1) {
		return nil, fmt.Errorf("op: dropout: probability is %v; allowed are 0 to below 1", p)
	}
	o := &dropout[T]{p: p, seed: seed, width: s[1], factor: make([]T, s[0]*s[1])}
	o.y, o.yData = newTensor[T](s[0], s[1])
	o.base = newBase(b, "dropout", o.y.Shape(), x)
	return G.ApplyOp(o, x)
}

type dropout[T Float] struct {
	base
	p      float64
	seed   uint64
	width  int
	factor []T // 0 or 1/(1-p) of each value of the last run
	y      *tensor.Dense
	yData  []T
}

func (o *dropout[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	x := elements[T](inputs[0])
	keep := T(1 / (1 - o.p))
	limit := uint64(math.Ldexp(o.p, 53))
	o.batch.each(o.batch.Rows, func(r int) {
		// A generator for each row, so that rows can be computed in any order.
		var g rand.PCG
		g.Seed(o.seed+o.id<<32, o.batch.Draw<<24+uint64(r))
		for i := r * o.width; i < (r+1)*o.width; i++ {
			o.factor[i] = keep
			if g.Uint64()>>11 < limit {
				o.factor[i] = 0
			}
			o.yData[i] = x[i] * o.factor[i]
		}
	})
	return o.y, nil
}

func (o *dropout[T]) DiffWRT(int) []bool { return []bool{true} }

func (o *dropout[T]) SymDiff(_ G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	c := &dropoutBackward[T]{forward: o}
	c.dx, c.dxData = newTensor[T](o.batch.Size, o.width)
	c.base = newBase(o.batch, "dropoutBackward", c.dx.Shape(), output, grad)
	n, err := G.ApplyOp(c, output, grad)
	return G.Nodes{n}, err
}

type dropoutBackward[T Float] struct {
	base
	forward *dropout[T]
	dx      *tensor.Dense
	dxData  []T
}

func (o *dropoutBackward[T]) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer o.guard(&err)
	dy := elements[T](inputs[1])
	for i := range o.batch.Rows * o.forward.width {
		o.dxData[i] = dy[i] * o.forward.factor[i]
	}
	return o.dx, nil
}
