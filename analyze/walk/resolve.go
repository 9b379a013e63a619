package walk

import (
	"math"
	"slices"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// The loss is evaluated at parameters that are rounded to float32, mostly in float32
// arithmetic. On a short step the rounding changes the loss more than the step does, and
// floor, height and curvature would describe the rounding. So every segment has a
// resolution, and a value below the resolution is absent.
const (
	// resolutionSigmas is the resolution in standard deviations of the rounding noise.
	resolutionSigmas = 5
	// roundingNoise is the noise relative to the loss when a segment has too few samples to
	// estimate it: the noise of one rounding to float32.
	roundingNoise = 0x1p-24
	// maxNoise is the largest noise relative to the loss: the noise of half precision. A
	// curve with a larger residual is a rough curve, not a noisy one.
	maxNoise = 0x1p-11
	// minNoise is the smallest noise relative to the loss: the noise of a mean over 4096
	// losses that were rounded to float32 separately. The residual of a few samples can be
	// smaller by chance.
	minNoise = roundingNoise / 64
)

// noise estimates the standard deviation of the noise of one sample. It is the residual of
// the polynomial of degree 4 through the samples, because a short piece of a smooth curve
// has almost no other residual. It does not depend on other segments.
func (g *grid) noise(losses []float64) float64 {
	level := 0.0
	for _, v := range losses {
		level = max(level, math.Abs(v))
	}
	sigma, ok := g.fits.Noise(losses)
	if !ok {
		sigma = roundingNoise * level
	}
	return min(max(sigma, minNoise*level), maxNoise*level)
}

// resolve makes the values of a shape absent that are below the resolution of its samples.
// A step of length 0 keeps its losses only.
func (g *grid) resolve(s *shape, losses []float64, length float64) {
	s.zero = length == 0
	if s.nonfinite > 0 {
		return
	}
	s.resolution = record.Some(resolutionSigmas * g.noise(losses))
	if low, high := slices.Min(losses), slices.Max(losses); s.zero || high-low <= s.resolution.Value {
		kept := shape{start: s.start, end: s.end, resolution: s.resolution, zero: s.zero, flat: !s.zero}
		*s = kept
		return
	}
	if math.Abs(s.end.Value-s.start.Value) <= s.resolution.Value {
		s.rises = column.Truth{}
	}
	if s.straight = !(math.Abs(s.curvature.Value) > s.resolution.Value*g.curvatureGain); s.straight {
		// The least-squares parabola through all samples has much less noise than the
		// difference of two slopes. It is biased on a long step, where the curve is not a
		// parabola, but a step whose curvature is below the noise is short.
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
	// A straight line has its floor at the lower end of the range, and one slope.
	first, last := losses[0], losses[len(losses)-1]
	if math.Abs(last-first) > s.resolution.Value {
		slope := record.Some((last - first) / (g.alphas[len(g.alphas)-1] - g.alphas[0]))
		s.slopeStart, s.slopeEnd = slope, slope
	}
	switch end := min(first, last); {
	case s.floorLoss.Value < end-s.resolution.Value:
		// There is a floor inside although the curve is straight on average: it bends both
		// up and down.
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
