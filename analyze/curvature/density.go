package curvature

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Density is the spectral density in numbers. The eigenvalues that were found have
// the weight 1/P each; the rest, the bulk, is known as a smooth density.
type Density struct {
	// random vectors that the bulk is the mean of; 0 when all eigenvalues are known
	Probes      int     `json:"probes"`
	Steps       int     `json:"steps"`       // Lanczos steps of a probe
	Eigenvalues int     `json:"eigenvalues"` // eigenvalues with the weight 1/P each, taken out of the bulk
	Broadening  float64 `json:"broadening"`  // standard deviation of the Gaussians of the bulk
	// Trace and FrobeniusSquared are P times the first and the second moment of the
	// density, with the standard errors over the probes. Summary.Trace has the same
	// numbers from other random vectors.
	Trace                 record.Optional `json:"trace"`
	TraceError            record.Optional `json:"trace_standard_error"`
	FrobeniusSquared      record.Optional `json:"frobenius_squared"`
	FrobeniusSquaredError record.Optional `json:"frobenius_squared_standard_error"`
}

// quadrature is the nodes of one probe; the weights add up to 1.
type quadrature struct{ nodes, weights []float64 }

// quadratures makes stochastic Lanczos quadrature (Ghorbani et al. 2019) of the part
// of the matrix outside the orthonormal vectors found: random vectors are projected
// out of their space, and so is every product.
func (p *products) quadratures(ctx context.Context, o *Options, found [][]float32, capacity int) ([]quadrature, error) {
	all := make([]quadrature, o.DensityProbes)
	left := p.dimension() - len(found)
	steps := min(o.DensitySteps, left, max(capacity-len(found), 1))
	together := max(1, min(o.Block, (capacity-len(found))/max(steps, 1)))
	for first := 0; first < len(all); first += together {
		var units []int
		var runs []*probe
		for i := first; i < min(first+together, len(all)); i++ {
			if v, ok := o.Store.Lookup("density " + strconv.Itoa(i)); ok && len(v) > 0 && len(v)%2 == 0 {
				all[i] = quadrature{v[:len(v)/2], v[len(v)/2:]}
				p.skip(steps)
				continue
			}
			if r := p.newProbe(found, o.Seed, streamDensity+uint64(i)); r != nil {
				units, runs = append(units, i), append(runs, r)
			}
		}
		if err := p.advance(ctx, runs, found, steps); err != nil {
			return nil, err
		}
		for j, r := range runs {
			q, err := r.quadrature()
			if err != nil {
				return nil, err
			}
			all[units[j]] = q
			if err := o.Store.Save("density "+strconv.Itoa(units[j]), slices.Concat(q.nodes, q.weights)); err != nil {
				return nil, fmt.Errorf("curvature: density %d: %w", units[j], err)
			}
		}
	}
	return slices.DeleteFunc(all, func(q quadrature) bool { return len(q.nodes) == 0 }), nil
}

// probe is a Lanczos iteration from one vector.
type probe struct {
	q           [][]float32
	alpha, beta []float64
	ended       bool // the space is invariant: more steps change nothing
}

func (p *products) newProbe(found [][]float32, seed, stream uint64) *probe {
	v := gaussian(len(p.theta), seed, stream)
	p.mask(v)
	w := widened(v)
	outside(w, found)
	length := norm(w)
	if length <= dependent*norm32(v) {
		return nil
	}
	return &probe{q: [][]float32{rounded(w, 1/length)}}
}

// advance takes the steps of several probes together, so that they share products.
func (p *products) advance(ctx context.Context, runs []*probe, found [][]float32, steps int) error {
	scale := 0.0
	for range steps {
		var active []*probe
		var vectors [][]float32
		var w [][]float64
		for _, r := range runs {
			if !r.ended {
				active, vectors, w = append(active, r), append(vectors, r.q[len(r.q)-1]), append(w,
					make([]float64, len(p.theta)))
			}
		}
		if len(active) == 0 {
			return nil
		}
		if err := p.multiply(ctx, vectors, w); err != nil {
			return err
		}
		for i, r := range active {
			scale = max(scale, norm(w[i]))
			r.alpha = append(r.alpha, dot(vectors[i], w[i]))
			outside(w[i], found)
			outside(w[i], r.q)
			left := norm(w[i])
			if len(r.alpha) == steps || left <= invariant*scale {
				r.ended = true
				continue
			}
			r.beta, r.q = append(r.beta, left), append(r.q, rounded(w[i], 1/left))
		}
	}
	return nil
}

// quadrature returns the eigenvalues of the tridiagonal matrix and the squared first
// components of its eigenvectors (Golub and Welsch 1969).
func (r *probe) quadrature() (quadrature, error) {
	k := &krylov{}
	for j, a := range r.alpha {
		column := make([]float64, j+1, j+2)
		column[j] = a
		if j > 0 {
			column[j-1] = r.beta[j-1]
		}
		if j < len(r.beta) {
			column = append(column, r.beta[j])
		}
		k.columns = append(k.columns, column)
	}
	z, err := k.decompose(0)
	if err != nil {
		return quadrature{}, err
	}
	var q quadrature
	for i, v := range z.values {
		y := z.vectors.At(0, len(z.values)-1-i)
		q.nodes, q.weights = append(q.nodes, v), append(q.weights, y*y)
	}
	return q, nil
}

