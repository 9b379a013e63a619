package audit

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/zeebo/xxh3"
)

// findSameCheckpoints finds checkpoints whose parameters are equal, bit for bit. All members of
// a group but the one where the values fit best are marked as bad.
func (j *judge) findSameCheckpoints() {
	params := j.parameters()
	if len(params) == 0 { // all checkpoints are equal
		params = allPlaces(len(j.tracks))
	}
	groups := map[xxh3.Uint128][]int{}
	var order []xxh3.Uint128
	for i := range j.steps {
		sum, usable := j.valuesHash(i, params)
		if usable == 0 {
			continue
		}
		if groups[sum] == nil {
			order = append(order, sum)
		}
		groups[sum] = append(groups[sum], i)
	}
	for _, sum := range order {
		if g := groups[sum]; len(g) > 1 {
			j.judgeSame(g, params, true)
		}
	}
}

// valuesHash returns a hash of the usable contents of tracks in checkpoint i, and their number. The
// same tracks of two series, in the same order, have equal hashes for equal values.
func (s *series) valuesHash(i int, tracks []int) (h xxh3.Uint128, usable int) {
	all := xxh3.New()
	for k, t := range tracks {
		if c := &s.tracks[t].contents[i]; c.isUsable() {
			usable++
			b := c.hash.Bytes()
			_, _ = all.Write(binary.LittleEndian.AppendUint64(b[:], uint64(k))) // a hash accepts all bytes
		}
	}
	return all.Sum128(), usable
}

// findSameTensors finds tensors with equal values under two steps whose checkpoints differ
// elsewhere. Tensors of one file with the same origin make one finding.
func (j *judge) findSameTensors() {
	groups := map[string][]int{} // tracks by the checkpoints that have equal values
	rowsOf := map[string][]int{}
	var order []string
	for _, t := range j.parameters() {
		byHash := map[xxh3.Uint128][]int{}
		var hashes []xxh3.Uint128
		for i := range j.steps {
			c := &j.tracks[t].contents[i]
			if !j.isGood(t, i) || c.isConstant && j.tracks[t].n > 1 || c.isZero {
				continue
			}
			if byHash[c.hash] == nil {
				hashes = append(hashes, c.hash)
			}
			byHash[c.hash] = append(byHash[c.hash], i)
		}
		for _, h := range hashes {
			rows := byHash[h]
			if len(rows) < 2 || !j.isSuspicious(t, rows) {
				continue
			}
			k := fmt.Sprint(rows)
			if groups[k] == nil {
				order = append(order, k)
				rowsOf[k] = rows
			}
			groups[k] = append(groups[k], t)
		}
	}
	for _, k := range order {
		rows, tracks := rowsOf[k], groups[k]
		first, last := rows[0], rows[len(rows)-1]
		good := j.goodRows(tracks[0])
		switch n := len(rows); {
		case n >= 3 && slices.Equal(good[len(good)-n:], rows):
			j.addStill(Stopped, Warning, rows, tracks, "%s the same values from step %d to the last one, %d", first, last)
		case j.isStart(good, rows) && (n >= 3 || j.steps[last]-j.steps[first] <= 2):
			j.addStill(Stopped, Event, rows, tracks, "%s the same values from step %d to step %d, and others later", first, last)
		default:
			j.judgeSame(rows, tracks, false)
		}
	}
}

// isCoarse reports whether a tensor moves by so few units in the last place of its numbers that
// it often returns to the same bits, and that its distances are whole numbers of units. move
// is a squared distance between consecutive checkpoints.
func (t *track) isCoarse(i int, move float64) bool {
	const units = 16
	return t.unitsOfMove(i, move) < units
}

// unitsOfMove returns the root mean square of a move in units in the last place. move is a squared
// distance between consecutive checkpoints.
func (t *track) unitsOfMove(i int, move float64) float64 {
	rms := math.Sqrt(t.product(i, i) / float64(t.n))
	return math.Sqrt(move/float64(t.n)) / (rms * resolution(t.contents[i].precision))
}

