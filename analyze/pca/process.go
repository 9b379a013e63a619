package pca

// process is a random process in many dimensions. It is given by the covariance of its
// rows in one dimension, which is the limit of the Gram matrix of a walk.
type process struct {
	n          int
	covariance func(i, j int) float64
	times      operator // the covariance matrix times a vector
}

// null returns the values of the first k components of the process around a center.
// No matrix is stored.
func (p process) null(c Center, k int, tolerance float64) (null, error) {
	n := p.n
	// Seen from the center, entry i, j is covariance(i, j) - from_i - from_j + all.
	from, ones := make([]float64, n), make([]float64, n)
	var all float64
	switch c {
	case Mean:
		for i := range ones {
			ones[i] = 1
		}
		p.times(from, ones)
		for i := range from {
			from[i] /= float64(n)
			all += from[i] / float64(n)
		}
	default:
		row := 0
		if c == Final {
			row = n - 1
		}
		for i := range from {
			from[i] = p.covariance(i, row)
		}
		all = p.covariance(row, row)
	}
	centred := func(dst, v []float64) {
		p.times(dst, v)
		var sum, inner float64
		for i := range v {
			sum += v[i]
			inner += from[i] * v[i]
		}
		for i := range dst {
			dst[i] += all*sum - inner - from[i]*sum
		}
	}
	var trace, square float64
	for i := range n {
		d := p.covariance(i, i) - 2*from[i] + all
		trace += d
		square += d * d
		for j := range i {
			v := p.covariance(i, j) - from[i] - from[j] + all
			square += 2 * v * v
		}
	}
	pairs, _, err := leadingKrylov(centred, n, k, tolerance)
	if err != nil {
		return null{}, err
	}
	l := null{participation: trace * trace / square}
	for _, e := range pairs[:min(k, len(pairs))] {
		l.ratios = append(l.ratios, e.value/trace)
		l.curves = append(l.curves, e.vector)
	}
	return l, nil
}
