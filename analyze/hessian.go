package analyze

import "context"

// HessianProduct is a Gradient that multiplies the exact Hessian of its loss by
// vectors. It is optional: an analysis that receives a plain Gradient uses differences
// of gradients and warns about it. Callers use [ExactHessian] to get it.
type HessianProduct interface {
	Gradient
	// HessianAbsent returns the reason why there are no products: another program cannot
	// compute them, or the policy of the loss has no derivative. It returns the empty
	// string when HessianVectors can be called.
	HessianAbsent() string
	// HessianVectors sets dst[i] to the Hessian at theta times v[i], for every i. All
	// vectors have length P, v and dst have the same length, and dst shares no memory
	// with theta or v. Theta and v are neither changed nor kept. A product that is NaN
	// or infinite is a value, not an error. Several vectors in one call share the work
	// that depends only on theta, so one call with many vectors is faster. The bits of
	// dst[i] depend only on theta and v[i], not on the other vectors or on the number of
	// workers. At a kink the derivative is the same as in PyTorch: ReLU'(0) = 0, and a
	// maximum pool passes the derivative to its first maximum.
	HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error
}

// GaussNewtonProduct is a Gradient that multiplies the Gauss-Newton matrix J' H_L J by
// vectors, under the same conditions as HessianProduct. J is the Jacobian of the network's
// outputs and H_L the Hessian of the loss with respect to the outputs; the product is
// averaged over the examples.
type GaussNewtonProduct interface {
	Gradient
	// GaussNewtonAbsent returns the reason why there are no products, or the empty string.
	GaussNewtonAbsent() string
	// GaussNewtonVectors sets dst[i] to the matrix at theta times v[i], for every i.
	GaussNewtonVectors(ctx context.Context, theta []float32, v, dst [][]float32) error
}

// ExactHessian returns g as a HessianProduct. When g has no exact products, h is nil and
// absent is the reason, for a warning.
func ExactHessian(g Gradient) (h HessianProduct, absent string) {
	h, ok := g.(HessianProduct)
	if !ok {
		return nil, "the loss offers gradients only"
	}
	if absent = h.HessianAbsent(); absent != "" {
		return nil, absent
	}
	return h, ""
}

// Frozen is a Gradient with fixed parameters. Their gradient is zero although the loss may
// depend on them, and so are their rows and columns of the Hessian. Therefore a Hessian
// product by differences must not move these parameters. The interface is optional.
type Frozen interface {
	Gradient
	// Frozen returns the fixed elements of theta as ranges [from, to), in ascending order.
	Frozen() [][2]int
}
