package walk

import (
	"context"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// What a curvature comes from: the column curvature_source.
const (
	fromSamples = "samples" // of the loss
	fromHessian = "hessian" // a product with the Hessian at the first iterate
)

// products know the slope g'd and the curvature d'Hd of a step at its first iterate,
// however short the step is. They are asked for where the samples do not tell the
// curvature: one gradient and one product for each such segment.
type products struct {
	walker *walker
	loss   analyze.HessianProduct
	absent string // why there are none
	why    string // why the last segment that wanted one has none

	unit, grad, product []float32
}

// known asks the loss for products, when they are first needed.
func (p *products) known() {
	if p.loss != nil || p.absent != "" {
		return
	}
	g, ok := p.walker.loss.(analyze.Gradient)
	switch {
	case !ok:
		p.absent = "the loss offers no gradients"
	case len(p.walker.states.losses) > 0:
		p.absent = "the running statistics move along the step with theta, and products with the Hessian do not know how"
	default:
		p.loss, p.absent = analyze.ExactHessian(g)
	}
}

// unresolved reports whether the segment has a length and its losses, but no curvature.
func (s *shape) unresolved() bool { return (s.flat || s.straight) && !s.curvature.Valid }

// complete gives a shape whose samples do not tell the curvature the parabola of a
// product, which is one more unit of the segment.
func (p *products) complete(ctx context.Context, values job.Values, i int, f *shape) error {
	if !f.unresolved() {
		return nil
	}
	if p.known(); p.absent != "" {
		p.why = p.absent
		return ctx.Err() // asking may have been stopped
	}
	return values(ctx, "", []job.Unit{p.walker.unit(i, p.walker.productKind())}, func(_ job.Unit, v []float64) error {
		if slope, curvature := v[0], v[1]; slope-slope != 0 || curvature-curvature != 0 {
			p.why = "the gradient or the product is not finite"
			return nil
		}
		p.walker.grid.parabola(f, v[0], v[1])
		return nil
	})
}

// at returns the slope and the curvature along the step of the loaded segment, at its
// first iterate.
func (p *products) at(ctx context.Context) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := p.walker
	if p.unit == nil {
		n := len(w.scratch)
		p.unit, p.grad, p.product = make([]float32, n), make([]float32, n), make([]float32, n)
	}
	p.direction()
	copy(w.scratch, w.from.Theta)
	if _, err := p.loss.Gradient(ctx, w.scratch, p.grad); err != nil {
		return nil, err
	}
	if err := p.loss.HessianVectors(ctx, w.scratch, [][]float32{p.unit}, [][]float32{p.product}); err != nil {
		return nil, err
	}
	var slope, curvature float64
	for i, u := range p.unit {
		slope += float64(u) * float64(p.grad[i])
		curvature += float64(u) * float64(p.product[i])
	}
	return []float64{slope * w.length, curvature * w.length * w.length}, nil
}

// direction sets the unit vector along the step. A unit vector loses nothing to the
// smallest numbers of float32.
func (p *products) direction() {
	w := p.walker
	if w.opts.Direction == Gradient {
		norm := math.Sqrt(curve.Norm2(w.from.Grad))
		for i, g := range w.from.Grad {
			p.unit[i] = float32(-math.Copysign(1, w.from.LearningRate.Value) * float64(g) / norm)
		}
		return
	}
	for i, v := range w.to.Theta {
		p.unit[i] = float32((float64(v) - float64(w.from.Theta[i])) / w.length)
	}
}

// parabola gives a shape what follows from the slope and the curvature at alpha 0: the
// loss at alpha is phi(0) + slope alpha + curvature/2 alpha^2. What the samples tell
// stays: a floor inside a rough curve, and which end is higher.
func (g *grid) parabola(s *shape, slope, curvature float64) {
	s.source = fromHessian
	s.curvature = record.Some(curvature)
	s.slopeStart, s.slopeEnd = record.Some(slope), record.Some(slope+curvature)
	if !s.rises.Valid {
		s.rises = column.Known(slope+curvature/2 > 0)
	}
	if curvature > 0 {
		s.parabolaPosition = record.Some(-slope / curvature)
		if slope != 0 {
			s.cockpitAlpha = record.Some(-curvature/slope - 1)
		}
	} else {
		s.cockpitAlpha = record.Some(-1) // as of a fitted parabola that has no minimum
	}
	if s.rough {
		return
	}
	at := func(alpha float64) float64 { return alpha * (slope + alpha*curvature/2) }
	first, last := g.alphas[0], g.alphas[len(g.alphas)-1]
	position := first
	if at(last) < at(first) {
		position = last
	}
	inside := curvature > 0 && first < s.parabolaPosition.Value && s.parabolaPosition.Value < last
	if inside {
		position = s.parabolaPosition.Value
	}
	floor := at(position)
	s.floorPosition, s.floorLoss = record.Some(position), record.Some(s.start.Value+floor)
	s.floorAtEdge = column.Known(!inside)
	s.floorInterior = column.Known(inside && position > 0 && position < 1)
	s.heightStart, s.heightEnd = record.Some(0-floor), record.Some(at(1)-floor)
	s.heightMean = record.Some(at(1)/2 - floor)
}
