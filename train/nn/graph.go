package nn

import (
	"fmt"
	"strings"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sgdwalk/train"
	"sgdwalk/train/nn/op"
)

// graph is a plan compiled for one element type and a largest batch: a Gorgonia
// graph and the machine that runs it. Its parameters are views of a flat theta,
// so changing theta is enough.
type graph[T op.Float] struct {
	plan        *plan
	batch       *op.Batch
	input       *G.Node
	inputBuffer *tensor.Dense // input of a whole batch, allocated on first use
	norms       []*op.Norm[T]
	combined    *op.Combined[T] // of a graph for shared convolutions
	loss        *op.CrossEntropy[T]
	grads       G.Nodes // of each tensor of the layout; nil for a forward graph
	vm          interface {
		RunAll() error
		Reset()
	}
}

// minBatchedWeights is the layer size above which a layer processes many images
// at once. Such a layer reads its weights from memory for every block of images,
// which costs more than images that do not fit the cache.
const minBatchedWeights = 1 << 16

// blockSize returns how many images a blockwise graph takes through its layers at
// a time.
func (p *plan) blockSize() int {
	n, most := 16, 0
	for _, l := range p.layers {
		v := l.shape()
		if c, ok := l.(convLayer); ok {
			n = min(n, op.NewImage(v.height, v.width, v.channels, p.halo[v.index]).Block())
			most = max(most, p.params[c.weight].Len())
		}
	}
	if most > minBatchedWeights {
		return 16
	}
	return n
}

// buildMutex serializes the construction of graphs, because all graphs share
// Gorgonia's constant nodes and group numbers without a lock. Running graphs is
// independent.
var buildMutex sync.Mutex

// purpose says what a graph computes.
type purpose int

const (
	forGradient purpose = iota // loss and gradient
	forLoss                    // the loss
	forFrozen                  // the loss with running statistics, which are folded into the weights
	forShared                  // the loss without statistics, from the result of the first convolution
)

// compile builds the graph over theta and state for batches of at most size rows.
func compile[T op.Float](p *plan, theta, state []T, size int, workers *op.Workers, use purpose) (_ *graph[T],
	err error,
) {
	buildMutex.Lock()
	defer buildMutex.Unlock()
	defer func() { // Gorgonia reports some construction errors by panicking
		if r := recover(); r != nil {
			err = fmt.Errorf("nn: model %q: building the graph: %v", p.spec, r)
		}
	}()
	g := &graph[T]{plan: p, batch: &op.Batch{Size: size, Workers: workers, Block: p.blockSize()}}
	switch {
	case use == forFrozen || use != forGradient && len(p.state) == 0:
		g.batch.Mode = op.BlockwiseForward
	case len(p.state) == 0:
		g.batch.Mode = op.Blockwise
	}
	b, err := newBuilder(g, theta, state, use == forShared)
	if err != nil {
		return nil, err
	}
	b.fold = use == forFrozen
	g.batch.Frozen = b.fold
	for _, l := range p.layers {
		if i := l.shape().index; i <= b.start {
			continue
		}
		if b.values[l.shape().index], err = b.layer(l); err != nil {
			return nil, fmt.Errorf("nn: model %q: %w", p.spec, err)
		}
	}
	var cost *G.Node
	if g.loss, cost, err = op.SoftmaxCrossEntropy[T](g.batch, b.values[len(b.values)-1]); err != nil {
		return nil, fmt.Errorf("nn: model %q: %w", p.spec, err)
	}
	if use == forGradient {
		if g.grads, err = G.Grad(cost, b.params...); err != nil {
			return nil, fmt.Errorf("nn: model %q: differentiating: %w", p.spec, err)
		}
	}
	if g.vm = newForward(b.g); use == forGradient {
		g.vm = G.NewTapeMachine(b.g)
	}
	return g, nil
}

// builder has the data that only the construction of a graph needs.
type builder[T op.Float] struct {
	*graph[T]
	g      *G.ExprGraph
	fold   bool // normalizations go into the convolutions before them
	start  int  // number of the value from which on the layers are appended
	state  []T
	params G.Nodes
	values G.Nodes       // of the values of the plan
	images []op.Image    // geometry of each value; not used for vectors
	skips  []*op.Skip    // of each value with two uses
	convs  []*op.Conv[T] // of each value that a convolution computes
	unread []*op.Norm[T] // of each value that a normalization computes, for its first reader
}

