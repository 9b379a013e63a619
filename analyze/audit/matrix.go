package audit

import (
	"math"
	"slices"
)

// matrix has squared distances between whole checkpoints: the mean over tensors of each
// tensor's squared distance, in units of its median over consecutive checkpoints. So every
// tensor counts the same, whatever its size is. Single tensors have a matrix too.
type matrix struct {
	n      int
	values []float64 // rows by columns; nil when the matrix is computed on demand
	at     func(a, b int) float64
	isGood func(i int) bool
	// dimensions returns in how many elements consecutive contents differ; see dimensionsOfMove
	dimensions func(contents []int) float64
	alike      int // number of matrices like this one in which the series looks for faults
}

// mostStored is the largest number of checkpoints whose matrix is stored.
const mostStored = 2048

func newMatrix(n int, isGood func(int) bool, at func(a, b int) float64) *matrix {
	m := &matrix{n: n, at: at, isGood: isGood}
	if n > mostStored {
		return m
	}
	m.values = make([]float64, n*n)
	for a := range n {
		for b := range a {
			if isGood(a) && isGood(b) {
				d := at(a, b)
				m.values[a*n+b], m.values[b*n+a] = d, d
			}
		}
	}
	return m
}

// squared returns the squared distance between good checkpoints a and b.
func (m *matrix) squared(a, b int) float64 {
	if m.values != nil {
		return m.values[a*m.n+b]
	}
	return m.at(a, b)
}

// good returns the good checkpoints.
func (m *matrix) good() []int {
	var rows []int
	for i := range m.n {
		if m.isGood(i) {
			rows = append(rows, i)
		}
	}
	return rows
}

// In a long series a content is compared with those at nearPlaces on both sides, and with spread
// places of the whole series.
const nearPlaces, spread = 16, 256

// candidates returns the places in rows to which the content at place k is compared: all, or
// in a long series the near ones and evenly spread ones.
func (m *matrix) candidates(rows []int, k int) []int {
	if m.values != nil {
		return allPlaces(len(rows))
	}
	var out []int
	for p := max(0, k-nearPlaces); p <= min(len(rows)-1, k+nearPlaces); p++ {
		out = append(out, p)
	}
	for s := range spread {
		out = append(out, s*(len(rows)-1)/(spread-1))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func allPlaces(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// trackMatrix returns the matrix of one track.
func (j *judge) trackMatrix(t int) *matrix {
	m := newMatrix(len(j.steps), func(i int) bool { return j.isGood(t, i) }, j.tracks[t].squaredDistance)
	m.dimensions, m.alike = j.tracks[t].dimensionsOfMove, len(j.tracks)
	return m
}

// wholeMatrix returns the matrix of whole checkpoints, made of the tracks given. A checkpoint
// is good when most of them are.
func (j *judge) wholeMatrix(tracks []int) *matrix {
	n := len(j.steps)
	units := make([]float64, len(tracks))
	for k, t := range tracks {
		rows := j.goodRows(t)
		var moves []float64
		for p := 1; p < len(rows); p++ {
			if d := j.tracks[t].squaredDistance(rows[p-1], rows[p]); d > 0 {
				moves = append(moves, d)
			}
		}
		if units[k] = math.Inf(1); len(moves) > 0 {
			units[k] = median(moves)
		}
	}
	isGood := func(i int) bool {
		count := 0
		for _, t := range tracks {
			if j.isGood(t, i) {
				count++
			}
		}
		return 2*count > len(tracks)
	}
	// A distance is the same before and after a content is found to be at a wrong place, whether the
	// matrix is stored or not.
	wasGood := make([][]bool, len(tracks))
	for k, t := range tracks {
		wasGood[k] = make([]bool, n)
		for i := range n {
			wasGood[k][i] = j.isGood(t, i)
		}
	}
	m := newMatrix(n, isGood, func(a, b int) float64 {
		sum, count := 0.0, 0
		for k, t := range tracks {
			if wasGood[k][a] && wasGood[k][b] {
				sum += j.tracks[t].squaredDistance(a, b) / units[k]
				count++
			}
		}
		return sum / float64(max(1, count))
	})
	m.alike = 1
	m.dimensions = func(contents []int) float64 {
		sum := 0.0
		for _, t := range tracks {
			if !slices.ContainsFunc(contents, func(i int) bool { return !j.isGood(t, i) }) {
				sum += j.tracks[t].dimensionsOfMove(contents)
			}
		}
		return sum
	}
	return m
}

// chanceRatio returns the ratio of distances that has by chance a probability of 1 in 1000 in this
// number of trials. A content near others in d dimensions is by chance ratio times nearer to one
// of them with the probability 1/ratio^d.
func chanceRatio(trials, dimensions float64) float64 {
	return math.Pow(1000*trials, 1/max(dimensions, 1))
}
