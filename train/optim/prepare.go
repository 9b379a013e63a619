package optim

import (
	"fmt"
	"math"

	"sgdwalk/record"
)

// interval is a part of the flat vector, from index from to index to-1.
type interval struct{ from, to int }

// preparation is the common first part of optimizers: check the gradient, clip
// it, add weight decay.
type preparation struct {
	name     string
	length   int
	clip     float64    // largest norm; 0 does not clip
	decay    float64    // weight decay
	decaying []interval // parts that decay, in order
}

// newPreparation uses clip_norm, weight_decay and decay_all, if the optimizer has
// them.
func newPreparation(name string, v values, layout record.Layout) preparation {
	return preparation{
		name: name, length: layout.Len(), clip: v["clip_norm"], decay: v["weight_decay"],
		decaying: decaying(layout, v["decay_all"] == 1),
	}
}

// decaying returns the parts of theta with weight decay: all of it, or the kinds
// of tensors that filter normalization treats as weights.
func decaying(layout record.Layout, all bool) []interval {
	var parts []interval
	for _, t := range layout {
		if !all && t.Kind != record.Filter && t.Kind != record.Weight && t.Kind != record.Other {
			continue
		}
		s := interval{t.Offset, t.Offset + t.Len()}
		if n := len(parts); n > 0 && parts[n-1].to == s.from {
			parts[n-1].to = s.to
			continue
		}
		parts = append(parts, s)
	}
	return parts
}

// check refuses operands that no rule can use.
func (p *preparation) check(theta, grad []float32, rate float64) error {
	if len(theta) != p.length || len(grad) != p.length {
		return fmt.Errorf("optim: %s: theta has %d elements, the gradient %d; the layout has %d",
			p.name, len(theta), len(grad), p.length)
	}
	if !(rate >= 0) || math.IsInf(rate, 0) {
		return fmt.Errorf("optim: %s: the learning rate of the step is %v; it must be finite and not negative",
			p.name, rate)
	}
	return nil
}

// clipGradient scales the gradient down to the largest norm, in place. A gradient
// that is not finite stays so, so that the run reports its divergence.
func (p *preparation) clipGradient(grad []float32) {
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

// addDecay adds the gradient of decay/2 |theta|^2 over the decaying parts.
func (p *preparation) addDecay(theta, grad []float32) {
	if p.decay == 0 {
		return
	}
	d := float32(p.decay)
	for _, s := range p.decaying {
		t, g := theta[s.from:s.to], grad[s.from:s.to]
		for i, v := range t {
			g[i] += float32(d * v)
		}
	}
}

// shrink applies weight decay that is apart from the gradient: it scales the decaying
// parts by 1 - rate*decay.
func (p *preparation) shrink(theta []float32, rate float64) {
	if p.decay == 0 {
		return
	}
	keep := float32(1 - rate*p.decay)
	for _, s := range p.decaying {
		for i := s.from; i < s.to; i++ {
			theta[i] *= keep
		}
	}
}

// apply checks and clips the gradient and adds weight decay.
func (p *preparation) apply(theta, grad []float32, rate float64) error {
	if err := p.check(theta, grad, rate); err != nil {
		return err
	}
	p.clipGradient(grad)
	p.addDecay(theta, grad)
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
