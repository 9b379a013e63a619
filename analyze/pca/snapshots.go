package pca

import (
	"math"

	"sgdwalk/record"
)

// maxSnapshots is how many iterates [Snapshots] keeps.
const maxSnapshots = 96

// Snapshots finds the plane of a run's first two principal directions while the run is
// recorded, from at most 97 iterates spread over the run (snapshot PCA). The directions
// are those of [Fit] over the kept iterates, all coordinates and the mean as center.
//
// It keeps the Gram matrix of the displacements, so that a kept iterate costs one inner
// product with each of the others, another iterate costs nothing, and [Snapshots.Fit]
// needs no vector. The zero value is empty.
type Snapshots struct {
	every  int64 // steps between two that are kept; 0 is 1
	origin []float32
	kept   []snapshot
	gram   [][]float64 // gram[i][j] for j <= i: inner product of two displacements from origin
}

type snapshot struct {
	theta  []float32
	step   int64
	epoch  int32
	scores [2]float64 // of the last fit; zero before it
}

// Wants reports whether Add would keep an iterate of the given step.
func (p *Snapshots) Wants(step int64) bool { return p.every <= 1 || step%p.every == 0 }

// Expect sets the spacing for a run that has come to the given step already.
func (p *Snapshots) Expect(step int64) {
	for p.every = max(p.every, 1); step/p.every > maxSnapshots; {
		p.every *= 2
	}
}

// Add keeps the iterate if its step is a multiple of the spacing and its distance from
// the first one is finite. It keeps s.Theta without a copy.
func (p *Snapshots) Add(s *record.Step) {
	if s.Theta == nil || !p.Wants(s.Step) {
		return
	}
	if p.origin == nil {
		p.origin = s.Theta
	}
	n := len(p.kept)
	row := make([]float64, n+1)
	for j := range p.kept {
		row[j] = displacedDot(s.Theta, p.kept[j].theta, p.origin)
	}
	if row[n] = displacedDot(s.Theta, s.Theta, p.origin); row[n]-row[n] != 0 {
		return // a diverged iterate has no place on a plane
	}
	p.kept = append(p.kept, snapshot{theta: s.Theta, step: s.Step, epoch: s.Epoch})
	p.gram = append(p.gram, row)
	if n == maxSnapshots {
		p.thin()
	}
}

// thin doubles the spacing. Iterates that were recorded at odd steps only are thinned
// by their number.
func (p *Snapshots) thin() {
	p.every = 2 * max(p.every, 1)
	var stay []int
	for i := range p.kept {
		if p.Wants(p.kept[i].step) {
			stay = append(stay, i)
		}
	}
	if len(stay) < maxSnapshots/4 || len(stay) == len(p.kept) {
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

// Plane is what [Snapshots.Fit] found. Its slices have one element per kept iterate, in
// the order of steps, and are the caller's.
type Plane struct {
	Steps     []int64
	Epochs    []int32
	Scores    [2][]float64
	Residuals []float64  // distance from the plane
	Ratios    [2]float64 // explained variance ratios
}

// Fit returns the plane of the iterates so far; nil while there are fewer than three or
// they do not span a plane. The signs are those of the fit before, so that a picture
// does not flip; the first time the walk begins at the lower left.
func (p *Snapshots) Fit() *Plane {
	n := len(p.kept)
	if n < 3 {
		return nil
	}
	g := make([]float64, n*n)
	for i := range n {
		for j := range n {
			g[i*n+j] = p.gram[max(i, j)][min(i, j)]
		}
	}
	center(g, n)
	trace, _ := traceAndSquare(g, n)
	pairs, _, err := leading(g, n, 2, 1)
	if err != nil {
		return nil
	}
	if pairs = significant(pairs, 2, 1e-12*trace); len(pairs) < 2 {
		return nil
	}
	out := &Plane{Residuals: make([]float64, n)}
	for k, pair := range pairs {
		out.Ratios[k] = pair.value / trace
		out.Scores[k] = make([]float64, n)
		agreement := 0.0
		for i, u := range pair.vector {
			out.Scores[k][i] = math.Sqrt(pair.value) * u
			agreement += out.Scores[k][i] * p.kept[i].scores[k]
		}
		flip := agreement < 0 || agreement == 0 && out.Scores[k][0] > 0
		for i := range n {
			if flip {
				out.Scores[k][i] = -out.Scores[k][i]
			}
			p.kept[i].scores[k] = out.Scores[k][i]
		}
	}
	for i, s := range p.kept {
		out.Steps, out.Epochs = append(out.Steps, s.step), append(out.Epochs, s.epoch)
		out.Residuals[i] = math.Sqrt(max(0, g[i*n+i]-s.scores[0]*s.scores[0]-s.scores[1]*s.scores[1]))
	}
	return out
}
