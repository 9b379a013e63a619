package walk

import (
	"math"

	"sgdwalk/record"
)

// grid is what all segments of a walk share: the alphas, where the two ends of
// the step are among them, and what the measurements need of them.
type grid struct {
	alphas      []float64
	zero, one   int
	tolerance   float64
	slopeAtZero stencil
	slopeAtOne  stencil
	fits        *fits
}

func newGrid(alphas []float64, zero, one int, tolerance float64) *grid {
	return &grid{
		alphas: alphas, zero: zero, one: one, tolerance: tolerance,
		slopeAtZero: newStencil(alphas, zero),
		slopeAtOne:  newStencil(alphas, one),
		fits:        newFits(alphas),
	}
}

// shape is what one sampled curve phi(alpha) looks like. Everything but the
// counts is absent when it cannot be had.
type shape struct {
	nonfinite int // samples that are NaN or infinite

	start, end record.Optional // phi(0), phi(1), always present, perhaps not finite
	rises      optionalBool

	floorPosition, floorLoss           record.Optional
	floorAtEdge, floorInterior         optionalBool
	heightStart, heightEnd, heightMean record.Optional

	barrier            optionalBool
	barrierHeight      record.Optional // over the higher end; only where there is a barrier
	barrierAlpha       record.Optional
	chordBarrierHeight record.Optional // over the straight line between the ends, at least 0
	interiorMaxima     int

	slopeStart, slopeEnd, curvature record.Optional
	parabolaPosition, cockpitAlpha  record.Optional
	mae                             [4]record.Optional
	r2                              record.Optional // of the parabola
}

type optionalBool struct{ value, valid bool }

// measure measures one curve. A sample that is not finite makes every comparison
// meaningless: then only the ends are reported, and whether the loss rises if
// both of them are finite.
func (g *grid) measure(losses []float64) shape {
	var s shape
	f0, f1 := losses[g.zero], losses[g.one]
	s.start, s.end = record.Some(f0), record.Some(f1)
	for _, v := range losses {
		if v-v != 0 {
			s.nonfinite++
		}
	}
	if f0-f0 == 0 && f1-f1 == 0 {
		s.rises = optionalBool{f1 > f0, true}
	}
	if s.nonfinite > 0 {
		return s
	}
	position, floor, atEdge := findFloor(g.alphas, losses)
	s.floorPosition, s.floorLoss = record.Some(position), record.Some(floor)
	s.floorAtEdge = optionalBool{atEdge, true}
	s.floorInterior = optionalBool{!atEdge && position > 0 && position < 1, true}
	s.heightStart, s.heightEnd = record.Some(f0-floor), record.Some(f1-floor)
	s.heightMean = record.Some((f0-floor)/2 + (f1-floor)/2)

	g.barriers(losses, &s)

	slope0, slope1 := g.slopeAtZero.apply(losses), g.slopeAtOne.apply(losses)
	s.slopeStart, s.slopeEnd = record.Some(slope0), record.Some(slope1)
	s.curvature = record.Some(slope1 - slope0)

	s.mae, s.r2 = g.fits.errors(losses)
	s.parabolaPosition, s.cockpitAlpha = g.fits.parabola(losses)
	return s
}

// findFloor returns the position and the loss of the valley floor: the lowest
// sample (the first of equals), refined by the parabola through it and its two
// neighbours. When the lowest sample is the first or the last, the parabola
// through the three outermost samples decides: its minimum counts if it is
// between the two outermost, so that a floor shortly before the end is found;
// otherwise the floor is the end of the range and atEdge is true. All losses are
// finite and there are at least two.
func findFloor(alphas, losses []float64) (position, loss float64, atEdge bool) {
	lowest := 0
	for i, v := range losses {
		if v < losses[lowest] {
			lowest = i
		}
	}
	last := len(alphas) - 1
	edge := lowest == 0 || lowest == last
	position, loss = alphas[lowest], losses[lowest]
	if last < 2 {
		return position, loss, edge
	}
	middle := min(max(lowest, 1), last-1)
	v, ok := vertex(alphas[middle-1:middle+2], losses[middle-1:middle+2], alphas[lowest], losses[lowest])
	if !ok || v.position <= alphas[max(lowest-1, 0)] || v.position >= alphas[min(lowest+1, last)] {
		return position, loss, edge
	}
	return v.position, v.value, false
}

type extremum struct{ position, value, curvature float64 }

// vertex returns the minimum of the parabola through three points, written
// around the point (x, f), which is one of them: that keeps the digits of a
// shallow valley. ok is false when the parabola has no minimum or rounding cannot
// tell.
func vertex(xs, fs []float64, x, f float64) (extremum, bool) {
	d01 := (fs[1] - fs[0]) / (xs[1] - xs[0])
	d12 := (fs[2] - fs[1]) / (xs[2] - xs[1])
	c := (d12 - d01) / (xs[2] - xs[0])
	if !(c > 0) || math.IsInf(c, 0) {
		return extremum{curvature: c}, false
	}
	// The slope at x, from the slope between the first two points.
	slope := d01 + c*((x-xs[0])+(x-xs[1]))
	e := extremum{position: x - slope/(2*c), value: f - slope*slope/(4*c), curvature: 2 * c}
	return e, e.position-e.position == 0 && e.value-e.value == 0
}

// barriers looks at the samples strictly between the ends of the step.
func (g *grid) barriers(losses []float64, s *shape) {
	f0, f1 := losses[g.zero], losses[g.one]
	reference := max(f0, f1)
	highest, chord := -1, 0.0
	for i := g.zero + 1; i < g.one; i++ {
		if highest < 0 || losses[i] > losses[highest] {
			highest = i
		}
		a := g.alphas[i]
		chord = max(chord, losses[i]-((1-a)*f0+a*f1))
	}
	s.chordBarrierHeight = record.Some(chord)
	s.barrier = optionalBool{highest >= 0 && losses[highest]-reference > g.tolerance, true}
	if s.barrier.value {
		s.barrierHeight = record.Some(losses[highest] - reference)
		s.barrierAlpha = record.Some(g.alphas[highest])
	}
	s.interiorMaxima = maxima(losses[g.zero : g.one+1])
}

// maxima counts the local maxima strictly inside; a plateau is one.
func maxima(f []float64) int {
	n, rising := 0, false
	for i := 1; i < len(f); i++ {
		switch {
		case f[i] > f[i-1]:
			rising = true
		case f[i] < f[i-1]:
			if rising {
				n++
			}
			rising = false
		}
	}
	return n
}
