package audit

import (
	"fmt"
	"slices"
	"strings"
)

// marks collects the tensors of each checkpoint that share one fact, to report neighbouring
// checkpoints with the same tensors once.
type marks map[int][]int

func (m marks) add(i, t int) { m[i] = append(m[i], t) }

// each calls use for every longest range of checkpoints with the same tracks.
func (j *judge) each(m marks, use func(rows, tracks []int)) {
	for i := 0; i < len(j.steps); i++ {
		tracks := m[i]
		if len(tracks) == 0 {
			continue
		}
		rows := []int{i}
		for i+1 < len(j.steps) && slices.Equal(m[i+1], tracks) {
			i++
			rows = append(rows, i)
		}
		use(rows, tracks)
	}
}

// span writes "step 5" or "steps 5 to 9".
func (j *judge) span(rows []int) string {
	if len(rows) == 1 {
		return fmt.Sprintf("step %d", j.steps[rows[0]])
	}
	return fmt.Sprintf("steps %d to %d", j.steps[rows[0]], j.steps[rows[len(rows)-1]])
}

// findBadValues finds elements that are not finite, and tensors that became zero or constant. Their
// distances are not judged afterwards.
func (j *judge) findBadValues() {
	notFinite, zero, constant := marks{}, marks{}, marks{}
	for t, tr := range j.tracks {
		hasMoved := false // from the initial zero or constant
		changes := tr.changes()
		for i := range tr.contents {
			c := &tr.contents[i]
			if !c.isPresent || c.problem != nil || j.isBad[t][i] {
				continue
			}
			if c.nan+c.inf > 0 {
				notFinite.add(i, t)
				continue
			}
			switch {
			case tr.n < 2:
			case c.isZero && hasMoved:
				zero.add(i, t)
			case c.isConstant && !c.isZero && hasMoved:
				constant.add(i, t)
			}
			hasMoved = hasMoved || changes && !c.isConstant
		}
	}
	j.each(notFinite, func(rows, tracks []int) {
		names := j.names(tracks)
		c := &j.tracks[tracks[0]].contents[rows[0]]
		severity, why := Fault, ""
		if j.isMask(tracks, rows) {
			severity, why = Event, "; it is the same in all steps, as a mask is"
		}
		j.add(NotFinite, severity, rows[0], names, Finding{
			Steps: j.stepsOf(rows), Value: some(float64(c.nan + c.inf)),
			Expected: some(0),
		}, "%s: %s not finite (%.100q has %d NaN and %d infinite elements of %d)%s", j.span(rows),
			withVerb(names, "is", "are"), names[0], c.nan, c.inf, j.tracks[tracks[0]].n, why)
	})
	j.each(zero, func(rows, tracks []int) {
		names := j.names(tracks)
		j.mark(rows, tracks, true)
		j.add(Zero, Warning, rows[0], names, Finding{Steps: j.stepsOf(rows), Value: some(0)},
			"%s: %s zero, after other values", j.span(rows), withVerb(names, "is", "are"))
	})
	j.each(constant, func(rows, tracks []int) {
		names := j.names(tracks)
		j.mark(rows, tracks, true)
		j.add(Constant, Warning, rows[0], names, Finding{
			Steps: j.stepsOf(rows),
			Value: some(float64(j.tracks[tracks[0]].contents[rows[0]].first)),
		}, "%s: all elements of %s are equal, after other values", j.span(rows), listTensors(names))
	})
}

// isMask reports whether tensors that are not finite have the same values in all checkpoints.
func (j *judge) isMask(tracks, rows []int) bool {
	for _, t := range tracks {
		tr := j.tracks[t]
		for i := range tr.contents {
			if c := &tr.contents[i]; c.isPresent && c.hash != tr.contents[rows[0]].hash {
				return false
			}
		}
		if tr.contents[rows[0]].nan > 0 {
			return false
		}
	}
	return len(rows) > 1
}

