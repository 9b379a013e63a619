package analyze

import "context"

// Planar is a Loss that evaluates many points of one plane faster than one after
// the other, because they share work: a first layer that is linear in the
// coordinates, a pass over the data. It is optional: an analysis that is given a
// plain Loss evaluates point by point.
type Planar interface {
	Loss
	// OnPlane prepares the plane origin + a u + b v; v may be nil, for a line. The
	// slices have length P and are borrowed for as long as evaluate is used.
	//
	// evaluate sets loss[i], and accuracy[i] unless accuracy is nil, to the values
	// at the point (a[i], b[i]); all slices have one length. The bits of a value
	// depend on its point alone. Losses agree with those of Loss to 1e-6, relatively.
	// batch is how many points at a time are evaluated best.
	OnPlane(origin, u, v []float32) (batch int, evaluate func(ctx context.Context, a, b, loss,
		accuracy []float64) error, err error)
}
