package audit

import (
	"cmp"
	"fmt"
	"maps"
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
	detour  float64
	nearest int // checkpoint with the nearest content
}

// place measures the content at place k of rows.
func (m *matrix) place(rows []int, k int) placed {
	p := placed{k: k, nearest: -1, elsewhere: 1}
	i := rows[k]
	own := math.Inf(1)
	if k > 0 {
		own = m.squared(i, rows[k-1])
	}
	if k < len(rows)-1 {
		own = min(own, m.squared(i, rows[k+1]))
	}
	best := math.Inf(1)
	for _, q := range m.candidates(rows, k) {
		if q == k {
			continue
		}
		// Equal contents are judged by their hashes.
		if d := m.squared(i, rows[q]); d < best && d > 0 {
			best, p.nearest = d, rows[q]
		}
	}
	if own > 0 && p.nearest >= 0 {
		p.elsewhere = math.Sqrt(own / max(best, own*1e-12))
		if k > 0 && k < len(rows)-1 && m.squared(rows[k-1], rows[k+1]) > 0 {
			p.detour = math.Sqrt(own / m.squared(rows[k-1], rows[k+1]))
		}
	}
	return p
}

// limits are the numbers above which a content does not fit its place. Sound series of
// networks, with schedules, restarts and averaging, stay below half of the excess over 1; the
// tests have them.
type limits struct{ elsewhere, detour float64 }

// limitsOf returns the limits for a matrix: the base, raised where the series itself often
// exceeds it, because its walk oscillates or has few dimensions.
func limitsOf(all []placed, base limits) limits {
	var e, d []float64
	for _, p := range all {
		e, d = append(e, p.elsewhere), append(d, p.detour)
	}
	slices.Sort(e)
	slices.Sort(d)
	// Up to a tenth of the contents may be at wrong places and must not raise the limits.
	at := max(0, len(all)*9/10-1)
	return limits{max(base.elsewhere, 2*e[at]-1), max(base.detour, 2.5*d[at])}
}

// found is a content that does not fit its step.
type found struct {
	row  int
	p    placed
	fits int // the step where it fits; -1 for none
}

// misplaced finds contents that do not fit their places. accept decides about a content and
// leaves it out of the comparison with the others, by the isGood of the matrix; retract takes
// that back.
func (m *matrix) misplaced(base limits, accept func(i int) bool, retract func(i int)) []found {
	const fewest = 5 // checkpoints that are needed for a judgment
	var out []found
	rejected := map[int]bool{}
	limit := base
	for isDone := false; !isDone; {
		rows := m.good()
		if len(rows) < fewest {
			break
		}
		all := make([]placed, len(rows))
		for k := range rows {
			all[k] = m.place(rows, k)
		}
		limit = limitsOf(all, base)
		order := slices.Clone(all)
		slices.SortStableFunc(order, func(a, b placed) int { return cmp.Compare(limit.excess(b), limit.excess(a)) })
		isDone = true
		for _, p := range order {
			if limit.excess(p) <= 0 {
				break
			}
			i := rows[m.blamed(rows, p.k, limit)]
			if rejected[i] {
				i = rows[p.k]
			}
			if rejected[i] {
				continue
			}
			if accept(i) {
				out = append(out, found{row: i})
				isDone = false
				break
			}
			rejected[i] = true
		}
	}
	return m.confirm(out, limit, accept, retract)
}

// blamed returns the place whose content explains best that the content at place k does not fit: k
// itself or a place near it. It is the one without which the contents around fit best.
func (m *matrix) blamed(rows []int, k int, limit limits) int {
	const near = 2
	at, least := k, math.Inf(1)
	for _, c := range []int{k, k - 1, k + 1} { // k first, which wins when several explain the same
		if c < 0 || c >= len(rows) {
			continue
		}
		without := slices.Delete(slices.Clone(rows), c, c+1)
		sum := 0.0
		for q := max(0, c-near-1); q < min(len(without), c+near+1); q++ {
			sum += max(0, limit.excess(m.place(without, q)))
		}
		if sum < least-1e-9 {
			at, least = c, sum
		}
	}
	// At an end of the series the content and its only neighbour explain the same. Then the one
	// that is farther from the next content is at the wrong place.
	if n := len(rows); at == k && (k == 0 || k == n-1) {
		neighbour, next := min(1, n-1), min(2, n-1)
		if k > 0 {
			neighbour, next = n-2, max(0, n-3)
		}
		if m.squared(rows[neighbour], rows[next]) > m.squared(rows[k], rows[next]) {
			return neighbour
		}
	}
	return at
}

