package curvature

import (
	"fmt"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Layer is a range of theta whose diagonal block of the matrix is wanted.
type Layer struct {
	Name     string
	From, To int // elements of theta, To excluded
}

// Layers returns the layers of a layout: neighbouring tensors whose names agree up to
// the last dot or slash, such as linear1.weight and linear1.bias.
func Layers(l record.Layout) []Layer {
	var out []Layer
	for _, t := range l {
		name := t.Name
		if i := strings.LastIndexAny(name, "./"); i > 0 {
			name = name[:i]
		}
		if last := len(out) - 1; last >= 0 && out[last].Name == name {
			out[last].To = t.Offset + t.Len()
			continue
		}
		out = append(out, Layer{name, t.Offset, t.Offset + t.Len()})
	}
	return out
}

// blockOf is what is known of a diagonal block.
type blockOf struct {
	layer       Layer
	top, bottom Pair
	trace       Trace
	products    int
}

// layers finds the extreme eigenvalues and the trace of the diagonal block of every
// layer: the curvature when the other layers stand still. A block is the matrix S A S
// with the diagonal S that is 1 in the layer.
func (c *computation) layers() error {
	for _, l := range c.opts.Layers {
		if l.From < 0 || l.To > len(c.theta) || l.From >= l.To {
			return fmt.Errorf("curvature: layer %q has the elements %d to %d of theta, which has %d", l.Name, l.From,
				l.To, len(c.theta))
		}
		p, err := newProducts(c.g, c.theta, c.opts.Matrix, c.opts.Progress)
		if err != nil {
			return err
		}
		p.step = c.products.step
		scaling := make([]float64, len(c.theta))
		for i := l.From; i < l.To; i++ {
			scaling[i] = 1
		}
		p.scale(scaling)
		o := *c.opts
		o.Top, o.Bottom = 1, 1
		o.Store = analyze.Prefixed(c.opts.Store, "layer "+l.Name+" ")
		k := newKrylov(p, o.Block, c.capacity, nil, o.Seed)
		s, err := k.solve(c.ctx, &o)
		if err != nil {
			return fmt.Errorf("curvature: layer %q: %w", l.Name, err)
		}
		b := blockOf{layer: l, top: s.top[0], bottom: s.bottom[0]}
		if p.exact == nil {
			for _, pair := range []*Pair{&b.top, &b.bottom} {
				if _, err := p.again(c.ctx, pair); err != nil {
					return fmt.Errorf("curvature: layer %q: %w", l.Name, err)
				}
			}
		}
		if b.trace, _, err = k.trace(c.ctx, &o); err != nil {
			return fmt.Errorf("curvature: layer %q: %w", l.Name, err)
		}
		b.products = p.made
		c.products.made += p.made
		c.products.unchecked += p.unchecked
		c.result.blocks = append(c.result.blocks, b)
	}
	c.result.Layers = layersTable(c.result.blocks)
	return nil
}

func layersTable(blocks []blockOf) record.Table {
	var name []string
	var parameters, products []int64
	var top, topResidual, bottom, bottomResidual, trace, traceError column.Floats
	var converged column.Bools
	for _, b := range blocks {
		name, parameters, products = append(name, b.layer.Name), append(parameters,
			int64(b.layer.To-b.layer.From)), append(products, int64(b.products))
		top.Add(record.Some(b.top.Value))
		topResidual.Add(record.Some(b.top.Residual))
		bottom.Add(record.Some(b.bottom.Value))
		bottomResidual.Add(record.Some(b.bottom.Residual))
		trace.Add(b.trace.Mean)
		traceError.Add(b.trace.StandardError)
		converged.Add(b.top.Converged && b.bottom.Converged, true)
	}
	return record.Table{Columns: []record.Column{
		column.Strings("layer", name), column.Ints("parameters", parameters),
		top.Column("lambda_max"), topResidual.Column("lambda_max_residual"),
		bottom.Column("lambda_min"), bottomResidual.Column("lambda_min_residual"),
		trace.Column("trace"), traceError.Column("trace_standard_error"),
		converged.Column("converged"), column.Ints("products", products),
	}}
}
