package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/record"
)

// plan describes a network: its layers in the order of their computation, the
// tensors of theta in the order of the layers, and their initialization. It does
// not depend on the element type or on the batch size.
type plan struct {
	spec   string
	in     Input
	layers []layer
	params record.Layout
	fanIn  []int // of each tensor of params; 0 for tensors that start constant
	state  record.Layout
	halo   []int // of each value that is an image: width of the zeros that its readers need
	err    error // the first reason why the input does not fit the model
}

// value is the input or the result of a layer: its number and its shape. The
// input has the number 0, the result of layer i the number i+1.
type value struct {
	index                   int
	height, width, channels int
}

func (v value) len() int { return v.height * v.width * v.channels }

func (v value) String() string { return fmt.Sprintf("%dx%dx%d", v.height, v.width, v.channels) }

// layer is one layer of the network. Parameters and statistics are indices into the
// layouts, -1 for none.
type layer interface {
	shape() value    // of the result
	inputs() []value // that the layer reads
}

// The layers. in and out are their input and result.
type (
	linearLayer struct {
		in, out      value
		weight, bias int
		relu         bool
	}
	convLayer struct {
		convStyle
		in, out        value
		weight, offset int // offset is the bias tensor
	}
	normLayer struct {
		in, out        value
		scale, shift   int
		mean, variance int
		relu           bool
		residual       *value
	}
	poolLayer    struct{ in, out value } // maximum over 2x2
	averageLayer struct{ in, out value } // mean over all pixels
	flattenLayer struct{ in, out value }
)

func (l linearLayer) shape() value  { return l.out }
func (l convLayer) shape() value    { return l.out }
func (l normLayer) shape() value    { return l.out }
func (l poolLayer) shape() value    { return l.out }
func (l averageLayer) shape() value { return l.out }
func (l flattenLayer) shape() value { return l.out }

func (l linearLayer) inputs() []value  { return []value{l.in} }
func (l convLayer) inputs() []value    { return []value{l.in} }
func (l poolLayer) inputs() []value    { return []value{l.in} }
func (l averageLayer) inputs() []value { return []value{l.in} }
func (l flattenLayer) inputs() []value { return []value{l.in} }
func (l normLayer) inputs() []value {
	if l.residual != nil {
		return []value{l.in, *l.residual}
	}
	return []value{l.in}
}

// readers returns how many layers read a value.
func (p *plan) readers(v value) int {
	n := 0
	for _, l := range p.layers {
		for _, in := range l.inputs() {
			if in == v {
				n++
			}
		}
	}
	return n
}

func newPlan(spec string, in Input) *plan {
	return &plan{spec: spec, in: in, halo: []int{0}}
}

// input returns the value of the input.
func (p *plan) input() value {
	return value{0, p.in.Height, p.in.Width, p.in.Channels}
}

// output returns the value of the next layer.
func (p *plan) output(height, width, channels int) value {
	p.halo = append(p.halo, 0)
	return value{len(p.layers) + 1, height, width, channels}
}

// images reports whether the network works on images, not on rows of numbers.
func (p *plan) images() bool {
	_, conv := p.layers[0].(convLayer)
	return conv
}

// tensor adds a parameter tensor and returns its index.
func (p *plan) tensor(name string, kind record.Kind, fanIn int, shape ...int) int {
	p.params = append(p.params, record.Tensor{Name: name, Kind: kind, Shape: shape})
	p.fanIn = append(p.fanIn, fanIn)
	return len(p.params) - 1
}

// statistic adds a tensor of running statistics and returns its index.
func (p *plan) statistic(name string, kind record.Kind, n int) int {
	p.state = append(p.state, record.Tensor{Name: name, Kind: kind, Shape: []int{n}})
	return len(p.state) - 1
}

// linear adds a fully connected layer.
func (p *plan) linear(name string, in value, units int, relu bool) value {
	n := in.len()
	l := linearLayer{in: in, out: p.output(1, 1, units), relu: relu}
	l.weight = p.tensor(name+".weight", record.Weight, n, units, n)
	l.bias = p.tensor(name+".bias", record.Bias, 0, units)
	p.layers = append(p.layers, l)
	return l.out
}

// convStyle is the geometry of a convolution and the options around it.
type convStyle struct {
	size, stride, pad int
	bias, relu        bool
	skip              bool // the input has a second use, as the residual of the normalization after the next one
}

