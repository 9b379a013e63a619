package nn

import (
	"fmt"
	"strings"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train/nn/op"
)

// graph is a plan compiled for one element type and one largest batch: a
// Gorgonia graph and the machine that runs it. Its parameters are views onto a
// flat theta, so that changing theta is enough.
type graph[T op.Float] struct {
	plan  *plan
	batch *op.Batch
	inbuf []T // room for the input of a whole batch
	loss  *op.CrossEntropy[T]
	grads G.Nodes // of each tensor of the layout; nil for a forward graph
	vm    interface {
		RunAll() error
		Reset()
	}
}

// building serializes graph construction: Gorgonia's constant nodes and group
// numbers are shared by all graphs and not protected. Running is independent.
var building sync.Mutex

// compile builds the graph over theta for batches of at most size rows. Without
// gradient only the loss is computed.
func compile[T op.Float](p *plan, theta []T, size, workers int, gradient bool) (_ *graph[T], err error) {
	building.Lock()
	defer building.Unlock()
	defer func() { // Gorgonia reports some construction errors by panicking
		if r := recover(); r != nil {
			err = fmt.Errorf("nn: model %q: building the graph: %v", p.spec, r)
		}
	}()
	g := &graph[T]{plan: p, batch: &op.Batch{Size: size, Workers: workers}}
	eg := G.NewGraph()
	params := make(G.Nodes, len(p.params))
	for i, t := range p.params {
		end := t.Offset + t.Len()
		params[i] = node(eg, t.Name, t.Shape, theta[t.Offset:end:end])
	}
	values := make(G.Nodes, len(p.layers)+1)
	g.inbuf = make([]T, size*p.in.Len())
	values[0] = node(eg, "input", []int{size, p.in.Len()}, g.inbuf)
	for _, l := range p.layers {
		if values[l.result()], err = addLayer[T](g.batch, l, values, params); err != nil {
			return nil, fmt.Errorf("nn: model %q: %w", p.spec, err)
		}
	}
	var cost *G.Node
	if g.loss, cost, err = op.SoftmaxCrossEntropy[T](g.batch, values[len(values)-1]); err != nil {
		return nil, fmt.Errorf("nn: model %q: %w", p.spec, err)
	}
	if gradient {
		if g.grads, err = G.Grad(cost, params...); err != nil {
			return nil, fmt.Errorf("nn: model %q: differentiating: %w", p.spec, err)
		}
	}
	g.vm = G.NewTapeMachine(eg)
	return g, nil
}

// node makes a graph input over data that stays where it is.
func node[T op.Float](g *G.ExprGraph, name string, shape []int, data []T) *G.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return G.NewTensor(g, v.Dtype(), len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// addLayer appends the op of a layer.
func addLayer[T op.Float](b *op.Batch, l layer, values, params G.Nodes) (*G.Node, error) {
	switch l := l.(type) {
	case linearLayer:
		return op.Linear[T](b, values[l.in.index], params[l.weight], params[l.bias],
			op.LinearOptions{ReLU: l.relu, Input: l.in.index == 0})
	default:
		return nil, fmt.Errorf("no op for layer %T", l)
	}
}

// run evaluates the graph on the first len(labels) rows of inbuf.
func (g *graph[T]) run(labels []int32) error {
	g.batch.Rows, g.batch.Labels = len(labels), labels
	defer func() { g.batch.Labels = nil }()
	err := g.vm.RunAll()
	g.vm.Reset() // without it the next RunAll would do nothing
	if err != nil {
		return fmt.Errorf("nn: model %q: %w", g.plan.spec, clean(err))
	}
	return nil
}

// gradients calls f with the gradient of each parameter tensor of the last run,
// in the order of the layout. The slices are the ops' own.
func (g *graph[T]) gradients(f func(offset int, grad []T)) {
	for i, n := range g.grads {
		f(g.plan.params[i].Offset, n.Value().Data().([]T))
	}
}

// clean shortens the error of a run to its first line: what follows in an error
// of the machine is the state of the machine.
func clean(err error) error {
	if text, _, cut := strings.Cut(err.Error(), "\n"); cut {
		return fmt.Errorf("%s", text)
	}
	return err
}
