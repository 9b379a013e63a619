package audit

import (
	"cmp"
	"math"
	"slices"
)

// found is a content that does not fit its step.
type found struct {
	row  int
	p    placed
	fits int // the step where it fits; -1 for none
}

// fewest is the number of checkpoints that the checks of distances need.
const fewest = 5

// mostMisplaced is the largest number of contents of one matrix that are reported.
const mostMisplaced = 256

// misplaced finds contents that do not fit their places. accept decides about a content and
// leaves it out of the comparison with the others, by the isGood of the matrix; retract takes
// that back.
func (m *matrix) misplaced(base limits, accept func(i int) bool, retract func(i int)) []found {
	var out []found
	rejected := map[int]bool{}
	limit := base
	var known []placed // of the checkpoints, which do not change unless a content near them is left out
	for isDone := false; !isDone && len(out) < mostMisplaced; {
		rows := m.good()
		if len(rows) < fewest {
			break
		}
		known = m.placeAgain(rows, known, out)
		all := make([]placed, len(rows))
		for k, i := range rows {
			all[k] = known[i]
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

// placeAgain places the contents of rows after the last one of out was left out. known are the places
// before, by checkpoint; nil for none.
func (m *matrix) placeAgain(rows []int, known []placed, out []found) []placed {
	left := -1
	if known == nil {
		known = make([]placed, m.n)
	} else {
		left = out[len(out)-1].row
	}
	at, _ := slices.BinarySearch(rows, left)
	for k, i := range rows {
		known[i].k = k
		if left < 0 || known[i].nearest == left || k >= at-few-1 && k <= at+few {
			known[i] = m.place(rows, k)
		}
	}
	return known
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
			f.fits = m.bestPlace(f.row, f.p.nearest)
		}
		out = append(out, f)
	}
	return out
}

// findMisplacedCheckpoints finds checkpoints that do not fit their steps. Exchanged pairs come
// first, because each of them alone also fits another step, and long reversed blocks last,
// because a single checkpoint at a wrong place makes some reversals shorter too.
func (j *judge) findMisplacedCheckpoints() {
	steady := j.steady()
	if len(steady) == 0 {
		return
	}
	m := j.wholeMatrix(steady)
	j.findExchanged(m)
	for _, f := range j.misplacedOf(m, wholeLimits, steady, j.parameters()) {
		j.addMisplaced(f, nil)
	}
	longest := 64 // of the blocks that are tested in a long series
	if m.values != nil {
		longest = m.n
	}
	j.findReversed(m, longest)
}

// misplacedOf finds checkpoints at which most of the tracks decides do not fit, and marks the
// tracks marked.
func (j *judge) misplacedOf(m *matrix, base limits, decides, marked []int) []found {
	const most = 0.7 // otherwise only some tensors do not fit, which are judged alone
	return m.misplaced(base, func(i int) bool {
		if len(decides) > 1 && j.shareMisplaced(i, decides) < most || m.isChance(i) {
			return false
		}
		j.mark([]int{i}, marked, true)
		return true
	}, func(i int) { j.mark([]int{i}, marked, false) })
}

// isChance reports whether content i may fit elsewhere, or be far from its neighbours, by chance,
// because few of its elements move.
func (m *matrix) isChance(i int) bool {
	rows := m.good()
	k, _ := slices.BinarySearch(rows, i)
	p := m.place(rows, k)
	near := rows[max(0, k-1):min(len(rows), k+2)]
	trials := float64(len(rows)) * float64(len(rows)) * float64(m.alike)
	return max(p.elsewhere, p.detour) < chanceRatio(trials, m.dimensions(near))
}

// findMisplacedTensors finds shards and tensors that do not fit their steps.
func (j *judge) findMisplacedTensors() {
	for _, tracks := range j.shards(j.steady()) {
		for _, f := range j.misplacedOf(j.wholeMatrix(tracks), shardLimits, tracks, tracks) {
			all := j.sameFile(f.row, tracks[0])
			j.mark([]int{f.row}, all, true)
			j.addMisplaced(f, j.names(all))
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

// shareMisplaced returns the share of tracks that alone do not fit step i either.
func (j *judge) shareMisplaced(i int, tracks []int) float64 {
	count, of := 0, 0
	for _, t := range tracks {
		if !j.isGood(t, i) {
			continue
		}
		m := &matrix{n: len(j.steps), at: j.tracks[t].squaredDistance, isGood: func(i int) bool { return j.isGood(t, i) }}
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
