package audit

import "math"

// findBranches finds steps at which weights jump to values that do not depend on the values
// before. Two independent weights have a cosine near 0, with a standard deviation of
// 1/sqrt(n); two steps of one training have a cosine near 1, unless they are very far apart.
//
//   - All weights jump after the first checkpoint: it is not the start of the training.
//   - All weights jump later: another training begins there.
//   - Some weights jump: they were initialized again, which is an event.
func (j *judge) findBranches() {
	weights := j.weights()
	if len(weights) == 0 {
		return
	}
	reset := map[int][]int{}    // tracks that jump after a checkpoint
	cosines := map[int]jump{}   // of the jump with the smallest cosine
	eligible := map[int][]int{} // tracks that could have jumped there
	for _, t := range weights {
		rows := j.goodRows(t)
		for k := 1; k < len(rows); k++ {
			x := j.jumpAt(t, rows, k)
			if !x.isKnown {
				continue
			}
			eligible[rows[k]] = append(eligible[rows[k]], t)
			if x.isIndependent {
				reset[rows[k]] = append(reset[rows[k]], t)
				cosines[rows[k]] = x
			}
		}
	}
	for i := range j.steps {
		tracks := reset[i]
		if len(tracks) == 0 {
			continue
		}
		x := cosines[i]
		f := Finding{Value: some(x.cosine), Expected: some(x.usual)}
		const most = 0.7
		isAll := float64(len(tracks)) >= most*float64(len(eligible[i])) && (len(eligible[i]) > 1 || len(weights) == 1)
		before := j.left(tracks[0], i)
		switch {
		case isAll && before == j.goodRows(tracks[0])[0]:
			f.Steps = j.stepsOf([]int{before, i})
			j.add(NotAncestor, Fault, before, nil, f, "step %d is not the start of the training: its weights do not "+
				"depend on those of step %d (cosine %.2f; %.2f between the next two steps)", j.steps[before], j.steps[i],
				x.cosine, x.usual)
		case isAll:
			f.Steps = j.stepsOf([]int{before, i})
			j.add(OtherBranch, Fault, i, nil, f, "from step %d on, the checkpoints are of another training: the weights do "+
				"not depend on those of step %d (cosine %.2f; %.2f between other neighbours)", j.steps[i], j.steps[before],
				x.cosine, x.usual)
		default:
			names := j.names(tracks)
			j.add(Reinitialized, Event, i, names, f, "step %d: %s jumped to values that do not depend on step %d, and trained on: "+
				"initialized again", j.steps[i], listTensors(names), j.steps[before])
		}
	}
}

// weights returns the tracks whose independent values have a cosine near 0: parameters with at
// least two dimensions. Scales of normalization layers are all near 1, so their cosine says
// nothing.
func (j *judge) weights() []int {
	const fewest = 100 // elements: a standard deviation of the cosine of 0.1
	var out []int
	for _, t := range j.parameters() {
		if tr := j.tracks[t]; len(tr.shape) >= 2 && tr.n >= fewest {
			out = append(out, t)
		}
	}
	return out
}

// jump is what happens to a weight between two consecutive good checkpoints.
type jump struct {
	isKnown       bool    // the neighbouring intervals allow a judgment
	isIndependent bool    // the values after do not depend on those before
	cosine        float64 // between before and after
	usual         float64 // the smaller cosine of the neighbouring intervals
}

// jumpAt judges the interval that ends at place k of rows.
func (j *judge) jumpAt(t int, rows []int, k int) jump {
	tr := j.tracks[t]
	x := jump{cosine: tr.cosine(rows[k-1], rows[k]), usual: math.Inf(1)}
	if k >= 2 {
		x.usual = tr.cosine(rows[k-2], rows[k-1])
	}
	if k+1 < len(rows) {
		x.usual = min(x.usual, tr.cosine(rows[k], rows[k+1]))
	}
	x.isKnown = x.usual >= steadyCosine && !math.IsInf(x.usual, 1)
	x.isIndependent = x.isKnown && x.cosine < tr.independentCosine() && x.cosine < x.usual/2
	return x
}

// steadyCosine is the cosine from which two checkpoints depend on each other for certain. A training
// that moves far between two checkpoints also loses its memory.
const steadyCosine = 0.5

// independentCosine returns the cosine below which two contents of a weight do not depend on each
// other.
func (t *track) independentCosine() float64 {
	deviation := 1 / math.Sqrt(float64(t.n))
	if !t.isExact() {
		deviation = math.Hypot(deviation, 1/math.Sqrt(float64(t.k)))
	}
	return 0.1 + 3*deviation
}
