package align

import (
	"fmt"
	"math/rand/v2"
)

// Permutations has a permutation for each of the units of a specification: element [u][i] is
// the unit that moves to place i. nil is the identity.
type Permutations [][]int

// Identity returns the permutations that move nothing.
func (s *Specification) Identity() Permutations {
	p := make(Permutations, len(s.units))
	for u := range p {
		p[u] = make([]int, s.units[u].Count)
		for i := range p[u] {
			p[u][i] = i
		}
	}
	return p
}

// Random returns random permutations.
func (s *Specification) Random(r *rand.Rand) Permutations {
	p := make(Permutations, len(s.units))
	for u := range p {
		p[u] = r.Perm(s.units[u].Count)
	}
	return p
}

// Inverse returns the permutations that move everything back.
func (p Permutations) Inverse() Permutations {
	inverse := make(Permutations, len(p))
	for u := range p {
		inverse[u] = make([]int, len(p[u]))
		for i, from := range p[u] {
			inverse[u][from] = i
		}
	}
	return inverse
}

// Moved returns how many of the units u change their place.
func (p Permutations) Moved(u int) int {
	n := 0
	for i, from := range p[u] {
		if i != from {
			n++
		}
	}
	return n
}

// Theta returns a permuted copy of theta: the network computes the same function. It panics
// when theta has another length than the layout.
func (s *Specification) Theta(p Permutations, theta []float32) []float32 {
	out := make([]float32, s.theta.Len())
	if len(theta) != len(out) {
		panic(fmt.Sprintf("align: theta has %d elements; the layout has %d", len(theta), len(out)))
	}
	for i, t := range s.theta {
		permute(t.View(out), t.View(theta), s.inTheta[i], p)
	}
	return out
}

// State returns a copy of the running statistics, permuted as Theta permutes theta; nil for
// nil. It panics when the vector has another length than the layout.
func (s *Specification) State(p Permutations, state []float32) []float32 {
	if state == nil {
		return nil
	}
	out := make([]float32, s.state.Len())
	if len(state) != len(out) {
		panic(fmt.Sprintf("align: the state has %d elements; the layout has %d", len(state), len(out)))
	}
	for i, t := range s.state {
		permute(t.View(out), t.View(state), s.inState[i], p)
	}
	return out
}

// sources returns for every element of the axis the element that moves there, and nil when
// all stay.
func (a *axis) sources(p Permutations) []int {
	var from []int
	for _, part := range a.parts {
		if part.units < 0 || p == nil || p.Moved(part.units) == 0 {
			continue
		}
		if from == nil {
			from = make([]int, a.length)
			for i := range from {
				from[i] = i
			}
		}
		for o := range a.outer {
			first := o * a.width()
			for i, unit := range p[part.units] {
				for k := range a.inner {
					from[(first+part.start+i)*a.inner+k] = (first+part.start+unit)*a.inner + k
				}
			}
		}
	}
	return from
}

// permute sets dst to the elements of src, with the units of every axis permuted.
func permute(dst, src []float32, axes tensorAxes, p Permutations) {
	// Axes behind the last permuted one are copied in one piece.
	var lengths []int
	var sources [][]int
	last := 0
	for i := range axes {
		from := axes[i].sources(p)
		lengths, sources = append(lengths, axes[i].length), append(sources, from)
		if from != nil {
			last = i + 1
		}
	}
	piece := 1
	for _, n := range lengths[last:] {
		piece *= n
	}
	gather(dst, src, lengths[:last], sources[:last], piece)
}

// gather fills dst from src axis by axis. The elements of the last axis have the given size.
func gather(dst, src []float32, lengths []int, sources [][]int, piece int) {
	if len(lengths) == 0 {
		copy(dst, src)
		return
	}
	step := piece
	for _, n := range lengths[1:] {
		step *= n
	}
	for i := range lengths[0] {
		from := i
		if sources[0] != nil {
			from = sources[0][i]
		}
		gather(dst[i*step:(i+1)*step], src[from*step:(from+1)*step], lengths[1:], sources[1:], piece)
	}
}
