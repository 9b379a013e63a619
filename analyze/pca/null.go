package pca

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// null holds the values of a random walk with one independent step of equal size per
// update, in many more dimensions than rows, recorded at the same steps.
type null struct {
	ratios        []float64   // explained variance ratio of the leading components
	participation float64     // participation ratio
	curves        [][]float64 // per component, the score up to sign and scale
}

// randomWalk returns the null for k components of rows at these steps. For
// equally spaced rows it is the closed form of Antognini and Sohl-Dickstein
// (2018) at finite T, or its counterpart around an end point; for others the
// eigenvalues are computed.
func randomWalk(steps []int64, c Center, k int) (null, error) {
	n := len(steps)
	if equallySpaced(steps) {
		return closedForm(n, c, k), nil
	}
	times := make([]float64, n)
	for i, s := range steps {
		times[i] = math.Abs(float64(s - steps[0]))
		if c == Final {
			// Seen from its end a random walk is a random walk.
			times[i] = float64(steps[n-1] - s)
		}
	}
	return computed(times, c, k)
}

func equallySpaced(steps []int64) bool {
	for i := 2; i < len(steps); i++ {
		if steps[i]-steps[i-1] != steps[1]-steps[0] {
			return false
		}
	}
	return true
}

// closedForm: the covariance of a random walk is min(i, j). Centred, its
// pseudo-inverse is the Laplacian of a path of n nodes, with eigenvalues
// 2 - 2 cos(pi k/n) and eigenvectors cos(pi k (t+1/2)/n). Around an end point,
// the end itself drops out and the other N = n-1 rows have the eigenvalues
// 1/(2 - 2 cos(pi (2k-1)/(2N+1))) and sin(pi (2k-1) t/(2N+1)).
func closedForm(n int, c Center, k int) null {
	var l null
	frequency := func(i int) float64 { return math.Pi * float64(i) / float64(n) }
	if c != Mean {
		frequency = func(i int) float64 { return math.Pi * float64(2*i-1) / float64(2*n-1) }
	}
	var trace, square float64
	for i := n - 1; i >= 1; i-- { // smallest first: the sum keeps its digits
		v := 1 / (1 - math.Cos(frequency(i)))
		trace += v
		square += v * v
	}
	l.participation = trace * trace / square
	for i := 1; i <= min(k, n-1); i++ {
		l.ratios = append(l.ratios, 1/(1-math.Cos(frequency(i)))/trace)
		curve := make([]float64, n)
		for t := range curve {
			switch c {
			case Mean:
				curve[t] = math.Cos(frequency(i) * (float64(t) + 0.5))
			case Init:
				curve[t] = math.Sin(frequency(i) * float64(t))
			default:
				curve[t] = math.Sin(frequency(i) * float64(n-1-t))
			}
		}
		l.curves = append(l.curves, curve)
	}
	return l
}

// computed finds the eigenpairs of min(times_i, times_j), the covariance of a
// walk with independent steps, given the sum of the squared step lengths up to
// each row.
func computed(times []float64, c Center, k int) (null, error) {
	order := make([]int, len(times)) // by time: the rows come in it or in reverse
	for i := range order {
		order[i] = i
	}
	if len(times) > 1 && times[0] > times[len(times)-1] {
		slices.Reverse(order)
	}
	p := process{
		n:          len(times),
		covariance: func(i, j int) float64 { return min(times[i], times[j]) },
		// (A v)_i rises from one row to the next by the time between the rows, times the
		// sum of v over the rows from the next one to the last.
		times: func(dst, v []float64) {
			var rest, sum, last float64
			for _, i := range order {
				rest += v[i]
			}
			for _, i := range order {
				sum += (times[i] - last) * rest
				dst[i], last = sum, times[i]
				rest -= v[i]
			}
		},
	}
	return p.null(c, k, krylovTolerance)
}

// randomWalks returns the null for several independent walks with equal steps that
// start at one point: rows of one walk covary with the time that they share, rows
// of different walks not at all. The rows of a walk follow each other.
func randomWalks(steps []int64, run []int, c Center, k int) (null, error) {
	n := len(steps)
	times := make([]float64, n)
	first := []int{}
	for i := range times {
		if i == 0 || run[i] != run[i-1] {
			first = append(first, i)
		}
		times[i] = float64(steps[i] - steps[first[len(first)-1]])
	}
	first = append(first, n)
	p := process{
		n: n,
		covariance: func(i, j int) float64 {
			if run[i] != run[j] {
				return 0
			}
			return min(times[i], times[j])
		},
		times: func(dst, v []float64) {
			for w := range len(first) - 1 {
				var rest, sum, last float64
				for _, x := range v[first[w]:first[w+1]] {
					rest += x
				}
				for i := first[w]; i < first[w+1]; i++ {
					sum += (times[i] - last) * rest
					dst[i], last = sum, times[i]
					rest -= v[i]
				}
			}
		},
	}
	return p.null(c, k, krylovTolerance)
}

// correlations returns |corr| of each score with the null's curve of the same
// component: 1 for a random walk, where the first two scores draw a Lissajous
// curve. NaN where a score or a curve does not vary.
func (l null) correlations(scores [][]float64) []float64 {
	r := make([]float64, len(scores))
	for c := range scores {
		r[c] = math.NaN()
		if c < len(l.curves) {
			r[c] = math.Abs(stat.Correlation(scores[c], l.curves[c], nil))
		}
	}
	return r
}
