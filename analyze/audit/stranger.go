package audit

// findStrangers finds weights that do not depend on those of the neighbouring checkpoints although
// these depend on each other: weights of another training. Distances do not show them at the
// start of a training, when a walk goes farther between two checkpoints than the weights are
// large.
func (j *judge) findStrangers() {
	found := marks{}
	cosines := map[int][2]float64{} // of the last track
	for _, t := range j.weights() {
		tr, rows := j.tracks[t], j.goodRows(t)
		for k := 1; k+1 < len(rows); k++ {
			before, i, after := rows[k-1], rows[k], rows[k+1]
			own := max(tr.cosine(before, i), tr.cosine(i, after))
			if both := tr.cosine(before, after); own < tr.independentCosine() && both >= steadyCosine {
				found.add(i, t)
				cosines[i] = [2]float64{own, both}
			}
		}
	}
	for i := range j.steps {
		tracks, c := found[i], cosines[i]
		if len(tracks) == 0 {
			continue
		}
		names := j.names(tracks)
		j.mark([]int{i}, tracks, true)
		j.add(Outlier, Fault, i, names, Finding{Value: some(c[0]), Expected: some(c[1])},
			"step %d: %s not depend on the steps before and after, which depend on each other (cosine %.2f; %.2f between "+
				"both neighbours)", j.steps[i], j.describe(i, names, "does", "do"), c[0], c[1])
	}
}
