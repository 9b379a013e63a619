package audit

import (
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// mostDistances is the largest number of distances that are computed once and kept.
const mostDistances = 8 << 20

// keepDistances computes the distances between all checkpoints, if they are not too many. The
// checks ask for most of them several times.
func (s *series) keepDistances() {
	n := len(s.steps)
	if n*n*len(s.tracks) > mostDistances {
		return
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, t := range s.tracks {
		g.Go(func() error {
			kept := make([]float64, n*n)
			for i := range n {
				for j := range i {
					d := t.squaredDistance(i, j)
					kept[i*n+j], kept[j*n+i] = d, d
				}
			}
			t.distances = kept
			return nil
		})
	}
	_ = g.Wait() // no error is possible
}

// squaredDistance returns the squared distance between contents i and j of a track. It is
// exact for a tensor that is kept whole, and otherwise has the error of a projection. Both
// contents must be comparable.
func (t *track) squaredDistance(i, j int) float64 {
	if t.distances != nil {
		return t.distances[i*len(t.contents)+j]
	}
	a, b := t.sketches[i*t.k:(i+1)*t.k], t.sketches[j*t.k:(j+1)*t.k]
	var sums [4]float64 // four sums, because each addition waits for the one before
	for ; len(a) >= 4 && len(b) >= 4; a, b = a[4:], b[4:] {
		for l := range sums {
			v := a[l] - b[l]
			sums[l] += v * v
		}
	}
	for d, x := range a {
		v := x - b[d]
		sums[0] += v * v
	}
	return sums[0] + sums[1] + sums[2] + sums[3]
}

// dimensionsOfMove returns in how many elements the consecutive contents differ: the participation
// ratio of their squared differences. It is 1 when only one element changes, and the number of
// elements when all change equally.
func (t *track) dimensionsOfMove(contents []int) float64 {
	sum, squares := 0.0, 0.0
	for d := range t.k {
		move := 0.0
		for q := 1; q < len(contents); q++ {
			v := t.sketches[contents[q]*t.k+d] - t.sketches[contents[q-1]*t.k+d]
			move += v * v
		}
		sum += move
		squares += move * move
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / squares
}

// product returns the inner product of contents i and j.
func (t *track) product(i, j int) float64 {
	a, b := t.sketches[i*t.k:(i+1)*t.k], t.sketches[j*t.k:(j+1)*t.k]
	sum := 0.0
	for d, x := range a {
		sum += x * b[d]
	}
	return sum
}

// cosine returns the cosine of the angle between contents i and j, NaN if one is zero.
func (t *track) cosine(i, j int) float64 {
	return t.product(i, j) / math.Sqrt(t.product(i, i)*t.product(j, j))
}

// isComparable reports whether content i has values of the tensor's usual length.
func (t *track) isComparable(i int) bool {
	c := &t.contents[i]
	return c.isUsable() && c.tensor.Len() == t.n
}
