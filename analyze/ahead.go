package analyze

import "context"

// Ahead is a Loss that evaluates several points at the same time, for example in
// several processes. It is optional: an analysis tells it which points it will ask
// for next, and then asks for them one after the other as always.
type Ahead interface {
	Loss
	// Ahead evaluates n points; point sets dst, of length P, to the i-th, and is
	// called by one goroutine. Loss then has their values, the same bits as without
	// Ahead, until the next call of Ahead. It does nothing where nothing is gained.
	Ahead(ctx context.Context, n int, point func(i int, dst []float32)) error
}

// GoAhead tells the loss of n points if it is an Ahead.
func GoAhead(ctx context.Context, loss Loss, n int, point func(i int, dst []float32)) error {
	if a, ok := loss.(Ahead); ok {
		return a.Ahead(ctx, n, point)
	}
	return nil
}
