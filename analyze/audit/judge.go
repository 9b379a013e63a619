package audit

import (
	"fmt"
	"slices"
)

// judge examines what the pass kept. Checks that need distances leave out the contents that
// an earlier check has found to belong elsewhere.
type judge struct {
	*series
	findings []Finding
	// isBad marks contents that do not belong to their step, by track and checkpoint.
	isBad [][]bool
}

func newJudge(s *series) *judge {
	j := &judge{series: s, isBad: make([][]bool, len(s.tracks))}
	for t := range s.tracks {
		j.isBad[t] = make([]bool, len(s.steps))
	}
	return j
}

// add adds a finding about checkpoint i, or about the whole series for i < 0.
func (j *judge) add(check Check, severity Severity, i int, tensors []string, f Finding, format string, args ...any) {
	f.Check, f.Severity, f.Tensors, f.Step = check, severity, tensors, -1
	if i >= 0 {
		f.Step = j.steps[i]
		if f.File == "" {
			f.File = j.fileOf(i, tensors)
		}
	}
	f.Text = fmt.Sprintf(format, args...)
	j.findings = append(j.findings, f)
}

// fileOf returns the file of the first of these tensors, or of the whole checkpoint.
func (j *judge) fileOf(i int, tensors []string) string {
	if len(tensors) > 0 {
		if c := j.contentOf(i, tensors[0]); c.isPresent {
			return c.tensor.Path
		}
	}
	return j.catalog.Entries[i].Path
}

// contentOf returns the content of a tensor in checkpoint i.
func (j *judge) contentOf(i int, tensor string) *content {
	return &j.tracks[j.byName[tensor]].contents[i]
}

// isGood reports whether a content can be compared and was not found to belong elsewhere.
func (j *judge) isGood(t, i int) bool { return !j.isBad[t][i] && j.tracks[t].isComparable(i) }

// left returns the nearest good checkpoint before i, -1 if there is none.
func (j *judge) left(t, i int) int {
	for i--; i >= 0 && !j.isGood(t, i); i-- {
	}
	return i
}

// right returns the nearest good checkpoint after i, -1 if there is none.
func (j *judge) right(t, i int) int {
	for i++; i < len(j.steps); i++ {
		if j.isGood(t, i) {
			return i
		}
	}
	return -1
}

// goodRows returns the good checkpoints of a track.
func (j *judge) goodRows(t int) []int {
	var rows []int
	for i := range j.steps {
		if j.isGood(t, i) {
			rows = append(rows, i)
		}
	}
	return rows
}

// changes reports whether the values of a track change somewhere in the series.
func (t *track) changes() bool {
	first := -1
	for i := range t.contents {
		if !t.contents[i].isUsable() {
			continue
		}
		if first < 0 {
			first = i
		} else if t.contents[i].hash != t.contents[first].hash {
			return true
		}
	}
	return false
}

// parameters returns the tracks that are parameters and change; all tracks that change when
// there are none.
func (s *series) parameters() []int {
	var params, all []int
	for t, tr := range s.tracks {
		if tr.changes() {
			all = append(all, t)
			if !tr.isState {
				params = append(params, t)
			}
		}
	}
	if len(params) == 0 {
		return all
	}
	return params
}

// minSteady is the number of elements from which the distances of a tensor vary so little
// that a single tensor can be judged by them.
const minSteady = 256

// steady returns the tracks that together decide about whole checkpoints: the parameters of
// at least minSteady elements; all parameters when these are fewer than two.
func (s *series) steady() []int {
	all := s.parameters()
	large := slices.DeleteFunc(slices.Clone(all), func(t int) bool { return s.tracks[t].n < minSteady })
	if len(large) < 2 {
		return all
	}
	return large
}

// names returns the names of tracks.
func (s *series) names(tracks []int) []string {
	out := make([]string, len(tracks))
	for i, t := range tracks {
		out[i] = s.tracks[t].name
	}
	return out
}

// stepsOf returns the steps of checkpoints.
func (s *series) stepsOf(rows []int) []int64 {
	out := make([]int64, len(rows))
	for i, r := range rows {
		out[i] = s.steps[r]
	}
	return out
}

// median returns the median of v, which it sorts; NaN-free v of at least one number.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// optional returns a pointer to a step.
func optional(step int64) *int64 { return &step }
