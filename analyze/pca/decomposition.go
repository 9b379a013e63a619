package pca

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/internal/parallel"
)

// decomposition holds components, scores and distances, computed from the eigenpairs.
type decomposition struct {
	reference  []float32   // the center, length P; nil with ScoresOnly
	components [][]float32 // orthonormal, length P, zero where a coordinate takes no part; nil with ScoresOnly
	scores     [][]float64 // per component, per row
	residual   []float64   // per row: distance from the plane of the first two components, over all coordinates
	distance   []float64   // per row: distance from the center, over all coordinates
	variance   float64     // sum of squared distances over the coordinates that take part
	excluded   float64     // sum of squared distances over the coordinates that take no part
}

// orthonormalize makes the components orthonormal and changes the scores accordingly.
// Before, they differ from that only by their lengths and by the error of the Gram
// matrix. V becomes V R^-1 with the Cholesky factor R of V^T V.
func (d *decomposition) orthonormalize(products []float64, workers int) error {
	k := len(d.components)
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(k, products)) {
		return fmt.Errorf("%w: the components are not independent", errEigen)
	}
	var u mat.TriDense
	chol.UTo(&u)
	r := mat.DenseCopyOf(&u).RawMatrix().Data // k x k
	apply := func(column []float64) {         // column R^-1, by forward substitution
		for c := range k {
			v := column[c]
			for e := range c {
				v -= column[e] * r[e*k+c]
			}
			column[c] = v / r[c*k+c]
		}
	}
	const columns = 4096
	p := len(d.components[0])
	parallel.Each(workers, (p+columns-1)/columns, func(part int) {
		column := make([]float64, k)
		for j := part * columns; j < min((part+1)*columns, p); j++ {
			for c := range k {
				column[c] = float64(d.components[c][j])
			}
			apply(column)
			for c := range k {
				d.components[c][j] = float32(column[c])
			}
		}
	})
	column := make([]float64, k)
	for i := range d.scores[0] {
		for c := range k {
			column[c] = d.scores[c][i]
		}
		apply(column)
		for c := range k {
			d.scores[c][i] = column[c]
		}
	}
	return nil
}

// orient fixes the sign of each component: positive is the direction from the
// first row to the row that is farthest from it along the component. A rule on
// the largest score alone would be decided by rounding, because a random walk
// reaches both ends of an axis alike.
func (d *decomposition) orient() {
	for c, score := range d.scores {
		farthest := 0.0
		for _, v := range score {
			if math.Abs(v-score[0]) > math.Abs(farthest) {
				farthest = v - score[0]
			}
		}
		if farthest >= 0 {
			continue
		}
		for i := range score {
			score[i] = -score[i]
		}
		if d.components == nil {
			continue
		}
		for j, v := range d.components[c] {
			if v != 0 { // no negative zeros where a coordinate takes no part
				d.components[c][j] = -v
			}
		}
	}
}