// excess is positive for a content that exceeds a limit.
func (l limits) excess(p placed) float64 {
	return max(math.Log(p.elsewhere/l.elsewhere), math.Log(max(p.detour, 1e-9)/l.detour))
}

// confirm compares every content that was found with the good ones alone. A content whose only
// fault was a neighbour at the wrong place fits then.
func (m *matrix) confirm(list []found, limit limits, accept func(int) bool, retract func(int)) []found {
	out := list[:0]
	for _, f := range list {
		retract(f.row)
		rows := m.good()
		k, _ := slices.BinarySearch(rows, f.row)
		f.p, f.fits = m.place(rows, k), -1
		if limit.excess(f.p) <= 0 {
			continue
		}
		accept(f.row)
		switch {
		case m.isCopy(f.row, f.p.nearest):
			f.fits = f.p.nearest
		case f.p.elsewhere > limit.elsewhere:
			f.fits = m.bestPlace(f.row)
		}
		out = append(out, f)
	}
	return out
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

// bestPlace returns the step whose neighbours are nearest to content i. The content that is there
// now does not matter.
func (m *matrix) bestPlace(i int) int {
	best, at := math.Inf(1), -1
	rows := slices.DeleteFunc(m.good(), func(r int) bool { return r == i })
	near, _ := slices.BinarySearch(rows, i)
	tested := make(map[int]bool)
	for _, k := range m.candidates(rows, min(near, len(rows)-1)) {
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

// Base limits. Whole checkpoints are means over many tensors, so they vary less than one, and a
// tensor with few elements varies most.
var (
	wholeLimits  = limits{elsewhere: 1.3, detour: 1.8}
	shardLimits  = limits{elsewhere: 1.4, detour: 2}
	tensorLimits = limits{elsewhere: 2.2, detour: 3}
	smallLimits  = limits{elsewhere: 2.5, detour: 3.5}
	tinyLimits   = limits{elsewhere: 4, detour: 6}
)

// limitsFor returns the base limits of a single tensor of n elements.
func limitsFor(n int) limits {
	switch {
	case n < 32:
		return tinyLimits
	case n < minSteady:
		return smallLimits
	}
	return tensorLimits
}

// findMisplacedCheckpoints finds checkpoints that do not fit their steps. Exchanged neighbours come
// first, because each of them alone also fits another step, and long reversed blocks last,
// because a single checkpoint at a wrong place makes some reversals shorter too.
func (j *judge) findMisplacedCheckpoints() {
	steady := j.steady()
	if len(steady) == 0 {
		return
	}
	m := j.wholeMatrix(steady)
	j.findExchanged(m, 2)
	for _, f := range j.misplacedOf(m, wholeLimits, steady, j.parameters()) {
		j.addMisplaced(f, nil)
	}
	longest := 64 // of the blocks that are tested in a long series
	if m.values != nil {
		longest = m.n
	}
	j.findExchanged(m, longest)
}

// misplacedOf finds checkpoints at which most of the tracks decides do not fit, and marks the
// tracks marked.
func (j *judge) misplacedOf(m *matrix, base limits, decides, marked []int) []found {
	const most = 0.7 // otherwise only some tensors do not fit, which are judged alone
	return m.misplaced(base, func(i int) bool {
		if len(decides) > 1 && j.shareMisplaced(i, decides) < most {
			return false
		}
		j.mark([]int{i}, marked, true)
		return true
	}, func(i int) { j.mark([]int{i}, marked, false) })
}

// findMisplacedTensors finds shards and tensors that do not fit their steps.
func (j *judge) findMisplacedTensors() {
	for _, tracks := range j.shards(j.steady()) {
		for _, f := range j.misplacedOf(j.wholeMatrix(tracks), shardLimits, tracks, tracks) {
			j.addMisplaced(f, j.names(tracks))
		}
	}
	type at struct{ row, fits int }
	tracks := map[at][]int{}
	example := map[at]found{}
	var order []at
	for _, t := range j.parameters() {
		if j.tracks[t].n < 2 || j.isCoarseTrack(t) {
			continue
		}
		one := []int{t}
		for _, f := range j.misplacedOf(j.trackMatrix(t), limitsFor(j.tracks[t].n), one, one) {
			k := at{f.row, f.fits}
			if tracks[k] == nil {
				order = append(order, k)
				example[k] = f
			}
			tracks[k] = append(tracks[k], t)
		}
	}
	for _, k := range order {
		j.addMisplaced(example[k], j.names(tracks[k]))
	}
}

// isCoarseTrack reports whether a tensor usually moves too little to be judged by distances.
func (j *judge) isCoarseTrack(t int) bool {
	rows := j.goodRows(t)
	var moves []float64
	for k := 1; k < len(rows); k++ {
		moves = append(moves, j.tracks[t].squaredDistance(rows[k-1], rows[k]))
	}
	if len(moves) == 0 {
		return true
	}
	slices.Sort(moves)
	return j.tracks[t].isCoarse(rows[len(rows)/2], moves[len(moves)/10])
}

// shards returns the steady tracks of every file, where the checkpoints have several files with
// at least two of them.
func (j *judge) shards(steady []int) [][]int {
	files := map[string][]int{} // by the tensors of a file, because its name differs from step to step
	for i := range j.steps {
		byPath := map[string][]int{}
		for _, t := range steady {
			if c := &j.tracks[t].contents[i]; c.isPresent {
				byPath[c.tensor.Path] = append(byPath[c.tensor.Path], t)
			}
		}
		for _, tracks := range byPath {
			if len(byPath) > 1 && len(tracks) > 1 {
				files[fmt.Sprint(tracks)] = tracks
			}
		}
	}
	var out [][]int
	for _, k := range slices.Sorted(maps.Keys(files)) {
		out = append(out, files[k])
	}
	return out
}

// shareMisplaced returns the share of tracks that alone do not fit step i either.
func (j *judge) shareMisplaced(i int, tracks []int) float64 {
	count, of := 0, 0
	for _, t := range tracks {
		if !j.isGood(t, i) {
			continue
		}
		m := newMatrixOnDemand(len(j.steps), func(i int) bool { return j.isGood(t, i) }, j.tracks[t].squaredDistance)
		rows := m.good()
		k, _ := slices.BinarySearch(rows, i)
		p := m.place(rows, k)
		of++
		if p.elsewhere > 1.15 || p.detour > 1.2 {
			count++
		}
	}
	return float64(count) / float64(max(1, of))
}

// addMisplaced adds the finding about a content that does not fit its step.
func (j *judge) addMisplaced(x found, names []string) {
	i, p, fits := x.row, x.p, x.fits
	what := "the parameters fit"
	if len(names) > 0 {
		what = j.describe(i, names, "fits", "fit")
	}
	if fits >= 0 {
		j.add(OtherStep, Fault, i, names, Finding{FitsStep: optional(j.steps[fits]), Value: some(p.elsewhere), Expected: some(1)},
			"step %d: %s step %d better: the distance to the nearer neighbour is %.3g times the distance to step %d",
			j.steps[i], what, j.steps[fits], p.elsewhere, j.steps[p.nearest])
		return
	}
	j.add(Outlier, Fault, i, names, Finding{Value: some(p.detour), Expected: some(math.Sqrt2 / 2)},
		"step %d: %s no step of the series: the distance to the nearer neighbour is %.3g times the distance "+
			"between both neighbours", j.steps[i], what, p.detour)
}