// newBuilder makes the input nodes of a graph: one for each parameter tensor, as a view
// of theta, and one for the examples. Networks of images begin with a copy of the
// examples into images with a halo, or with the shared result of the first convolution.
func newBuilder[T op.Float](g *graph[T], theta, state []T, shared bool) (*builder[T], error) {
	p, size, n := g.plan, g.batch.Size, len(g.plan.layers)+1
	b := &builder[T]{
		graph: g, g: G.NewGraph(), state: state,
		params: make(G.Nodes, len(p.params)), values: make(G.Nodes, n), images: make([]op.Image, n),
		skips: make([]*op.Skip, n), convs: make([]*op.Conv[T], n), unread: make([]*op.Norm[T], n),
	}
	for i, t := range p.params {
		end := t.Offset + t.Len()
		b.params[i] = node(b.g, t.Name, t.Shape, theta[t.Offset:end:end])
	}
	dtype := tensor.New(tensor.WithBacking(make([]T, 1))).Dtype()
	g.input = G.NewMatrix(b.g, dtype, G.WithShape(size, p.in.Len()), G.WithName("input"))
	b.values[0] = g.input
	if !p.images() {
		return b, nil
	}
	if shared {
		return b, b.shared()
	}
	var err error
	b.images[0] = op.NewInput(p.in.Height, p.in.Width, p.in.Channels, p.halo[0])
	b.values[0], err = op.Pad[T](g.batch, b.images[0], g.input)
	return b, err
}

// shared appends the op that combines results of the first convolution, and the maximum
// that follows.
func (b *builder[T]) shared() (err error) {
	first := b.plan.layers[0].(convLayer)
	in := b.activation(first.out)
	out := in
	b.start = first.out.index
	l, pooled := b.plan.layers[1].(poolLayer)
	if pooled {
		out, b.start = b.activation(l.out), l.out.index
	}
	b.combined, b.values[b.start], err = op.NewCombined[T](b.batch, in, out, b.values[0], pooled, first.relu)
	return err
}

