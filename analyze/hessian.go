package analyze

import "context"

// HessianProduct is a Gradient that multiplies the exact Hessian of its loss by
// vectors. It is optional: an analysis that receives a plain Gradient takes
// differences of gradients and says so. Use [ExactHessian] to ask for it.
type HessianProduct interface {
	Gradient
	// HessianAbsent says in words why there are no products: another program cannot
	// compute them, or the policy of the loss has no derivative. It is empty when
	// HessianVectors can be called.
	HessianAbsent() string
	// HessianVectors sets dst[i] to the Hessian at theta times v[i], for every i. All
	// vectors have length P, v and dst have the same length, and dst shares no memory
	// with theta or v. Theta and v stay the caller's and are not changed. A product
	// that is NaN or infinite is a value, not an error. Several vectors in one call
	// share the work that depends on theta alone. The bits of dst[i] depend on theta
	// and v[i] only, not on the other vectors or on the number of workers. At a kink
	// the derivative is the one of PyTorch: ReLU'(0) = 0, first maximum of a pool.
	HessianVectors(ctx context.Context, theta []float32, v, dst [][]float32) error
}

// GaussNewtonProduct is the same for the Gauss-Newton matrix J' H_L J: J is the
// Jacobian of the network's outputs, H_L the Hessian of the loss in the outputs,
// averaged over the examples.
type GaussNewtonProduct interface {
	Gradient
	GaussNewtonAbsent() string // as HessianAbsent
	GaussNewtonVectors(ctx context.Context, theta []float32, v, dst [][]float32) error
}

// ExactHessian returns g as a HessianProduct, or nil and the reason in words.
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

// Frozen is a Gradient some of whose parameters are fixed: they have no gradient
// although the loss may depend on them. Rows and columns of the Hessian are zero
// there: a product by differences must not move them. It is optional.
type Frozen interface {
	Gradient
	// Frozen returns ranges [from, to) of elements of theta, in order.
	Frozen() [][2]int
}