// isSuspicious reports whether equal values in several checkpoints are no coincidence.
func (j *judge) isSuspicious(t int, rows []int) bool {
	tr := j.tracks[t]
	// The smallest change between consecutive different contents near these checkpoints.
	move := math.Inf(1)
	for _, r := range rows {
		for _, pair := range [][2]int{{j.left(t, r), r}, {r, j.right(t, r)}} {
			if pair[0] < 0 || pair[1] < 0 {
				continue
			}
			if d := tr.squaredDistance(pair[0], pair[1]); d > 0 {
				move = min(move, d)
			}
		}
	}
	return !tr.isCoarse(rows[0], move) && !j.isCoincidence(t, rows[0], move) && !j.isPaused(rows)
}

// isCoincidence reports whether a tensor has so few moving elements that some two of its checkpoints
// probably have the same bits. An element that moves by m units in the last place has them with
// a probability of about 1/m.
func (j *judge) isCoincidence(t, i int, move float64) bool {
	const most = 0.01
	tr := j.tracks[t]
	contents := []int{i}
	if k := j.left(t, i); k >= 0 {
		contents = append(contents, k)
	}
	if k := j.right(t, i); k >= 0 {
		contents = append(contents, k)
	}
	d := max(1, tr.dimensionsOfMove(contents))
	pairs := float64(len(j.steps)) * float64(len(j.steps)) / 2
	return pairs*math.Pow(tr.unitsOfMove(i, move)*math.Sqrt(float64(tr.n)/d), -d) > most
}

// isPaused reports whether equal values are those of consecutive checkpoints between which most
// tensors hardly move, because the learning rate is zero there.
func (j *judge) isPaused(rows []int) bool {
	for k := 1; k < len(rows); k++ {
		a, b := rows[k-1], rows[k]
		still, all := 0, 0
		for _, t := range j.parameters() {
			if !j.isGood(t, a) || !j.isGood(t, b) {
				continue
			}
			all++
			if tr := j.tracks[t]; tr.isCoarse(a, tr.squaredDistance(a, b)) {
				still++
			}
		}
		const most = 0.7
		if float64(still) < most*float64(all) || b != j.right(j.parameters()[0], a) {
			return false
		}
	}
	return true
}

// resolution returns the relative distance of neighbouring numbers of a type.
func resolution(precision string) float64 {
	switch precision {
	case "float8":
		return 1.0 / 16
	case "bfloat16":
		return 1.0 / 256
	case "float16":
		return 1.0 / 2048
	}
	return 1.0 / (1 << 24)
}

// isStart reports whether rows are consecutive good ones from the first or the second on.
func (j *judge) isStart(good, rows []int) bool {
	at := slices.Index(good, rows[0])
	return at <= 1 && at+len(rows) <= len(good) && slices.Equal(good[at:at+len(rows)], rows)
}

// addStill adds a finding about tensors that do not change from row first to row last.
func (j *judge) addStill(check Check, severity Severity, rows, tracks []int, format string, first, last int) {
	names := j.names(tracks)
	f := Finding{Steps: j.stepsOf(rows), Value: some(0)}
	if d := j.expectedDistance(tracks, first, last); d > 0 {
		f.Expected = some(d)
	}
	j.add(check, severity, first, names, f, format, withVerb(names, "has", "have"), j.steps[first], j.steps[last])
}

