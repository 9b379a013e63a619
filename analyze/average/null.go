package average

import "context"

// nulls returns the gain that an average of the same iterates has in a stationary walk on a
// quadratic, for every point that has one.
//
// Let L be a quadratic with the Hessian H, and theta_t a stationary process, for example SGD
// with a constant learning rate: in every eigendirection of H a first-order autoregression
// with the coefficient 1 - eta lambda. Let C(k) be its covariance at lag k, and
//
//	q(k) = E <grad L(theta_t), theta_t - theta_{t-k}> = tr H (C(0) - C(k)).
//
// The mean loss of an average with weights c_i, whose sum is 1, is lower than that of the
// iterate by
//
//	E L(theta_t) - E L(sum c_i theta_{t-i}) = 1/2 tr H (C(0) - sum_ij c_i c_j C(i-j))
//	                                        = sum_{k>0} q(k) sum_i c_i c_{i+k}.
//
// So the gain is the mean of the inner product of the gradient at theta_t with
// sum_{k>0} r(k) (theta_t - theta_{t-k}), r(k) = sum_i c_i c_{i+k}. Neither H nor the
// covariance of the noise nor the optimizer need to be known: the gradient and the iterates
// contain them. For equal weights of w iterates r(k) = (w-k)/w^2, and for exponential weights
// r(k) = d^k (1-d)/(1+d), which gives <grad, theta_t - mean>/(1+d).
func (p *pass) nulls(ctx context.Context, points []int, v visitor) ([]float64, error) {
	g, err := v.gradient(ctx, p.theta, p.state)
	if err != nil {
		return nil, err
	}
	own := dot(g, p.theta)
	type product struct{ sum, moment float64 }
	products := make([][]product, len(p.towers)) // of g with the pieces
	var gains []float64
	for _, i := range points {
		pt := &p.points[i]
		switch {
		case !p.hasNull(pt):
			continue
		case pt.stream < 0:
			d := p.decayingOf(pt)
			gains = append(gains, (own-dot(g, d.sum)/d.weight())/(1+pt.Decay))
			continue
		}
		pieces := p.towers[pt.stream].pieces
		if products[pt.stream] == nil {
			for _, q := range pieces {
				products[pt.stream] = append(products[pt.stream], product{dot(g, q.sum), dot(g, q.moment)})
			}
		}
		// The sum over the window and its first moment, from the newest piece to the oldest.
		sum, moment := 0.0, 0.0
		for k := len(pieces) - 1; k >= 0 && pieces[k].lo >= pt.lo; k-- {
			if k+1 < len(pieces) {
				moment += float64(pieces[k+1].lo-pieces[k].lo) * sum
			}
			sum += products[pt.stream][k].sum
			moment += products[pt.stream][k].moment
		}
		w := float64(pt.len())
		gains = append(gains, own*(w+1)/(2*w)-(moment+sum)/(w*w))
	}
	return gains, nil
}