// node adds an input over data to a graph, without copying the data.
func node[T op.Float](g *G.ExprGraph, name string, shape []int, data []T) *G.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return G.NewTensor(g, v.Dtype(), len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// activation sets and returns the geometry of a value that is an image.
func (b *builder[T]) activation(v value) op.Image {
	b.images[v.index] = op.NewImage(v.height, v.width, v.channels, b.plan.halo[v.index])
	return b.images[v.index]
}

// layer appends the op of a layer.
func (b *builder[T]) layer(l layer) (*G.Node, error) {
	switch l := l.(type) {
	case linearLayer:
		return op.Linear[T](b.batch, b.values[l.in.index], b.params[l.weight], b.params[l.bias],
			op.LinearOptions{ReLU: l.relu, Input: l.in.index == 0})
	case convLayer:
		if b.fold && b.plan.normalized(l) != nil {
			return nil, nil // folded makes it together with its normalization
		}
		return b.conv(l)
	case normLayer:
		if b.fold {
			return b.folded(b.plan.layers[l.in.index-1].(convLayer), l)
		}
		return b.norm(l)
	case poolLayer:
		return op.MaxPool(b.batch, b.images[l.in.index], b.activation(l.out), b.values[l.in.index], b.convs[l.in.index])
	case averageLayer:
		return op.GlobalAverage[T](b.batch, b.images[l.in.index], b.values[l.in.index])
	case flattenLayer:
		return op.Flatten[T](b.batch, b.images[l.in.index], b.values[l.in.index])
	default:
		return nil, fmt.Errorf("no op for layer %T", l)
	}
}

// conv appends a convolution. If a normalization comes directly before it, the
// convolution computes the last pass of that normalization block by block.
func (b *builder[T]) conv(l convLayer) (*G.Node, error) {
	opts := op.ConvOptions{Stride: l.stride, Pad: l.pad, ReLU: l.relu, Input: l.in.index == 0}
	if l.skip {
		b.skips[l.in.index] = new(op.Skip)
		opts.Skip = b.skips[l.in.index]
	}
	o, n, err := op.NewConv[T](b.batch, b.images[l.in.index], b.activation(l.out), b.values[l.in.index],
		b.params[l.weight], b.bias(l), opts)
	if err != nil {
		return nil, err
	}
	b.convs[l.out.index] = o
	// Only the next layer may take over a normalization: it reads the result before
	// the residual does. Its gradient must be the whole gradient of the result.
	readers := 1
	if l.skip {
		readers = 2
	}
	norm := b.unread[l.in.index]
	if norm != nil && b.plan.layers[l.in.index] == layer(l) && b.plan.readers(l.in) == readers {
		norm.DeferTo(o, l.skip)
	}
	return n, nil
}

// norm appends a normalization, with its residual.
func (b *builder[T]) norm(l normLayer) (*G.Node, error) {
	opts := op.NormOptions{ReLU: l.relu}
	if l.residual != nil {
		i := l.residual.index
		opts.Residual, opts.ResidualImage, opts.Skip = b.values[i], b.images[i], b.skips[i]
	}
	b.activation(l.out)
	o, n, err := op.NewNorm(b.convs[l.in.index], b.values[l.in.index], b.params[l.scale], b.params[l.shift],
		b.statistic(l.mean), b.statistic(l.variance), opts)
	b.norms, b.unread[l.out.index] = append(b.norms, o), o
	return n, err
}

// folded makes one op of a convolution and its normalization.
func (b *builder[T]) folded(c convLayer, l normLayer) (*G.Node, error) {
	opts := op.FoldedOptions{Stride: c.stride, Pad: c.pad, Norm: op.NormOptions{ReLU: l.relu}}
	if l.residual != nil {
		opts.Norm.Residual, opts.Norm.ResidualImage = b.values[l.residual.index], b.images[l.residual.index]
	}
	return op.FoldedConv(b.batch, b.images[c.in.index], b.activation(l.out), b.values[c.in.index], b.params[c.weight],
		b.bias(c),
		b.params[l.scale], b.params[l.shift], b.statistic(l.mean), b.statistic(l.variance), opts)
}

// bias returns the bias of a convolution, or nil.
func (b *builder[T]) bias(l convLayer) *G.Node {
	if !l.bias {
		return nil
	}
	return b.params[l.offset]
}

// statistic returns a tensor of running statistics, without copying it.
func (b *builder[T]) statistic(i int) []T {
	t := b.plan.state[i]
	return b.state[t.Offset : t.Offset+t.Len()]
}

// run runs the graph on len(labels) examples. inputs may have more examples. If
// they fill the largest batch, the graph reads them in place, otherwise it copies
// them.
func (g *graph[T]) run(inputs []float32, labels []int32) error {
	if err := g.bind(inputs, len(labels)); err != nil {
		return fmt.Errorf("nn: model %q: %w", g.plan.spec, err)
	}
	g.batch.Rows, g.batch.Labels = len(labels), labels
	defer func() { g.batch.Labels = nil }()
	err := g.batch.Workers.Run(g.vm.RunAll)
	g.vm.Reset() // otherwise the next RunAll does nothing
	if err != nil {
		return fmt.Errorf("nn: model %q: %w", g.plan.spec, firstLine(err))
	}
	return nil
}

// bind sets the value of the input node.
func (g *graph[T]) bind(inputs []float32, rows int) error {
	size, one := g.batch.Size, g.plan.in.Len()
	if v, same := any(inputs).([]T); same && len(v) >= size*one {
		return G.Let(g.input, tensor.New(tensor.WithShape(size, one), tensor.WithBacking(v[:size*one:size*one])))
	}
	if g.inputBuffer == nil {
		g.inputBuffer = tensor.New(tensor.WithShape(size, one), tensor.WithBacking(make([]T, size*one)))
	}
	buffer := g.inputBuffer.Data().([]T)
	for i, v := range inputs[:rows*one] {
		buffer[i] = T(v)
	}
	return G.Let(g.input, g.inputBuffer)
}

// gradients calls f with the gradient of each parameter tensor of the last run,
// in the order of the layout. The slices are borrowed from the ops.
func (g *graph[T]) gradients(f func(offset int, grad []T)) {
	for i, n := range g.grads {
		f(g.plan.params[i].Offset, n.Value().Data().([]T))
	}
}

// momentum is the weight of a new batch in the running statistics, as in PyTorch.
const momentum = 0.1

// updateStatistics moves the running statistics towards those of the last batch.
// As in PyTorch, the variance is corrected for the number of values.
func (g *graph[T]) updateStatistics() {
	for _, n := range g.norms {
		for c := range n.Mean {
			n.RunningMean[c] = T((1-momentum)*float64(n.RunningMean[c]) + momentum*n.Mean[c])
			n.RunningVariance[c] = T((1-momentum)*float64(n.RunningVariance[c]) + momentum*unbiased(n, c))
		}
	}
}

// measure returns the loss and the accuracy of the last run.
func (g *graph[T]) measure() train.Measure {
	rows := g.batch.Rows
	return train.Measure{Loss: g.loss.Loss, Accuracy: float64(g.loss.Correct) / float64(rows), Examples: rows}
}

// firstLine shortens an error of the machine to its first line. The other lines
// describe the state of the machine.
func firstLine(err error) error {
	if text, _, cut := strings.Cut(err.Error(), "\n"); cut {
		return fmt.Errorf("%s", text)
	}
	return err
}
