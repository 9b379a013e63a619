package align

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Match searches the permutations of the units of b that bring the permuted copy of b close
// to a. Both points have the length of theta and are finite; they are borrowed and not
// changed. The result is the same on any number of cores.
//
// Match returns an error when options or points are wrong. After a cancellation it returns
// the error of the context.
func Match(ctx context.Context, s *Specification, a, b []float32, opts Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	for i, v := range [][]float32{a, b} {
		if len(v) != s.theta.Len() {
			return nil, fmt.Errorf("align: point %d has %d elements; the layout has %d", i+1, len(v), s.theta.Len())
		}
		if k := slices.IndexFunc(v, func(x float32) bool { return x-x != 0 }); k >= 0 {
			return nil, fmt.Errorf("align: point %d has the element %v at %d; both points must be finite", i+1, v[k], k)
		}
	}
	o := opts.Effective()
	o.Progress.Begin("alignment", o.Orders)
	m := &matcher{s: s, a: a, b: b, near: s.neighbours()}
	r := &Result{specification: s}
	for k := range o.Orders {
		m.start()
		sweeps, err := m.descend(ctx, rand.New(rand.NewPCG(o.Seed, uint64(k))), k > 0)
		if err != nil {
			return nil, err
		}
		o.Progress.Add(1)
		distance := distance(a, m.moved)
		r.Summary.Distances = append(r.Summary.Distances, distance)
		if k == 0 || distance < r.Summary.DistanceAfter {
			r.Summary.DistanceAfter, r.Summary.BestOrder, r.Summary.Sweeps = distance, k, sweeps
			r.Permutations, r.Theta = m.permutations, m.moved
		}
		if distance == 0 {
			o.Progress.Add(o.Orders - 1 - k)
			break
		}
	}
	r.summarize(a, b)
	return r, nil
}

// matcher is a search for permutations.
type matcher struct {
	s        *Specification
	a, b     []float32
	near     [][]int       // for each units, those that share a tensor with it
	products [][]*unitAxis // of each units

	permutations Permutations
	moved        []float32 // the permuted copy of b
}

// neighbours returns for each units the units whose permutations change its costs: those on
// another axis of the same tensor.
func (s *Specification) neighbours() [][]int {
	near := make([][]int, len(s.units))
	for _, axes := range s.inTheta {
		for i := range axes {
			for k := range axes {
				if i == k {
					continue
				}
				for _, p := range axes[i].parts {
					for _, q := range axes[k].parts {
						if p.units >= 0 && q.units >= 0 && !slices.Contains(near[p.units], q.units) {
							near[p.units] = append(near[p.units], q.units)
						}
					}
				}
			}
		}
	}
	return near
}

// start begins again from b.
func (m *matcher) start() {
	m.permutations, m.moved = m.s.Identity(), slices.Clone(m.b)
	m.products = make([][]*unitAxis, len(m.s.units))
	for i, t := range m.s.theta {
		for k, axis := range m.s.inTheta[i] {
			for _, p := range axis.parts {
				if p.units >= 0 {
					m.products[p.units] = append(m.products[p.units], newUnitAxis(t, m.s.inTheta[i], k, p))
				}
			}
		}
	}
}

// descend improves the units one after the other, until none improves, and returns the number
// of sweeps over all units.
func (m *matcher) descend(ctx context.Context, r *rand.Rand, random bool) (sweeps int, err error) {
	order := make([]int, len(m.s.units))
	changed := make([]bool, len(order)) // since the units were improved last
	for u := range order {
		order[u], changed[u] = u, true
	}
	for slices.Contains(changed, true) {
		sweeps++
		if random {
			r.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
		}
		for _, u := range order {
			if !changed[u] {
				continue
			}
			if err := ctx.Err(); err != nil {
				return sweeps, fmt.Errorf("align: stopped at the units %s: %w", m.s.units[u].Name, err)
			}
			changed[u] = false
			if m.improve(u) {
				for _, k := range m.near[u] {
					changed[k] = true
				}
			}
		}
	}
	return sweeps, nil
}

// improve finds the best permutation of the units u while all others stay, and reports
// whether it brings b closer. When a tensor has u on two axes, the best permutation of one
// axis need not be the best of both; it is taken only if the distance becomes smaller.
func (m *matcher) improve(u int) bool {
	costs := make([]float64, m.s.units[u].Count*m.s.units[u].Count)
	for _, x := range m.products[u] {
		x.update(m.a, m.b, m.permutations)
		for i, v := range x.products {
			costs[i] -= v
		}
	}
	old, best := m.permutations[u], Assign(costs, m.s.units[u].Count)
	if slices.Equal(old, best) {
		return false
	}
	m.permutations[u] = best
	type change struct{ before, after []float32 }
	var changes []change
	gain, size := 0.0, 0.0
	for i, t := range m.s.theta {
		if !m.s.inTheta[i].units()[u] {
			continue
		}
		c := change{t.View(m.moved), make([]float32, t.Len())}
		permute(c.after, t.View(m.b), m.s.inTheta[i], m.permutations)
		for j, x := range t.View(m.a) {
			gain += float64(float64(x) * (float64(c.after[j]) - float64(c.before[j])))
			size += math.Abs(float64(x) * float64(c.before[j]))
		}
		changes = append(changes, c)
	}
	if gain <= 1e-12*size { // rounding, or a permutation that is good for one of two axes only
		m.permutations[u] = old
		return false
	}
	for _, c := range changes {
		copy(c.before, c.after)
	}
	return true
}

// distance returns the distance of two points.
func distance(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		d := float64(x) - float64(b[i])
		sum += float64(d * d)
	}
	return math.Sqrt(sum)
}
