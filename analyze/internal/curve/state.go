package curve

// State returns the running statistics of normalization layers at alpha, where from has those
// of alpha = 0 and to those of alpha = 1. Between the ends they are interpolated, because Xing
// et al. interpolate running statistics with the weights. Beyond an end they are those of that
// end, because an extrapolated running variance can become negative. The result shares memory
// with an end, or is new. It is from when one of the two is nil.
func State(from, to []float32, alpha float64) []float32 {
	switch {
	case from == nil || to == nil || alpha <= 0:
		return from
	case alpha >= 1:
		return to
	}
	state := make([]float32, len(from))
	for i, v := range from {
		state[i] = betweenStates(v, to[i], alpha)
	}
	return state
}

// betweenStates interpolates one element of the state at alpha, 0 < alpha < 1. An element
// with the same value at both ends keeps its bits. An element that is not finite at one end
// cannot be interpolated (0 times infinity is NaN) and takes the value of the nearer end.
func betweenStates(from, to float32, alpha float64) float32 {
	a, b := float64(from), float64(to)
	switch finite := a-a == 0 && b-b == 0; {
	case a == b || !finite && alpha <= 0.5:
		return from
	case !finite:
		return to
	}
	return float32(a + float64(alpha*(b-a)))
}
