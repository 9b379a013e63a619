package walk

import (
	"math"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/internal/curve"
	"sgdwalk/record"
)

// grid holds what all segments of a walk have in common: the alphas, the indices of the two
// ends of the step among them, and the weights that the measurements use. The weights
// depend on the alphas only, so they are computed once.
type grid struct {
	alphas      []float64
	zero, one   int
	tolerance   float64 // Options.BarrierTolerance
	slopeAtZero curve.Stencil
	slopeAtOne  curve.Stencil
	fits        *curve.Fits
	// curvatureGain is the standard deviation of the curvature when every sample has
	// independent noise of standard deviation 1.
	curvatureGain float64
}

// newGrid computes the weights for ascending alphas that contain 0 and 1 at the given indices.
func newGrid(alphas []float64, zero, one int, tolerance float64) *grid {
	g := &grid{
		alphas: alphas, zero: zero, one: one, tolerance: tolerance,
		slopeAtZero: curve.NewStencil(alphas, zero),
		slopeAtOne:  curve.NewStencil(alphas, one),
		fits:        curve.NewFits(alphas),
	}
	for i := range alphas {
		g.curvatureGain = math.Hypot(g.curvatureGain, g.slopeAtOne.Weight(i)-g.slopeAtZero.Weight(i))
	}
	return g
}

// shape describes one sampled curve phi(alpha). Result.Segments defines the tagged fields,
// which become columns of that table. A value that cannot be computed is absent.
type shape struct {
	start      record.Optional `col:"loss_start"` // always present, possibly not finite
	end        record.Optional `col:"loss_end"`   // always present, possibly not finite
	resolution record.Optional `col:"loss_resolution"`
	rises      column.Truth    `col:"rises"`

	floorPosition record.Optional `col:"floor_position"`
	floorLoss     record.Optional `col:"floor_loss"`
	floorAtEdge   column.Truth    `col:"floor_at_edge"`
	floorInterior column.Truth    `col:"floor_interior"`
	heightStart   record.Optional `col:"height_start"`
	heightEnd     record.Optional `col:"height_end"`
	heightMean    record.Optional `col:"height_mean"`

	barrier            column.Truth    `col:"barrier"`
	barrierHeight      record.Optional `col:"barrier_height"`
	barrierAlpha       record.Optional `col:"barrier_alpha"`
	chordBarrierHeight record.Optional `col:"chord_barrier_height"`
	interiorMaxima     int             `col:"interior_maxima"`

	slopeStart       record.Optional `col:"slope_start"`
	slopeEnd         record.Optional `col:"slope_end"`
	curvature        record.Optional `col:"curvature"`
	source           string          `col:"curvature_source"` // fromSamples, fromProduct or empty
	sharpness        record.Optional `col:"sharpness"`
	etaSharpness     record.Optional `col:"eta_sharpness"`
	parabolaPosition record.Optional `col:"parabola_position"`
	cockpitAlpha     record.Optional `col:"cockpit_alpha"`

	mae       [4]record.Optional // of the polynomials of degree 1 to 4
	r2        record.Optional    // of the parabola
	nonfinite int                // samples that are NaN or infinite

	// What resolve found. zero: the step has length 0. flat: the losses differ by no more
	// than the resolution. straight: the curvature is within the resolution. rough: the
	// curve is straight on average and has a floor inside nevertheless.
	zero, flat, straight, rough bool
}

// measure measures one curve. With a sample that is not finite every comparison is
// meaningless. Then measure reports the ends only and, if both are finite, which end is
// higher.
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

	g.findBarrier(losses, &s)

	slope0, slope1 := g.slopeAtZero.Apply(losses), g.slopeAtOne.Apply(losses)
	s.slopeStart, s.slopeEnd = record.Some(slope0), record.Some(slope1)
	s.curvature, s.source = record.Some(slope1-slope0), fromSamples

	s.mae, s.r2 = g.fits.Errors(losses)
	s.parabolaPosition, s.cockpitAlpha = g.fits.Parabola(losses)
	return s
}

// findBarrier measures the samples strictly between the two ends of the step. Samples
// beyond the step cannot be a barrier of the step.
func (g *grid) findBarrier(losses []float64, s *shape) {
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
