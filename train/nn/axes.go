package nn

import (
	"fmt"
	"slices"
	"strings"

	"sgdwalk/record"
)

// Axes returns the layouts of theta and of the running statistics of the model that spec
// names, with the names of the axes of every tensor: which hidden units, in the notation of
// package analyze/align. The names follow from the layers of the model. Units have the name
// of the layer that computes them. Units of several layers that a shortcut adds have one
// name. The inputs and the classes are named input and output.
//
// A permutation of the units of one name, made in all tensors, does not change the function
// that the network computes.
func Axes(spec string, in Input) (theta, state record.Layout, err error) {
	p, err := parse(spec, in)
	if err != nil {
		return nil, nil, err
	}
	a := &axisNames{plan: p}
	if err := a.read(); err != nil {
		return nil, nil, fmt.Errorf("nn: model %q: %w", spec, err)
	}
	theta, state = slices.Clone(p.params), slices.Clone(p.state)
	for i, axes := range a.params {
		theta[i].Axes = textOf(axes)
	}
	for i, axes := range a.state {
		state[i].Axes = textOf(axes)
	}
	return theta, state, nil
}

// Initialization returns theta as [New] initializes it from the seed.
func Initialization(spec string, in Input, seed uint64) ([]float32, error) {
	p, err := parse(spec, in)
	if err != nil {
		return nil, err
	}
	theta := make([]float32, p.params.Len())
	p.initialize(theta, seed)
	return theta, nil
}

// units are hidden units that can be permuted together. Units that turn out to be the same
// as others have a parent, and units of which only a part is the same as others have parts.
type units struct {
	name   string
	n      int
	fixed  bool // inputs and classes, which are never permuted
	order  int  // of creation
	parent *units
	parts  []*units
}

// unitAxis is the axis of a tensor, or the channels of a value: the units of several layers
// one after the other. Each unit has inner consecutive elements, and all of that is there
// outer times. A nil axis is one without units, such as the height of a filter.
type unitAxis struct {
	units        []*units
	outer, inner int
}

// axisNames finds the units of every axis.
type axisNames struct {
	plan          *plan
	created       int
	params, state [][]*unitAxis // of each tensor
	values        []*unitAxis   // of each value of the plan
}

// create returns new units as an axis.
func (a *axisNames) create(name string, n int) *unitAxis {
	a.created++
	return &unitAxis{units: []*units{{name: name, n: n, order: a.created}}, outer: 1, inner: 1}
}

// read goes through the layers in the order of their computation.
func (a *axisNames) read() error {
	p := a.plan
	a.params, a.state = make([][]*unitAxis, len(p.params)), make([][]*unitAxis, len(p.state))
	input := a.create("input", p.in.Channels)
	input.units[0].fixed = true
	a.values = []*unitAxis{input}
	for _, l := range p.layers {
		out, err := a.layer(l)
		if err != nil {
			return err
		}
		a.values = append(a.values, out)
	}
	output := a.create("output", p.in.Classes)
	output.units[0].fixed = true
	a.tie(a.values[len(a.values)-1], output)
	return nil
}

// layer names the axes of the tensors of a layer and returns the axis of its result.
func (a *axisNames) layer(l layer) (*unitAxis, error) {
	switch l := l.(type) {
	case linearLayer:
		in := *a.values[l.in.index]
		if l.in.height*l.in.width > 1 { // the layer reads images pixel by pixel, with the channels last
			in.outer *= l.in.height * l.in.width
		}
		out := a.create(a.layerName(l.weight), l.out.channels)
		a.params[l.weight], a.params[l.bias] = []*unitAxis{out, &in}, []*unitAxis{out}
		return out, nil
	case convLayer:
		out := a.create(a.layerName(l.weight), l.out.channels)
		a.params[l.weight] = []*unitAxis{out, a.values[l.in.index], nil, nil}
		if l.bias {
			a.params[l.offset] = []*unitAxis{out}
		}
		return out, nil
	case normLayer:
		out := a.values[l.in.index]
		if l.residual != nil {
			a.tie(out, a.values[l.residual.index])
		}
		a.params[l.scale], a.params[l.shift] = []*unitAxis{out}, []*unitAxis{out}
		a.state[l.mean], a.state[l.variance] = []*unitAxis{out}, []*unitAxis{out}
		return out, nil
	case poolLayer:
		return a.values[l.in.index], nil
	case averageLayer:
		return a.values[l.in.index], nil
	case flattenLayer: // channel by channel
		out := *a.values[l.in.index]
		out.inner *= l.in.height * l.in.width
		return &out, nil
	default:
		return nil, fmt.Errorf("no axes for layer %T", l)
	}
}

// layerName returns the name of the layer that has a weight.
func (a *axisNames) layerName(weight int) string {
	return strings.TrimSuffix(a.plan.params[weight].Name, ".weight")
}

// tie makes the units of x and y the same, because a layer adds them. y may have fewer: then
// zeros are added to the others.
func (a *axisNames) tie(x, y *unitAxis) {
	left, right := leavesOf(x.units), leavesOf(y.units)
	for len(left) > 0 && len(right) > 0 {
		u, v := left[0], right[0]
		switch {
		case u.n > v.n:
			a.split(u, v.n)
		case v.n > u.n:
			a.split(v, u.n)
		default:
			if u != v {
				merge(u, v)
			}
			left, right = left[1:], right[1:]
		}
		left, right = leavesOf(left), leavesOf(right)
	}
}

// split divides units into the first n and the others.
func (a *axisNames) split(u *units, n int) {
	for _, size := range []int{n, u.n - n} {
		a.created++
		u.parts = append(u.parts, &units{name: u.name, n: size, fixed: u.fixed, order: a.created})
	}
}

// merge makes two units the same. The name is that of fixed units, else of the first ones.
func merge(u, v *units) {
	if v.fixed && !u.fixed || u.fixed == v.fixed && v.order < u.order {
		u, v = v, u
	}
	v.parent = u
}

// leavesOf returns units that have neither a parent nor parts.
func leavesOf(list []*units) []*units {
	var leaves []*units
	for _, u := range list {
		for u.parent != nil {
			u = u.parent
		}
		if u.parts != nil {
			leaves = append(leaves, leavesOf(u.parts)...)
		} else {
			leaves = append(leaves, u)
		}
	}
	return leaves
}

// textOf writes axes in the notation of package analyze/align.
func textOf(axes []*unitAxis) []string {
	texts := make([]string, len(axes))
	for i, a := range axes {
		if a == nil {
			continue
		}
		var names []string
		for _, u := range leavesOf(a.units) {
			names = append(names, u.name)
		}
		text := strings.Join(names, "+")
		if len(names) > 1 && a.outer*a.inner > 1 {
			text = "(" + text + ")"
		}
		if a.outer > 1 {
			text = fmt.Sprintf("%d*%s", a.outer, text)
		}
		if a.inner > 1 {
			text += fmt.Sprintf("*%d", a.inner)
		}
		texts[i] = text
	}
	return texts
}
