package analyze

import "context"

// Planar is a Loss that evaluates many points of one plane faster than one after the
// other. The points share a pass over the data, and the outputs of a first layer that are
// linear in the coordinates. It is optional: with a plain Loss, an analysis evaluates
// point by point.
type Planar interface {
	Loss
	// OnPlane prepares the plane origin + a u + b v; v is nil for a line. The slices have
	// length P and must not change while evaluate is used.
	//
	// evaluate sets loss[i], and accuracy[i] unless accuracy is nil, to the values at the
	// point (a[i], b[i]). All its slices have the same length. The bits of a value depend
	// only on its point. The relative difference to the value of Loss is at most 1e-6,
	// because sums have another order. batch is the number of points per call that is
	// fastest.
	OnPlane(origin, u, v []float32) (batch int, evaluate func(ctx context.Context, a, b, loss,
		accuracy []float64) error, err error)
}
