package op

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// fetch returns a buffer that its only input, a backward op, has filled. An op of
// Gorgonia has one result; fetch ops give a backward op several results.
type fetch struct {
	base
	buffer *tensor.Dense
}

func (o *fetch) Do(...G.Value) (G.Value, error) { return o.buffer, nil }

// applyAll appends an op and one fetch op for each of its further results. It
// returns their nodes in this order.
func applyAll(b *Batch, o G.Op, inputs G.Nodes, results ...*tensor.Dense) (G.Nodes, error) {
	n, err := G.ApplyOp(o, inputs...)
	if err != nil {
		return nil, err
	}
	nodes := G.Nodes{n}
	for _, t := range results {
		f, err := G.ApplyOp(&fetch{newBase(b, "fetch", t.Shape(), n), t}, n)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, f)
	}
	return nodes, nil
}
