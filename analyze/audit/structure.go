package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"
)

// findStructure compares the lists of tensors: which ones a checkpoint has, their shapes,
// types, order and ties. What most checkpoints have is the norm.
func (j *judge) findStructure() {
	missing, extra, shapes := marks{}, marks{}, marks{}
	types := map[string]marks{}
	var typeNames []string
	readable := 0
	for i := range j.steps {
		if j.problems[i] == nil {
			readable++
		}
	}
	for t, tr := range j.tracks {
		present := 0
		counts := map[string]int{}
		for i := range tr.contents {
			if c := &tr.contents[i]; c.isPresent {
				present++
				counts[c.tensor.Type]++
			}
		}
		usual := mostFrequent(counts)
		for i := range tr.contents {
			c := &tr.contents[i]
			switch {
			case j.problems[i] != nil:
			case !c.isPresent && 2*present > readable:
				missing.add(i, t)
			case c.isPresent && 2*present <= readable:
				extra.add(i, t)
			case !c.isPresent:
			case !slices.Equal(c.tensor.Shape, tr.shape):
				shapes.add(i, t)
			}
			if c.isPresent && c.tensor.Type != usual {
				kind := c.tensor.Type + ", in most steps " + usual
				if types[kind] == nil {
					types[kind] = marks{}
					typeNames = append(typeNames, kind)
				}
				types[kind].add(i, t)
			}
		}
	}
	report := func(m marks, check Check, severity Severity, format string) {
		j.each(m, func(rows, tracks []int) {
			names := j.names(tracks)
			j.add(check, severity, rows[0], names, Finding{Steps: j.stepsOf(rows)}, format, j.span(rows), withVerb(names, "is", "are"))
		})
	}
	report(missing, OtherTensors, Fault, "%s: %s missing, which most checkpoints have")
	report(extra, OtherTensors, Warning, "%s: %s extra: most checkpoints do not have them")
	j.each(shapes, func(rows, tracks []int) {
		tr := j.tracks[tracks[0]]
		names := j.names(tracks)
		j.add(OtherShape, Fault, rows[0], names, Finding{Steps: j.stepsOf(rows)},
			"%s: %s another shape: %.100q has %v, in most steps %v", j.span(rows), withVerb(names, "has", "have"), tr.name,
			tr.contents[rows[0]].tensor.Shape, tr.shape)
	})
	slices.Sort(typeNames)
	for _, kind := range typeNames {
		j.each(types[kind], func(rows, tracks []int) {
			names := j.names(tracks)
			j.add(OtherType, Warning, rows[0], names, Finding{Steps: j.stepsOf(rows)}, "%s: %s the type %s", j.span(rows),
				withVerb(names, "has", "have"), kind)
		})
	}
	if len(j.rare) > 0 {
		j.add(OtherTensors, Warning, -1, j.rare[:min(len(j.rare), 100)], Finding{Value: some(float64(len(j.rare)))},
			"%s extra, which fewer than one in 16 checkpoints have: they were not examined", withVerb(j.rare, "is", "are"))
	}
	j.findOtherOrder()
	j.findOtherTies()
}

// findOtherOrder finds files whose tensors are in another order than in most files.
func (j *judge) findOtherOrder() {
	keys := make([]string, len(j.steps))
	sets := make([]string, len(j.steps))
	counts, bySet := map[string]int{}, map[string]map[string]int{}
	for i := range j.steps {
		if j.problems[i] != nil {
			continue
		}
		var names []string
		for _, t := range j.catalog.Entries[i].Tensors {
			names = append(names, t.Name)
		}
		keys[i] = strings.Join(names, "\x00")
		counts[keys[i]]++
		sets[i] = strings.Join(slices.Sorted(slices.Values(names)), "\x00")
		if bySet[sets[i]] == nil {
			bySet[sets[i]] = map[string]int{}
		}
		bySet[sets[i]][keys[i]]++
	}
	usual := mostFrequent(counts)
	for i := range j.steps {
		if keys[i] == "" || keys[i] == usual || mostFrequent(bySet[sets[i]]) == keys[i] {
			continue
		}
		have, want := strings.Split(keys[i], "\x00"), strings.Split(mostFrequent(bySet[sets[i]]), "\x00")
		at := 0
		for at < len(have)-1 && have[at] == want[at] {
			at++
		}
		j.add(OtherOrder, Warning, i, []string{have[at]}, Finding{}, "step %d: the file has the tensors in another order "+
			"than most files: %.100q is where they have %.100q", j.steps[i], have[at], want[at])
	}
}

// findOtherTies finds pairs of tensors that share their values in most checkpoints and not in
// others, or the other way round.
func (j *judge) findOtherTies() {
	type pair struct{ a, b int }
	tied := map[pair][]int{} // checkpoints in which a pair shares its values
	var pairs []pair
	for i := range j.steps {
		first := map[xxh3.Uint128]int{}
		for t, tr := range j.tracks {
			c := &tr.contents[i]
			if !c.isUsable() || c.isConstant {
				continue
			}
			a, isKnown := first[c.hash]
			if !isKnown {
				first[c.hash] = t
				continue
			}
			if !slices.Equal(j.tracks[a].shape, tr.shape) {
				continue
			}
			p := pair{a, t}
			if tied[p] == nil {
				pairs = append(pairs, p)
			}
			tied[p] = append(tied[p], i)
		}
	}
	for _, p := range pairs {
		rows := tied[p]
		isUsual := 2*len(rows) > len(j.steps)
		var odd []int
		for i := range j.steps {
			both := j.tracks[p.a].contents[i].isUsable() && j.tracks[p.b].contents[i].isUsable()
			if both && slices.Contains(rows, i) != isUsual {
				odd = append(odd, i)
			}
		}
		if len(odd) == 0 || !isUsual && len(odd) == 1 && odd[0] == 0 { // copies at the initialization
			continue
		}
		text := "share their values, and do not in most steps"
		if isUsual {
			text = "do not share their values, as they do in most steps"
		}
		names := []string{j.tracks[p.a].name, j.tracks[p.b].name}
		j.add(OtherTies, Warning, odd[0], names, Finding{Steps: j.stepsOf(odd)}, "%s: %s %s",
			fmt.Sprintf("steps %s", listSteps(j.stepsOf(odd))), listTensors(names), text)
	}
}
