package live

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/internal/eigen"
	"sgdwalk/record"
)

// maxKept is how many iterates the plane is fitted to; when there are more, those
// at odd multiples of the spacing are dropped.
const maxKept = 96

// plane is the snapshot PCA of iterates spread over the run. The Gram matrix of
// their displacements from the first one is kept, so that the principal directions
// need no vector: with H = I - 11'/m, the scores are the eigenvectors of HGH times
// the roots of their eigenvalues (as in classical scaling).
type plane struct {
	every  int64 // steps between two that are kept; 0 is 1
	kept   []snapshot
	gram   [][]float64  // gram[i][j], j <= i
	before [][2]float64 // scores of the fit before, by step, for the orientation
	steps  []int
}

type snapshot struct {
	theta       []float32
	step, epoch int
}

// wants tells whether an iterate would be kept.
func (p *plane) wants(step int64) bool { return p.every <= 1 || step%p.every == 0 }

// expect sets the spacing for a run that has come to a step already.
func (p *plane) expect(step int64) {
	for p.every = max(p.every, 1); step/p.every > maxKept; {
		p.every *= 2
	}
}

// add keeps the iterate if it is its turn.
func (p *plane) add(s *record.Step, origin []float32) {
	if s.Theta == nil || origin == nil || !p.wants(s.Step) {
		return
	}
	row := make([]float64, len(p.kept)+1)
	for j := range p.kept {
		row[j] = displacedDot(s.Theta, p.kept[j].theta, origin)
	}
	row[len(p.kept)] = displacedDot(s.Theta, s.Theta, origin)
	if v := row[len(p.kept)]; v-v != 0 {
		return // a diverged iterate has no place on a plane
	}
	p.kept, p.gram = append(p.kept, snapshot{s.Theta, int(s.Step), int(s.Epoch)}), append(p.gram, row)
	if len(p.kept) > maxKept {
		p.thin()
	}
}

// thin doubles the spacing. Iterates that were recorded at odd steps only are
// thinned by their number.
func (p *plane) thin() {
	p.every = 2 * max(p.every, 1)
	var stay []int
	for i := range p.kept {
		if p.wants(int64(p.kept[i].step)) {
			stay = append(stay, i)
		}
	}
	if len(stay) < maxKept/4 || len(stay) == len(p.kept) {
		stay = stay[:0]
		for i := 0; i < len(p.kept); i += 2 {
			stay = append(stay, i)
		}
	}
	for n, i := range stay {
		row := make([]float64, n+1)
		for m, j := range stay[:n+1] {
			row[m] = p.gram[i][j]
		}
		p.kept[n], p.gram[n] = p.kept[i], row
	}
	clear(p.kept[len(stay):])
	p.kept, p.gram = p.kept[:len(stay)], p.gram[:len(stay)]
}

// displacedDot returns (a-o)'(b-o).
func displacedDot(a, b, o []float32) float64 {
	sum := 0.0
	for i, v := range o {
		sum += (float64(a[i]) - float64(v)) * (float64(b[i]) - float64(v))
	}
	return sum
}

// fit returns the path on the plane and the shares of the variance; false while
// there are fewer than three iterates or they do not span a plane.
func (p *plane) fit() (path []figure.PathPoint, shares [2]float64, ok bool) {
	m := len(p.kept)
	if m < 3 {
		return nil, shares, false
	}
	means, all := make([]float64, m), 0.0
	at := func(i, j int) float64 { return p.gram[max(i, j)][min(i, j)] }
	for i := range m {
		for j := range m {
			means[i] += at(i, j) / float64(m)
		}
		all += means[i] / float64(m)
	}
	g := mat.NewSymDense(m, nil)
	trace := 0.0
	for i := range m {
		for j := range i + 1 {
			g.SetSym(i, j, at(i, j)-means[i]-means[j]+all)
		}
		trace += g.At(i, i)
	}
	values, vectors, ok := eigen.Symmetric(g) // ascending
	if !(trace > 0) || !ok {
		return nil, shares, false
	}
	scores := make([][2]float64, m)
	for k := range 2 {
		v := math.Max(0, values[m-1-k])
		shares[k] = v / trace
		for i := range m {
			scores[i][k] = vectors.At(i, m-1-k) * math.Sqrt(v)
		}
	}
	if !(shares[1] > 1e-12) {
		return nil, shares, false
	}
	p.orient(scores)
	for i, s := range p.kept {
		residual := at(i, i) - 2*means[i] + all - scores[i][0]*scores[i][0] - scores[i][1]*scores[i][1]
		path = append(path, figure.PathPoint{A: scores[i][0], B: scores[i][1], Step: s.step, Epoch: s.epoch, Residual: math.Sqrt(math.Max(0, residual)), Loss: math.NaN()})
	}
	return path, shares, true
}

// orient chooses the signs so that the picture does not flip from one fit to the
// next; the first time so that the walk begins at the lower left.
func (p *plane) orient(scores [][2]float64) {
	for k := range 2 {
		agreement := 0.0
		for i, s := range p.kept {
			if j, found := slices.BinarySearch(p.steps, s.step); found {
				agreement += scores[i][k] * p.before[j][k]
			}
		}
		if agreement < 0 || agreement == 0 && scores[0][k] > 0 {
			for i := range scores {
				scores[i][k] = -scores[i][k]
			}
		}
	}
	p.before, p.steps = scores, p.steps[:0]
	for _, s := range p.kept {
		p.steps = append(p.steps, s.step)
	}
}
