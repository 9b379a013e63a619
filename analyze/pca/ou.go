package pca

import (
	"math"
)

// OrnsteinUhlenbeck is the null of a stationary walk that is pulled back to a
// point, x_{t+1} = (1 - rate) x_t + noise with one rate in all directions, with
// the rate fitted to the run's mean squared displacement
// MSD(lag) = A (1 - (1-rate)^lag). A rate near 0 is a random walk.
type OrnsteinUhlenbeck struct {
	Null
	Rate           float64 `json:"rate"`            // per row, in (0, 1]
	RelaxationRows float64 `json:"relaxation_rows"` // 1/Rate
	// MSDError is the root mean square of the relative error of the fitted mean
	// squared displacement over lags of 1 to n/2 rows. Above about 0.2 the process
	// does not describe the run, and this null means little.
	MSDError float64 `json:"msd_error"`
}

const (
	// minOURows is the smallest number of rows to fit a rate to.
	minOURows = 8
	// ouTolerance: without a slow direction the leading eigenvalues are next to
	// equal, and only their values are wanted.
	ouTolerance = 1e-4
)

// ornsteinUhlenbeck fits the rate to the Gram matrix of equally spaced rows and
// returns the null at that rate; nil for too few rows, or rows that do not move.
func ornsteinUhlenbeck(g []float64, n int, c Center, k int) (*OrnsteinUhlenbeck, error) {
	if n < minOURows {
		return nil, nil
	}
	msd := meanSquaredDisplacement(g, n)
	for _, m := range msd {
		if !(m > 0) {
			return nil, nil // a displacement is 0 or not a number: a cycle, not such a process
		}
	}
	rate, misfit := fitRate(msd, n)
	l, err := relaxing(n, rate).null(c, k, ouTolerance)
	if err != nil {
		return nil, err
	}
	return &OrnsteinUhlenbeck{Null{l.ratios, l.participation}, rate, 1 / rate, misfit}, nil
}

// meanSquaredDisplacement returns the mean of |x_{i+lag} - x_i|^2 for lags of 1
// to n/2 rows.
func meanSquaredDisplacement(g []float64, n int) []float64 {
	msd := make([]float64, n/2)
	for l := range msd {
		lag := l + 1
		for i := range n - lag {
			j := i + lag
			msd[l] += g[i*n+i] + g[j*n+j] - 2*g[i*n+j]
		}
		msd[l] /= float64(n - lag)
	}
	return msd
}

// fitRate minimizes the relative squared error over the logarithm of the rate;
// the amplitude follows linearly.
func fitRate(msd []float64, n int) (rate, misfit float64) {
	shape := make([]float64, len(msd))
	objective := func(rate float64) float64 {
		var sum, squares float64
		log := math.Log1p(-rate)
		for l, m := range msd {
			// (1 - (1-rate)^lag)/rate over the measured value
			shape[l] = -math.Expm1(float64(l+1)*log) / rate / m
			sum += shape[l]
			squares += shape[l] * shape[l]
		}
		a := sum / squares
		var e float64
		for _, s := range shape {
			e += (1 - a*s) * (1 - a*s)
		}
		return math.Sqrt(e / float64(len(msd)))
	}
	// One parameter: a scan in the logarithm, then a local search in the bracket.
	low, high := math.Log(1e-3/float64(n)), math.Log(1-1e-9)
	const points = 200
	best, at := math.Inf(1), low
	for i := range points + 1 {
		x := low + (high-low)*float64(i)/points
		if v := objective(math.Exp(x)); v < best {
			best, at = v, x
		}
	}
	a, b := math.Max(at-(high-low)/points, low), math.Min(at+(high-low)/points, high)
	golden := (math.Sqrt(5) - 1) / 2
	for range 60 {
		x, y := b-golden*(b-a), a+golden*(b-a)
		if objective(math.Exp(x)) <= objective(math.Exp(y)) {
			b = y
		} else {
			a = x
		}
	}
	rate = math.Exp((a + b) / 2)
	return rate, objective(rate)
}

// relaxing is the stationary process with covariance (1-rate)^|i-j|.
func relaxing(n int, rate float64) process {
	rho := 1 - rate
	log := math.Log1p(-rate)
	return process{
		n:          n,
		covariance: func(i, j int) float64 { return math.Exp(log * math.Abs(float64(i-j))) },
		// Two running sums, one from each end, make the product in O(n).
		times: func(dst, v []float64) {
			var run float64
			for i, x := range v {
				run = rho*run + x
				dst[i] = run
			}
			run = 0
			for i := n - 1; i >= 0; i-- {
				dst[i] += run
				run = rho * (run + v[i])
			}
		},
	}
}
