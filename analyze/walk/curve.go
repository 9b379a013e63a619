package walk

import (
	"math"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// grid is what all segments of a walk share: the alphas, where the two ends of
// the step are among them, and what the measurements need of them.
type grid struct {
	alphas      []float64
	zero, one   int
	tolerance   float64
	slopeAtZero curve.Stencil
	slopeAtOne  curve.Stencil
	fits        *curve.Fits
	gain        float64 // standard deviation of the curvature for noise 1 of the samples
}

func newGrid(alphas []float64, zero, one int, tolerance float64) *grid {
	g := &grid{
		alphas: alphas, zero: zero, one: one, tolerance: tolerance,
		slopeAtZero: curve.NewStencil(alphas, zero),
		slopeAtOne:  curve.NewStencil(alphas, one),
		fits:        curve.NewFits(alphas),
	}
	for i := range alphas {
		g.gain = math.Hypot(g.gain, g.slopeAtOne.Weight(i)-g.slopeAtZero.Weight(i))
	}
	return g
}

// shape is what one sampled curve phi(alpha) looks like. Everything but the
// counts is absent when it cannot be had.
type shape struct {
	nonfinite int // samples that are NaN or infinite
	// resolution is the least difference of losses that is one; see resolve. A step of
	// length 0 is zero; one that the resolution makes flat, or only straight, is that.
	resolution           record.Optional
	zero, flat, straight bool
	rough                bool   // a straight one that has a floor inside all the same
	source               string // of the curvature: fromSamples, fromHessian, or empty without one

	start, end record.Optional // phi(0), phi(1), always present, perhaps not finite
	rises      column.Truth

	floorPosition, floorLoss           record.Optional
	floorAtEdge, floorInterior         column.Truth
	heightStart, heightEnd, heightMean record.Optional

	barrier            column.Truth
	barrierHeight      record.Optional // over the higher end; only where there is a barrier
	barrierAlpha       record.Optional
	chordBarrierHeight record.Optional // over the straight line between the ends, at least 0
	interiorMaxima     int

	slopeStart, slopeEnd, curvature record.Optional
	parabolaPosition, cockpitAlpha  record.Optional
	mae                             [4]record.Optional
	r2                              record.Optional // of the parabola
}

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
		s.rises = column.Known(f1 > f0)
	}
	if s.nonfinite > 0 {
		return s
	}
	position, floor, atEdge := curve.Floor(g.alphas, losses)
	s.floorPosition, s.floorLoss = record.Some(position), record.Some(floor)
	s.floorAtEdge = column.Known(atEdge)
	s.floorInterior = column.Known(!atEdge && position > 0 && position < 1)
	s.heightStart, s.heightEnd = record.Some(f0-floor), record.Some(f1-floor)
	s.heightMean = record.Some((f0-floor)/2 + (f1-floor)/2)

	g.barriers(losses, &s)

	slope0, slope1 := g.slopeAtZero.Apply(losses), g.slopeAtOne.Apply(losses)
	s.slopeStart, s.slopeEnd = record.Some(slope0), record.Some(slope1)
	s.curvature, s.source = record.Some(slope1-slope0), fromSamples

	s.mae, s.r2 = g.fits.Errors(losses)
	s.parabolaPosition, s.cockpitAlpha = g.fits.Parabola(losses)
	return s
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
	s.barrier = column.Known(highest >= 0 && losses[highest]-reference > g.tolerance)
	if s.barrier.Value {
		s.barrierHeight = record.Some(losses[highest] - reference)
		s.barrierAlpha = record.Some(g.alphas[highest])
	}
	s.interiorMaxima = curve.Maxima(losses[g.zero : g.one+1])
}
