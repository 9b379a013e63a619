package audit

import (
	"math"
	"slices"
)

// placed is how a content fits its own place and the best other one.
type placed struct {
	k int // its place among the good checkpoints
	// elsewhere is the distance to the nearer neighbour over the distance to the nearest of
	// all contents: 1 when the nearest is a neighbour.
	elsewhere float64
	// detour is the distance to the nearer neighbour over the distance between the two
	// neighbours: about 0.5 on a straight line, 0.7 in a random walk, 1 for noise around a
	// point. Far more means that the walk went somewhere and came back. At the ends, where
	// there is one neighbour, it is 0.
	detour float64
	// swing is the distance to the nearer neighbour over the distance to the nearest content a few
	// places away: far above 1 where a walk oscillates.
	swing   float64
	nearest int // checkpoint with the nearest content
}

// few is how many places a swing may reach.
const few = 4

// place measures the content at place k of rows.
func (m *matrix) place(rows []int, k int) placed {
	p := placed{k: k, nearest: -1, elsewhere: 1, swing: 1}
	i := rows[k]
	own := math.Inf(1)
	if k > 0 {
		own = m.squared(i, rows[k-1])
	}
	if k < len(rows)-1 {
		own = min(own, m.squared(i, rows[k+1]))
	}
	best, around := math.Inf(1), math.Inf(1)
	for _, q := range m.candidates(rows, k) {
		if q == k {
			continue
		}
		// Equal contents are judged by their hashes.
		if d := m.squared(i, rows[q]); d < best && d > 0 {
			best, p.nearest = d, rows[q]
		}
		if d := m.squared(i, rows[q]); d > 0 && q >= k-few && q <= k+few {
			around = min(around, d)
		}
	}
	if m.values == nil && p.nearest >= 0 { // the candidates of a long series are places with gaps
		at, _ := slices.BinarySearch(rows, p.nearest)
		gap := len(rows)/spread + 1
		for q := max(0, at-gap); q <= min(len(rows)-1, at+gap) && (at < k-nearPlaces || at > k+nearPlaces); q++ {
			if d := m.squared(i, rows[q]); q != k && d < best && d > 0 {
				best, p.nearest = d, rows[q]
			}
		}
	}
	if own > 0 && p.nearest >= 0 {
		p.elsewhere, p.swing = math.Sqrt(own/max(best, own*1e-12)), math.Sqrt(own/max(around, own*1e-12))
		if k > 0 && k < len(rows)-1 && m.squared(rows[k-1], rows[k+1]) > 0 {
			p.detour = math.Sqrt(own / m.squared(rows[k-1], rows[k+1]))
		}
	}
	return p
}

// isCopy reports whether content i is far nearer to content j than the neighbours of j are: a copy
// that was rounded.
func (m *matrix) isCopy(i, j int) bool {
	own := math.Inf(1)
	rows := m.good()
	at, _ := slices.BinarySearch(rows, j)
	for _, k := range []int{at - 1, at + 1} {
		if k >= 0 && k < len(rows) && rows[k] != i {
			own = min(own, m.squared(j, rows[k]))
		}
	}
	const near = 0.3
	return m.squared(i, j) < near*near*own && !math.IsInf(own, 1)
}

// bestPlace returns the step whose neighbours are nearest to content i, which is nearest to content
// nearest. The content that is at the step now does not matter.
func (m *matrix) bestPlace(i, nearest int) int {
	best, at := math.Inf(1), -1
	rows := slices.DeleteFunc(m.good(), func(r int) bool { return r == i })
	around, _ := slices.BinarySearch(rows, nearest)
	tested := make(map[int]bool)
	for _, k := range m.candidates(rows, min(around, len(rows)-1)) {
		first, last := 0, m.n-1 // places between the good rows around place k
		if k > 0 {
			first = rows[k-1] + 1
		}
		if k+1 < len(rows) {
			last = rows[k+1] - 1
		}
		for q := first; q <= last; q++ {
			if q == i || tested[q] {
				continue
			}
			tested[q] = true
			before, isGood := slices.BinarySearch(rows, q)
			after := before
			if isGood {
				after++
			}
			sum, n := 0.0, 0.0
			if before > 0 {
				sum += math.Sqrt(m.squared(i, rows[before-1]))
				n++
			}
			if after < len(rows) {
				sum += math.Sqrt(m.squared(i, rows[after]))
				n++
			}
			if n > 0 && sum/n < best {
				best, at = sum/n, q
			}
		}
	}
	return at
}
