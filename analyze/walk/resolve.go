package walk

import (
	"math"
	"slices"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Losses are evaluated at parameters that are rounded to float32, mostly in float32
// arithmetic. On a short step that rounding is larger than what the loss does, and
// floor, height and curvature would be numbers about the rounding. So every segment
// has a resolution: what cannot be told from rounding has no value.
const (
	// resolved is how many standard deviations of the rounding noise a difference of
	// losses must exceed to be one.
	resolved = 5
	// unmeasured is the noise, relative to the loss, where a segment has too few
	// samples to measure it: that of one rounding to float32.
	unmeasured = 0x1p-24
	// mostNoise is the largest noise relative to the loss, that of half precision: a
	// rougher curve is rough, not noisy.
	mostNoise = 0x1p-11
	// leastNoise is the smallest noise relative to the loss: the mean over 4096 examples
	// of losses that were rounded to float32 each. The residual of a few samples is
	// sometimes smaller by chance.
	leastNoise = unmeasured / 64
)

// noise estimates the noise of one sample: the residual of the polynomial of degree 4
// through the samples, which a short piece of a smooth curve does not exceed. It does
// not depend on other segments.
func (g *grid) noise(losses []float64) float64 {
	level := 0.0
	for _, v := range losses {
		level = max(level, math.Abs(v))
	}
	sigma, ok := g.fits.Noise(losses)
	if !ok {
		sigma = unmeasured * level
	}
	return min(max(sigma, leastNoise*level), mostNoise*level)
}

// resolve takes away from a shape what the noise of its samples does not resolve. A
// step of length 0 has nothing to resolve.
func (g *grid) resolve(s *shape, losses []float64, length float64) {
	s.zero = length == 0
	if s.nonfinite > 0 {
		return
	}
	s.resolution = record.Some(resolved * g.noise(losses))
	if low, high := slices.Min(losses), slices.Max(losses); s.zero || high-low <= s.resolution.Value {
		kept := shape{start: s.start, end: s.end, resolution: s.resolution, zero: s.zero, flat: !s.zero}
		*s = kept
		return
	}
	if math.Abs(s.end.Value-s.start.Value) <= s.resolution.Value {
		s.rises = column.Truth{}
	}
	if s.straight = !(math.Abs(s.curvature.Value) > s.resolution.Value*g.gain); s.straight {
		// The parabola through all samples is less exact on a long step, and many times
		// less noisy on a short one, which is a parabola.
		if c, gain, slope, ok := g.fits.Curvature(losses); ok && math.Abs(c) > s.resolution.Value*gain {
			s.curvature, s.straight = record.Some(c), false
			s.slopeStart, s.slopeEnd = record.Some(slope), record.Some(slope+c)
		}
	}
	if !s.straight {
		return
	}
	none := record.Optional{}
	s.curvature, s.parabolaPosition, s.cockpitAlpha, s.r2, s.source = none, none, none, none, ""
	s.slopeStart, s.slopeEnd = none, none
	// A straight line has its floor at the lower end of the range.
	first, last := losses[0], losses[len(losses)-1]
	if math.Abs(last-first) > s.resolution.Value {
		slope := record.Some((last - first) / (g.alphas[len(g.alphas)-1] - g.alphas[0]))
		s.slopeStart, s.slopeEnd = slope, slope
	}
	switch end := min(first, last); {
	case s.floorLoss.Value < end-s.resolution.Value:
		// The floor is inside all the same: the curve bends up and down.
		s.rough = true
	case math.Abs(last-first) > s.resolution.Value:
		at := g.alphas[0]
		if last < first {
			at = g.alphas[len(g.alphas)-1]
		}
		s.floorPosition, s.floorLoss = record.Some(at), record.Some(end)
		s.floorAtEdge, s.floorInterior = column.Known(true), column.Known(false)
		s.heightStart, s.heightEnd = record.Some(s.start.Value-end), record.Some(s.end.Value-end)
		s.heightMean = record.Some(s.heightStart.Value/2 + s.heightEnd.Value/2)
	default:
		s.floorPosition, s.floorLoss, s.heightStart, s.heightEnd, s.heightMean = none, none, none, none, none
		s.floorAtEdge, s.floorInterior = column.Truth{}, column.Truth{}
	}
}
