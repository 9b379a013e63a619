package optim

import (
	"fmt"
	"math"

	"sgdwalk/record"
)

// span is a piece of the flat vector, from one index up to another.
type span struct{ from, to int }

// preparation is what several optimizers do to a gradient before their rule:
// check it, clip it, add weight decay.
type preparation struct {
	name   string
	length int
	clip   float64 // largest norm; 0 is none
	decay  float64 // weight decay; 0 is none
	spans  []span  // what decays, in order
}

// newPreparation reads the hyperparameters that an optimizer has of clip_norm,
// weight_decay and decay_all.
func newPreparation(name string, v values, layout record.Layout) preparation {
	return preparation{
		name: name, length: layout.Len(), clip: v["clip_norm"], decay: v["weight_decay"],
		spans: decaying(layout, v["decay_all"] == 1),
	}
}

// decaying returns the pieces of theta that weight decay applies to: everything,
// or what filter normalization also takes for weights.
func decaying(layout record.Layout, all bool) []span {
	var spans []span
	for _, t := range layout {
		if !all && t.Kind != record.Filter && t.Kind != record.Weight && t.Kind != record.Other {
			continue
		}
		s := span{t.Offset, t.Offset + t.Len()}
		if n := len(spans); n > 0 && spans[n-1].to == s.from {
			spans[n-1].to = s.to
			continue
		}
		spans = append(spans, s)
	}
	return spans
}

// check refuses what no rule can work with.
func (p *preparation) check(theta, grad []float32, rate float64) error {
	if len(theta) != p.length || len(grad) != p.length {
		return fmt.Errorf("optim: %s: theta has %d elements, the gradient %d; the layout has %d", p.name, len(theta), len(grad), p.length)
	}
	if !(rate >= 0) || math.IsInf(rate, 0) {
		return fmt.Errorf("optim: %s: the learning rate of the step is %v; it must be finite and not negative", p.name, rate)
	}
	return nil
}

// clipped scales the gradient down to the largest norm, in place. A gradient
// that is not finite stays so: the run diverges and says so.
func (p *preparation) clipped(grad []float32) {
	if p.clip == 0 {
		return
	}
	if n := norm(grad); n > p.clip {
		s := float32(p.clip / n)
		for i := range grad {
			grad[i] *= s
		}
	}
}

// regularized adds the gradient of decay/2 |theta|^2 over the decaying pieces.
func (p *preparation) regularized(theta, grad []float32) {
	if p.decay == 0 {
		return
	}
	d := float32(p.decay)
	for _, s := range p.spans {
		t, g := theta[s.from:s.to], grad[s.from:s.to]
		for i, v := range t {
			g[i] += float32(d * v)
		}
	}
}

// coupled checks, clips and regularizes.
func (p *preparation) coupled(theta, grad []float32, rate float64) error {
	if err := p.check(theta, grad, rate); err != nil {
		return err
	}
	p.clipped(grad)
	p.regularized(theta, grad)
	return nil
}

// dot returns the inner product, summed in float64 in index order.
func dot(a, b []float32) float64 {
	b = b[:len(a)]
	sum := 0.0
	for i, v := range a {
		sum += float64(float64(v) * float64(b[i]))
	}
	return sum
}

// norm returns the Euclidean norm.
func norm(a []float32) float64 { return math.Sqrt(dot(a, a)) }
