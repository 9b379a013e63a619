package analyze

import "context"

// Ahead is a Loss that evaluates several points at the same time, for example in
// several processes. It is optional: an analysis announces the next points with Ahead,
// and then calls Loss for each of them as usual.
type Ahead interface {
	Loss
	// Ahead evaluates n points. point sets dst, of length P, to the i-th point; one
	// goroutine calls it. Until the next call of Ahead, Loss returns the values of these
	// points at once, with the same bits as without Ahead. An implementation may do
	// nothing when it would gain no time.
	Ahead(ctx context.Context, n int, point func(i int, dst []float32)) error
}

// GoAhead announces n points to the loss if the loss is an Ahead; otherwise it does nothing.
func GoAhead(ctx context.Context, loss Loss, n int, point func(i int, dst []float32)) error {
	if a, ok := loss.(Ahead); ok {
		return a.Ahead(ctx, n, point)
	}
	return nil
}
