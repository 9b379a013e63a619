package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/record"
)

// plan is a network on paper: its layers in the order of their computation, the
// tensors of theta in the order in which the layers brought them, and how they
// start. It knows no element type and no batch.
type plan struct {
	spec   string
	in     Input
	layers []layer
	params record.Layout
	fanIn  []int // of each tensor of params; 0 for those that start constant
	state  record.Layout
	err    error // the first misfit
}

// value is the result of a layer, or the input: an index into the plan's values
// and its shape.
type value struct {
	index                   int
	height, width, channels int
}

func (v value) len() int { return v.height * v.width * v.channels }

// layer is one op of the network. Parameters are indices into the layout.
type layer interface{ result() int }

type linearLayer struct {
	in, out      value
	weight, bias int
	relu         bool
}

func (l linearLayer) result() int { return l.out.index }

func newPlan(spec string, in Input) *plan { return &plan{spec: spec, in: in} }

// input is the network's input, value 0.
func (p *plan) input() value {
	return value{0, p.in.Height, p.in.Width, p.in.Channels}
}

// output makes the value of the next layer. Values are numbered like layers, the
// input being 0.
func (p *plan) output(height, width, channels int) value {
	return value{len(p.layers) + 1, height, width, channels}
}

// tensor adds a parameter tensor and returns its index.
func (p *plan) tensor(name string, kind record.Kind, fanIn int, shape ...int) int {
	p.params = append(p.params, record.Tensor{Name: name, Kind: kind, Shape: shape})
	p.fanIn = append(p.fanIn, fanIn)
	return len(p.params) - 1
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

// finish packs the layouts and checks them.
func (p *plan) finish() (*plan, error) {
	if p.err != nil {
		return nil, p.err
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

// initialize fills theta with He et al.'s (2015) initialization: weights are
// normal with variance 2/fan-in, biases are 0. Numbers are drawn tensor by
// tensor in the order of the layout, so theta_0 depends on the seed and on the
// model, not on the batch or the number of workers.
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

// initStream separates the generator of the initialization from others that are
// made from the same seed.
const initStream = 0x696e6974 // "init"
