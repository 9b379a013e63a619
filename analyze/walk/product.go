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

// Values of the column curvature_source.
const (
	fromSamples = "samples" // of the loss
	fromProduct = "hessian" // a product with the Hessian at the first iterate
)

// products computes the slope g'd and the curvature d'Hd of a step at its first iterate.
// These are exact even for a step that is too short for the resolution of the loss. The
// walk uses them only where the samples do not determine the curvature, because each such
// segment costs one gradient and one Hessian-vector product.
type products struct {
	evaluator *evaluator
	loss      analyze.HessianProduct
	absent    string // why the loss has no products; empty when it has them or find was not called
	// lastReason is why the last segment that needed a product has none.
	lastReason string

	point, direction, grad, product []float32
}

// find sets loss or absent when products are first needed, because the answer may come
// from another process.
func (p *products) find() {
	if p.loss != nil || p.absent != "" {
		return
	}
	g, ok := p.evaluator.loss.(analyze.Gradient)
	switch {
	case !ok:
		p.absent = "the loss offers no gradients"
	case len(p.evaluator.states.losses) > 0:
		p.absent = "the running statistics change along the step together with theta, and the Hessian at fixed " +
			"statistics " +
			"does not include that"
	default:
		p.loss, p.absent = analyze.ExactHessian(g)
	}
}

// unresolved reports whether the segment has a length and finite losses, but no curvature.
func (s *shape) unresolved() bool { return (s.flat || s.straight) && !s.curvature.Valid }

// complete replaces a shape without a curvature by the parabola of a product. The product
// is one more unit of the segment, so the store keeps it.
func (p *products) complete(ctx context.Context, values job.Values, i int, f *shape) error {
	if !f.unresolved() {
		return nil
	}
	if p.find(); p.absent != "" {
		p.lastReason = p.absent
		return ctx.Err() // a cancelled find is not a reason
	}
	return values(ctx, "", []job.Unit{p.evaluator.unit(i, p.evaluator.productKind())}, func(_ job.Unit,
		v []float64,
	) error {
		if slope, curvature := v[0], v[1]; slope-slope != 0 || curvature-curvature != 0 {
			p.lastReason = "the gradient or the product is not finite"
			return nil
		}
		p.evaluator.grid.parabola(f, v[0], v[1])
		return nil
	})
}

// evaluate returns the slope and the curvature along the step of the loaded segment, at
// its first iterate, in units of alpha.
func (p *products) evaluate(ctx context.Context) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := p.evaluator
	if p.direction == nil {
		n := w.parameters()
		p.point, p.direction = make([]float32, n), make([]float32, n)
		p.grad, p.product = make([]float32, n), make([]float32, n)
	}
	p.setDirection()
	copy(p.point, w.from.Theta) // the loss may change it
	if _, err := p.loss.Gradient(ctx, p.point, p.grad); err != nil {
		return nil, err
	}
	if err := p.loss.HessianVectors(ctx, p.point, [][]float32{p.direction}, [][]float32{p.product}); err != nil {
		return nil, err
	}
	var slope, curvature float64
	for i, u := range p.direction {
		slope += float64(u) * float64(p.grad[i])
		curvature += float64(u) * float64(p.product[i])
	}
	return []float64{slope * w.length, curvature * w.length * w.length}, nil
}

// setDirection sets direction to the unit vector along the step. A unit vector avoids
// underflow in float32, which the elements of a short step can have.
func (p *products) setDirection() {
	w := p.evaluator
	if w.opts.Direction == Gradient {
		norm := math.Sqrt(curve.Norm2(w.from.Grad))
		for i, g := range w.from.Grad {
			p.direction[i] = float32(-math.Copysign(1, w.from.LearningRate.Value) * float64(g) / norm)
		}
		return
	}
	for i, v := range w.to.Theta {
		p.direction[i] = float32((float64(v) - float64(w.from.Theta[i])) / w.length)
	}
}

// parabola sets the values of a shape that follow from the slope and the curvature at
// alpha 0, where phi(alpha) = phi(0) + slope alpha + curvature/2 alpha^2. It keeps what the
// samples determine: the floor inside a rough curve, and which end is higher.
func (g *grid) parabola(s *shape, slope, curvature float64) {
	s.source = fromProduct
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
		s.cockpitAlpha = record.Some(-1) // the same value as for a fitted parabola without a minimum
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
