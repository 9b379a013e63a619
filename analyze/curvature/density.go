package curvature

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sgdwalk/record"
)

// quadratures returns nodes and weights of every density run; the first is that
// of the eigenvalues, the others take as many products from other starts.
func (p *products) quadratures(ctx context.Context, o *Options, k *krylov) (nodes, weights [][]float64, err error) {
	x, w, err := k.quadrature()
	if err != nil {
		return nil, nil, err
	}
	nodes, weights = [][]float64{x}, [][]float64{w}
	length := len(k.h)
	for run := 1; run < o.DensityRuns; run++ {
		unit := "density " + strconv.Itoa(run)
		if v, ok := o.Store.Lookup(unit); ok && len(v) > 0 && len(v)%2 == 0 {
			nodes, weights = append(nodes, v[:len(v)/2]), append(weights, v[len(v)/2:])
			p.skip(length)
			continue
		}
		// A run of its own ends where its space is invariant: going on from another
		// start would not change its quadrature.
		other := newKrylov(p, rademacher(len(p.theta), o.Seed, streamDensity+uint64(run)), o.Seed)
		for len(other.h) < length {
			if err := other.grow(ctx); err != nil {
				return nil, nil, err
			}
			if !other.extend() || other.first > 0 {
				break
			}
		}
		if x, w, err = other.quadrature(); err != nil {
			return nil, nil, err
		}
		if err := o.Store.Save(unit, slices.Concat(x, w)); err != nil {
			return nil, nil, fmt.Errorf("curvature: %s: %w", unit, err)
		}
		nodes, weights = append(nodes, x), append(weights, w)
	}
	return nodes, weights, nil
}

// broaden returns the density of the nodes on evenly spaced points, each node a
// Gaussian of the returned standard deviation, the runs averaged. The points
// reach 8 standard deviations beyond the nodes and are at most 2/3 of one apart,
// so their trapezoid sum is the integral, 1, up to rounding.
func broaden(nodes, weights [][]float64, points int, sigma float64) (x, density []float64, used float64) {
	low, high := nodes[0][0], nodes[0][0]
	for _, run := range nodes {
		low, high = min(low, slices.Min(run)), max(high, slices.Max(run))
	}
	extent := high - low
	if extent == 0 {
		if extent = math.Abs(low); extent == 0 {
			extent = 1
		}
	}
	if sigma == 0 {
		// PyHessian takes a variance of 1e-5 max(1, range); without the 1 the picture
		// does not depend on the unit of the loss.
		sigma = math.Sqrt(1e-5) * extent
	}
	// With a pad of 8 sigma on both sides, points of distance d = (range+16 sigma)/(n-1)
	// are 2/3 sigma apart at sigma = range / (2/3 (n-1) - 16).
	if least := (high - low) / (2.0/3*float64(points-1) - 16); sigma < least {
		sigma = least
	}
	low, high = low-8*sigma, high+8*sigma
	x, density = make([]float64, points), make([]float64, points)
	peak := 1 / (sigma * math.Sqrt(2*math.Pi)) / float64(len(nodes))
	for i := range x {
		x[i] = low + (high-low)*float64(i)/float64(points-1)
		for r, run := range nodes {
			for j, node := range run {
				z := (x[i] - node) / sigma
				density[i] += weights[r][j] * peak * math.Exp(-z*z/2)
			}
		}
	}
	return x, density, sigma
}

func densityTables(nodes, weights [][]float64, x, density []float64) (spectrum, broadened record.Table) {
	runs, all, w := []int64{}, []float64{}, []float64{}
	for r := range nodes {
		for j := range nodes[r] {
			runs, all, w = append(runs, int64(r)), append(all, nodes[r][j]), append(w, weights[r][j])
		}
	}
	spectrum = record.Table{Columns: []record.Column{{Name: "run", Ints: runs}, {Name: "node", Floats: all}, {Name: "weight", Floats: w}}}
	broadened = record.Table{Columns: []record.Column{{Name: "eigenvalue", Floats: x}, {Name: "density", Floats: density}}}
	return spectrum, broadened
}
