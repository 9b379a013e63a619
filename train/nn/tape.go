package nn

import (
	"fmt"

	"sgdwalk/train/nn/op"
)

// newTape makes a tape with the layers of a plan. state has the running
// statistics, which are borrowed. A value has the same number in the plan and on
// the tape.
func newTape[T op.Float](p *plan, state []T, batch *op.Batch) (*op.Tape[T], error) {
	image := func(v value) op.Image { return op.NewImage(v.height, v.width, v.channels, p.halo[v.index]) }
	in := op.Shape{Width: p.in.Len()}
	if p.images() {
		in = op.Shape{Image: op.NewInput(p.in.Height, p.in.Width, p.in.Channels, p.halo[0])}
	}
	offset := func(tensor int) int {
		if tensor < 0 {
			return -1
		}
		return p.params[tensor].Offset
	}
	statistic := func(tensor int) []T {
		s := p.state[tensor]
		return state[s.Offset : s.Offset+s.Len()]
	}
	t := op.NewTape[T](batch, in)
	for _, l := range p.layers {
		switch l := l.(type) {
		case linearLayer:
			t.Linear(l.in.index, l.out.channels, offset(l.weight), offset(l.bias), l.relu)
		case convLayer:
			err := t.Conv(op.TapeConv{
				In: l.in.index, Out: image(l.out), Kernel: l.size, Stride: l.stride, Pad: l.pad,
				Weight: offset(l.weight), Bias: offset(l.offset), ReLU: l.relu, Skip: l.skip,
			})
			if err != nil {
				return nil, err
			}
		case normLayer:
			n := op.TapeNorm[T]{
				In: l.in.index, Scale: offset(l.scale), Shift: offset(l.shift),
				Mean: statistic(l.mean), Variance: statistic(l.variance), ReLU: l.relu,
			}
			if l.residual != nil {
				n.Residual = l.residual.index
			}
			t.Norm(n)
		case poolLayer:
			t.MaxPool(l.in.index, image(l.out))
		case averageLayer:
			t.GlobalAverage(l.in.index)
		case flattenLayer:
			t.Flatten(l.in.index)
		default:
			return nil, fmt.Errorf("no tape for layer %T", l)
		}
	}
	return t, nil
}
