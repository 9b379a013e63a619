package op

import (
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// tensorNode adds an input with data to a graph.
func tensorNode[T Float](g *G.ExprGraph, name string, data []T, shape ...int) *G.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return G.NewTensor(g, v.Dtype(), len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// normal draws n standard normal numbers.
func normal(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	return v
}

// check is a graph from one input through an op to a cross-entropy.
type check struct {
	batch *Batch
	x     []float64
	out   *G.Node
	loss  *CrossEntropy[float64]
	grad  *G.Node
	vm    interface {
		RunAll() error
		Reset()
	}
}

// newCheck builds a check. build appends the op, whose result must be a matrix.
func newCheck(t *testing.T, b *Batch, shape []int, x []float64,
	build func(g *G.ExprGraph, x *G.Node) (*G.Node, error),
) *check {
	t.Helper()
	g := G.NewGraph()
	in := tensorNode(g, "x", x, shape...)
	out, err := build(g, in)
	if err != nil {
		t.Fatal(err)
	}
	loss, cost, err := SoftmaxCrossEntropy[float64](b, out)
	if err != nil {
		t.Fatal(err)
	}
	grads, err := G.Grad(cost, in)
	if err != nil {
		t.Fatal(err)
	}
	return &check{batch: b, x: x, out: out, loss: loss, grad: grads[0], vm: G.NewTapeMachine(g)}
}

func (c *check) run(t *testing.T) float64 {
	t.Helper()
	err := c.batch.Workers.Run(c.vm.RunAll)
	c.vm.Reset()
	if err != nil {
		t.Fatal(err)
	}
	return c.loss.Loss
}

// differences compares the gradient at some places of the input with central
// differences in float64, whose errors are about 1e-9 with the step 1e-6.
func (c *check) differences(t *testing.T, places []int) {
	t.Helper()
	c.run(t)
	grad := append([]float64(nil), c.grad.Value().Data().([]float64)...)
	const h = 1e-6
	for _, i := range places {
		at := c.x[i]
		c.x[i] = at + h
		up := c.run(t)
		c.x[i] = at - h
		down := c.run(t)
		c.x[i] = at
		if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-8 {
			t.Errorf("place %d: gradient %g, finite difference %g", i, grad[i], want)
		}
	}
}

// interior returns the indices of the real values of images: neither the halo nor
// rounded-up channels.
func interior(m Image, size int) []int {
	var at []int
	for i := range size {
		for h := range m.Height {
			for w := range m.Width {
				for c := range m.Real {
					at = append(at, i*m.Len()+m.At(h, w)+c)
				}
			}
		}
	}
	return at
}

// scatter writes numbers to the interior of images.
func scatter(m Image, size int, v []float64) []float64 {
	x := make([]float64, size*m.Len())
	for i, at := range interior(m, size) {
		x[at] = v[i]
	}
	return x
}