// findFrozen finds tensors that never change while others do. A tensor whose name is not that of a
// parameter, or whose elements are 0 and powers of two only, is probably a buffer. A small
// tensor of a short type may move by less than the type can show.
func (j *judge) findFrozen() {
	var frozen, buffers []int
	isSeries := false
	for t, tr := range j.tracks {
		present := 0
		for i := range tr.contents {
			if tr.contents[i].isUsable() {
				present++
			}
		}
		switch {
		case tr.changes():
			isSeries = true
		case present < 3:
		case tr.isState || tr.n == 1 || !isParameterName(tr.name) || j.isPattern(tr) || tr.n < minSteady && tr.isShort():
			buffers = append(buffers, t)
		default:
			frozen = append(frozen, t)
		}
	}
	if !isSeries {
		return // all checkpoints are equal, which is reported as such
	}
	if len(frozen) > 0 {
		names := j.names(frozen)
		j.add(Frozen, Warning, -1, names, Finding{Value: some(0)}, "%s the same values in all steps, while others change",
			withVerb(names, "has", "have"))
	}
	if len(buffers) > 0 {
		names := j.names(buffers)
		j.add(Frozen, Event, -1, names, Finding{Value: some(0)}, "%s the same values in all steps, as buffers have, "+
			"and parameters that move less than their type can show", withVerb(names, "has", "have"))
	}
}

// isPattern reports whether the first values have no digits, as masks have. A long vector of equal
// values is rather a bias or a scale, unless its type is so short that it may have moved a little.
func (j *judge) isPattern(tr *track) bool {
	for i := range tr.contents {
		if c := &tr.contents[i]; c.isUsable() {
			isVector := len(tr.shape) == 1 && tr.n >= minSteady && !tr.isShort()
			return c.precision == "" && (!c.isConstant || !isVector)
		}
	}
	return false
}

// isShort reports whether the values are stored in less than 32 bits.
func (t *track) isShort() bool {
	for i := range t.contents {
		if c := &t.contents[i]; c.isPresent {
			return c.tensor.Type != "float32" && c.tensor.Type != "float64"
		}
	}
	return false
}

// isParameterName reports whether the last part of a name is usual for parameters.
func isParameterName(name string) bool {
	last := name[strings.LastIndexAny(name, "./")+1:]
	return slices.ContainsFunc([]string{"weight", "bias", "gamma", "beta", "kernel", "scale", "embedding", "w", "b"},
		func(p string) bool { return strings.HasPrefix(last, p) })
}

// findRounded finds checkpoints whose values have fewer, or more, digits than those of most
// checkpoints although the element type is the same.
func (j *judge) findRounded() {
	other := map[string]marks{}
	var kinds []string
	const fewest = 8 // elements that show a precision
	for t, tr := range j.tracks {
		if tr.n < fewest {
			continue
		}
		counts := map[string]int{}
		for i := range tr.contents {
			if c := &tr.contents[i]; c.isUsable() && c.precision != "" && c.tensor.Type == "float32" {
				counts[c.precision]++
			}
		}
		usual := mostFrequent(counts)
		for i := range tr.contents {
			c := &tr.contents[i]
			if !c.isUsable() || c.precision == "" || c.precision == usual || c.tensor.Type != "float32" {
				continue
			}
			kind := c.precision + " instead of " + usual
			if other[kind] == nil {
				other[kind] = marks{}
				kinds = append(kinds, kind)
			}
			other[kind].add(i, t)
		}
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		j.each(other[kind], func(rows, tracks []int) {
			names := j.names(tracks)
			have, want, _ := strings.Cut(kind, " instead of ")
			j.add(Rounded, Warning, rows[0], names, Finding{
				Steps: j.stepsOf(rows), Value: some(digits(have)),
				Expected: some(digits(want)),
			}, "%s: the values of %s have the precision of %s; in most steps they have that of %s", j.span(rows),
				listTensors(names), have, want)
		})
	}
}

// digits returns the significant bits of a type.
func digits(precision string) float64 {
	switch precision {
	case "float8":
		return 4
	case "bfloat16":
		return 8
	case "float16":
		return 11
	}
	return 24
}

// mostFrequent returns the key with the largest count, the first in order of several.
func mostFrequent[K interface{ ~string }](counts map[K]int) K {
	var best K
	for k, n := range counts {
		if n > counts[best] || n == counts[best] && (best == "" || k < best) {
			best = k
		}
	}
	return best
}