// density is the spectrum as stems and bulk.
type density struct {
	parameters  int
	eigenvalues []float64 // with the weight 1/P each
	probes      []quadrature
}

// bulkWeight is the weight of what is not in the eigenvalues.
func (d *density) bulkWeight() float64 {
	return float64(d.parameters-len(d.eigenvalues)) / float64(d.parameters)
}

// summarize returns the moments, with their errors over the probes.
func (d *density) summarize(o *Options) Density {
	s := Density{Probes: len(d.probes), Eigenvalues: len(d.eigenvalues)}
	known := [2]float64{}
	for _, v := range d.eigenvalues {
		known[0], known[1] = known[0]+v, known[1]+float64(v*v)
	}
	if len(d.probes) == 0 {
		if d.bulkWeight() == 0 {
			s.Trace, s.FrobeniusSquared = record.Some(known[0]), record.Some(known[1])
			s.TraceError, s.FrobeniusSquaredError = record.Some(0), record.Some(0)
		}
		return s
	}
	var moments [2][]float64
	rest := float64(d.parameters - len(d.eigenvalues))
	for _, q := range d.probes {
		s.Steps = max(s.Steps, len(q.nodes))
		var m [2]float64
		for i, x := range q.nodes {
			m[0], m[1] = m[0]+float64(q.weights[i]*x), m[1]+float64(q.weights[i]*x*x)
		}
		moments[0], moments[1] = append(moments[0], rest*m[0]), append(moments[1], rest*m[1])
	}
	for i, to := range []struct{ value, err *record.Optional }{{&s.Trace, &s.TraceError}, {
		&s.FrobeniusSquared,
		&s.FrobeniusSquaredError,
	}} {
		mean, e := meanAndError(moments[i])
		*to.value, *to.err = record.Some(known[i]+mean), e
	}
	return s
}

// confidence is the number of standard errors of the band around the bulk.
const confidence = 2

// broaden returns the bulk on evenly spaced points, each node a Gaussian of the
// returned standard deviation, with a band of two standard errors over the probes.
// The points reach 8 standard deviations beyond the nodes and are at most 2/3 of one
// apart, so the trapezoid sum of the density is the weight of the bulk up to rounding.
func (d *density) broaden(points int, sigma float64) (x, mean, low, high []float64, used float64) {
	if len(d.probes) == 0 {
		return nil, nil, nil, nil, 0
	}
	from, to := math.Inf(1), math.Inf(-1)
	for _, q := range d.probes {
		from, to = min(from, slices.Min(q.nodes)), max(to, slices.Max(q.nodes))
	}
	extent := to - from
	for _, v := range d.eigenvalues { // the width of the picture, stems included
		extent = max(extent, to-v, v-from)
	}
	if extent == 0 {
		if extent = math.Abs(from); extent == 0 {
			extent = 1
		}
	}
	if sigma == 0 {
		// PyHessian takes a variance of 1e-5 max(1, range); without the 1 the picture
		// does not depend on the unit of the loss.
		sigma = math.Sqrt(1e-5) * extent
	}
	// With a pad of 8 sigma on both sides, points of distance (range+16 sigma)/(n-1)
	// are 2/3 sigma apart at sigma = range / (2/3 (n-1) - 16).
	sigma = max(sigma, (to-from)/(2.0/3*float64(points-1)-16))
	from, to = from-8*sigma, to+8*sigma
	x, mean, low, high = make([]float64, points), make([]float64, points), make([]float64, points), make([]float64,
		points)
	peak := d.bulkWeight() / (sigma * math.Sqrt(2*math.Pi))
	values := make([]float64, len(d.probes))
	for i := range x {
		x[i] = from + (to-from)*float64(i)/float64(points-1)
		for r, q := range d.probes {
			values[r] = 0
			for j, node := range q.nodes {
				z := (x[i] - node) / sigma
				values[r] += q.weights[j] * peak * math.Exp(-z*z/2)
			}
		}
		m, e := meanAndError(values)
		mean[i], low[i], high[i] = m, max(0, m-confidence*e.Value), m+confidence*e.Value
	}
	return x, mean, low, high, sigma
}

// tables returns the nodes and weights, the eigenvalues first, and the bulk.
func (d *density) tables(o *Options) (spectrum, bulk record.Table, broadening float64) {
	var part []string
	var run []int64
	var node, weight []float64
	for _, v := range d.eigenvalues {
		part, run, node, weight = append(part, "eigenvalue"), append(run, -1), append(node, v), append(weight,
			1/float64(d.parameters))
	}
	for r, q := range d.probes {
		for i, v := range q.nodes {
			part, run = append(part, "bulk"), append(run, int64(r))
			node, weight = append(node, v), append(weight, d.bulkWeight()*q.weights[i])
		}
	}
	x, mean, low, high, sigma := d.broaden(o.DensityPoints, o.Broadening)
	spectrum = record.Table{Columns: []record.Column{
		column.Strings("part", part), column.Ints("run", run), {Name: "node", Floats: node}, {
			Name:   "weight",
			Floats: weight,
		},
	}}
	bulk = record.Table{Columns: []record.Column{
		{Name: "eigenvalue", Floats: x}, {Name: "density", Floats: mean}, {
			Name:   "density_low",
			Floats: low,
		}, {Name: "density_high", Floats: high},
	}}
	return spectrum, bulk, sigma
}