// conv adds a convolution.
func (p *plan) conv(name string, in value, channels int, s convStyle) value {
	extent := func(n int) int { return (n+2*s.pad-s.size)/s.stride + 1 }
	if in.height+2*s.pad < s.size || in.width+2*s.pad < s.size {
		p.setError("%s cannot put a %dx%d window on %v with %d pixels of padding", name, s.size, s.size, in, s.pad)
	}
	l := convLayer{in: in, out: p.output(extent(in.height), extent(in.width), channels), convStyle: s, offset: -1}
	l.weight = p.tensor(name+".weight", record.Filter, in.channels*s.size*s.size, channels, in.channels, s.size, s.size)
	if s.bias {
		l.offset = p.tensor(name+".bias", record.Bias, 0, channels)
	}
	p.halo[in.index] = max(p.halo[in.index], s.pad)
	if !s.relu { // the gradient of the result has its geometry, and the backward pass convolves it
		p.halo[l.out.index] = s.size - 1 - s.pad
	}
	p.layers = append(p.layers, l)
	return l.out
}

// norm adds a batch normalization and a ReLU. A residual that is not nil is added
// before the ReLU.
func (p *plan) norm(name string, in value, residual *value) value {
	n := in.channels
	l := normLayer{in: in, out: p.output(in.height, in.width, n), relu: true, residual: residual}
	l.scale = p.tensor(name+".scale", record.NormScale, 0, n)
	l.shift = p.tensor(name+".shift", record.NormShift, 0, n)
	l.mean = p.statistic(name+".running_mean", record.RunningMean, n)
	l.variance = p.statistic(name+".running_variance", record.RunningVariance, n)
	p.layers = append(p.layers, l)
	return l.out
}

// normalized returns the normalization that follows a convolution, or nil.
func (p *plan) normalized(l convLayer) *normLayer {
	if l.out.index < len(p.layers) {
		if n, ok := p.layers[l.out.index].(normLayer); ok {
			return &n
		}
	}
	return nil
}

// pool adds a maximum over windows of 2x2 pixels.
func (p *plan) pool(in value) value {
	if in.height < 2 || in.width < 2 {
		p.setError("a 2x2 maximum cannot be taken of %v", in)
	}
	l := poolLayer{in: in, out: p.output(in.height/2, in.width/2, in.channels)}
	p.layers = append(p.layers, l)
	return l.out
}

// average adds the mean over all pixels.
func (p *plan) average(in value) value {
	l := averageLayer{in: in, out: p.output(1, 1, in.channels)}
	p.layers = append(p.layers, l)
	return l.out
}

// flatten adds the step from images to rows of numbers.
func (p *plan) flatten(in value) value {
	l := flattenLayer{in: in, out: p.output(1, 1, in.len())}
	p.layers = append(p.layers, l)
	return l.out
}

// setError stores the first reason why the input does not fit the model.
func (p *plan) setError(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("nn: model %q on %dx%dx%d inputs: %w",
			p.spec, p.in.Height, p.in.Width, p.in.Channels, fmt.Errorf(format, args...))
	}
}

// finish packs the layouts and checks them.
func (p *plan) finish() (*plan, error) {
	if p.err != nil {
		return nil, p.err
	}
	for _, l := range p.layers {
		if n, ok := l.(normLayer); ok { // the op needs the same geometry for all its images
			halo := max(p.halo[n.in.index], p.halo[n.out.index])
			if n.residual != nil {
				halo = max(halo, p.halo[n.residual.index])
			}
			p.halo[n.in.index], p.halo[n.out.index] = halo, halo
		}
	}
	p.params = record.Pack(p.params...)
	p.state = record.Pack(p.state...)
	for _, l := range []record.Layout{p.params, p.state} {
		if err := l.Validate(); err != nil {
			return nil, fmt.Errorf("nn: model %q: %w", p.spec, err)
		}
	}
	return p, nil
}

// initialize sets theta to the initialization of He et al. (2015): weights are
// normal with variance 2/fan-in, biases are 0. It draws the numbers tensor by
// tensor in the order of the layout, so theta_0 depends on the seed and the model
// only.
func (p *plan) initialize(theta []float32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, initStream))
	for i, t := range p.params {
		v := t.View(theta)
		switch {
		case p.fanIn[i] > 0:
			std := math.Sqrt(2 / float64(p.fanIn[i]))
			for j := range v {
				v[j] = float32(std * r.NormFloat64())
			}
		case t.Kind == record.NormScale:
			for j := range v {
				v[j] = 1
			}
		default:
			clear(v)
		}
	}
}

// initialState sets the running statistics to mean 0 and variance 1.
func (p *plan) initialState(state []float32) {
	for _, t := range p.state {
		v := t.View(state)
		for i := range v {
			v[i] = 0
			if t.Kind == record.RunningVariance {
				v[i] = 1
			}
		}
	}
}

// initStream separates the generator of the initialization from other generators
// with the same seed.
const initStream = 0x696e6974 // "init"