// judgeSame decides to which step of a group the equal values belong, and adds a finding for
// the others.
func (j *judge) judgeSame(rows, tracks []int, isWhole bool) {
	owner, rivals := j.ownerOf(rows, tracks)
	if isWhole && owner <= 1 && rows[0] == 0 && rows[1] == 1 && j.steps[1]-j.steps[0] == 1 {
		j.add(NoFirstUpdate, Event, 1, nil, Finding{Steps: j.stepsOf(rows[:2])},
			"steps %s have the same parameters: the first update changed nothing, as a warm-up from a learning rate "+
				"of 0 does", listSteps(j.stepsOf(rows[:2])))
		j.mark(rows[1:2], tracks, true) // its distance to step 0 is zero
		owner, rivals, rows = 0, nil, slices.Delete(rows, 1, 2)
	}
	copies := slices.DeleteFunc(slices.Clone(rows), func(r int) bool { return r == owner })
	j.mark(copies, tracks, true)
	doubt := ""
	if len(rivals) > 0 {
		doubt = "; the distances do not tell whether they belong to step " + fmt.Sprint(j.steps[owner]) + " or to " +
			listSteps(j.stepsOf(rivals))
	}
	names := j.names(tracks)
	for _, r := range copies {
		f := Finding{
			Steps: j.stepsOf(rows), FitsStep: optional(j.steps[owner]), OrSteps: j.stepsOf(rivals), Value: some(0),
		}
		if d := j.expectedDistance(tracks, owner, r); d > 0 {
			f.Expected = some(d)
		}
		if isWhole {
			j.add(SameCheckpoint, Fault, r, nil, f, "step %d has the parameters of step %d, bit for bit%s", j.steps[r],
				j.steps[owner], doubt)
		} else {
			j.add(SameTensor, Fault, r, names, f, "step %d: %s the values of step %d, bit for bit%s", j.steps[r],
				j.describe(r, names, "has", "have"), j.steps[owner], doubt)
		}
	}
}

// describe names tensors, or the shard if they are all of its tensors.
func (j *judge) describe(i int, names []string, one, many string) string {
	if shard, ok := j.shardOf(i, names); ok {
		return "shard " + shard + " " + one
	}
	return withVerb(names, one, many)
}

// mark marks contents as not belonging to their checkpoints, or as belonging.
func (j *judge) mark(rows, tracks []int, isBad bool) {
	for _, t := range tracks {
		for _, r := range rows {
			j.isBad[t][r] = isBad
		}
	}
}

// ownerOf returns the checkpoint of a group with equal values where they fit best, and the
// rivals where they fit almost as well. The members between the same good neighbours form a
// gap. The gap whose neighbours are nearest decides first, and within it the predicted
// distances. Of several that fit equally, the owner is the last one if that is the end of
// the series, because the end is often served for earlier steps, and otherwise the first one.
func (j *judge) ownerOf(rows, tracks []int) (owner int, rivals []int) {
	j.mark(rows, tracks, true)
	defer j.mark(rows, tracks, false)
	distance, misfit := make([][]float64, len(rows)), make([][]float64, len(rows))
	for _, t := range tracks {
		c, ok := j.newClock(t)
		if !ok || j.tracks[t].n < 2 {
			continue
		}
		for k, r := range rows {
			if d, m := j.misfit(t, &c, rows[0], r); !math.IsNaN(m) {
				distance[k], misfit[k] = append(distance[k], d), append(misfit[k], m)
			}
		}
	}
	medians := func(v [][]float64) []float64 {
		out := make([]float64, len(v))
		for k := range v {
			if len(v[k]) > 0 {
				out[k] = median(v[k])
			}
		}
		return out
	}
	distances, misfits := medians(distance), medians(misfit)
	nearest := slices.Min(distances)
	// Differences of the logarithm of a distance that decide nothing. Distances of few elements
	// vary, and behind the last good checkpoint the predictions are extrapolated.
	elements := 0
	for _, t := range tracks {
		elements += j.tracks[t].n
	}
	near := 0.1 + 1/math.Sqrt(float64(elements))
	if j.right(tracks[0], rows[len(rows)-1]) < 0 {
		near += 0.25
	}
	best := math.Inf(1)
	for k := range rows {
		if distances[k] < nearest+near {
			best = min(best, misfits[k])
		}
	}
	for k, r := range rows {
		if distances[k] < nearest+near && misfits[k] < best+near {
			rivals = append(rivals, r)
		}
	}
	at := 0
	if rivals[len(rivals)-1] == len(j.steps)-1 {
		at = len(rivals) - 1
	}
	owner = rivals[at]
	return owner, slices.Delete(rivals, at, at+1)
}

// expectedDistance returns the distance between two checkpoints that the clocks of the tensors
// predict, 0 when they predict none.
func (j *judge) expectedDistance(tracks []int, a, b int) float64 {
	sum := 0.0
	for _, t := range tracks {
		if c, ok := j.newClock(t); ok {
			sum += c.squaredDistance(a, b)
		}
	}
	return math.Sqrt(sum)
}
