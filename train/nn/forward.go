package nn

import (
	G "gorgonia.org/gorgonia"
)

// forward runs a graph without gradients: one op after the other, in the order in which
// they were added. Gorgonia's machine does the same on a goroutine of its own and
// describes every step for its log, which takes longer than a small batch of a small
// network.
type forward struct{ steps []step }

// step is an op with its inputs, whose values are those of nodes or results of former steps.
type step struct {
	op     G.Op
	nodes  G.Nodes
	values []G.Value
	from   []int // the step that computes an input; -1 if the node has the value
	result G.Value
}

// newForward finds the ops of a graph.
func newForward(g *G.ExprGraph) *forward {
	f, index := &forward{}, make(map[int64]int)
	for _, n := range g.AllNodes() {
		if n.Op() == nil {
			continue
		}
		s := step{op: n.Op()}
		for it := g.From(n.ID()); it.Next(); {
			input := it.Node().(*G.Node)
			i, ok := index[input.ID()]
			if !ok {
				i = -1
			}
			s.nodes, s.from, s.values = append(s.nodes, input), append(s.from, i), append(s.values, nil)
		}
		index[n.ID()] = len(f.steps)
		f.steps = append(f.steps, s)
	}
	return f
}

// RunAll runs all ops.
func (f *forward) RunAll() error {
	for i := range f.steps {
		s := &f.steps[i]
		for k, from := range s.from {
			if from < 0 {
				s.values[k] = s.nodes[k].Value()
			} else {
				s.values[k] = f.steps[from].result
			}
		}
		var err error
		if s.result, err = s.op.Do(s.values...); err != nil {
			return err
		}
	}
	return nil
}

// Reset does nothing.
func (f *forward) Reset() {}
