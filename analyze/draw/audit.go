package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze/audit"
	"sgdwalk/analyze/figure"
)

// Audit draws the figures of an audit; none for a series without comparable checkpoints.
func Audit(run string, r *audit.Result) []Named {
	var out []Named
	if f := Distances(run, r); f != nil {
		out = append(out, Named{"distances", f})
	}
	if f := Neighbours(run, r); f != nil {
		out = append(out, Named{"neighbours", f})
	}
	return out
}

// auditDistance is the label of distances: their unit is the median of each tensor.
const auditDistance = "distance (median between neighbours = 1)"

// Distances draws the matrix of distances between whole checkpoints, with marks at the steps
// of findings; nil when there is no matrix.
func Distances(run string, r *audit.Result) *figure.Distances {
	if len(r.Distances.Steps) == 0 {
		return nil
	}
	f := &figure.Distances{
		Title: "Distances between checkpoints", Subtitle: run, Steps: r.Distances.Steps, Values: r.Distances.Values, Marks: auditMarks(r.List),
		ValueLabel: auditDistance,
	}
	if n := len(f.Steps); n < r.Checkpoints {
		f.Notes = append(f.Notes, fmt.Sprintf("%d of %d checkpoints are shown.", n, r.Checkpoints))
	}
	f.Notes = append(f.Notes, "A line across the matrix is a checkpoint that differs from its neighbours. A block is a "+
		"part of the series that is far from the rest.")
	return f
}

// auditMarks returns a mark for each step of a finding, about the most severe finding of the
// step, in the order of the steps.
func auditMarks(findings []audit.Finding) []figure.Mark {
	kinds := map[audit.Severity]figure.MarkKind{
		audit.Fault: figure.MarkError, audit.Warning: figure.MarkWarning, audit.Event: figure.MarkEvent,
	}
	var marks []figure.Mark
	isMarked := map[int64]bool{}
	for i := range findings { // the most severe first
		f := &findings[i]
		for _, step := range f.Affected() {
			if !isMarked[step] {
				isMarked[step] = true
				marks = append(marks, figure.Mark{Step: step, Kind: kinds[f.Severity], Text: markText(f)})
			}
		}
	}
	slices.SortStableFunc(marks, func(a, b figure.Mark) int { return cmp.Compare(a.Step, b.Step) })
	return marks
}

// markText describes a finding in a few words.
func markText(f *audit.Finding) string {
	text := strings.ReplaceAll(string(f.Check), "_", " ")
	if f.FitsStep != nil && f.Check != audit.OtherSeries { // a step of the other series
		text = fmt.Sprintf("fits %d", *f.FitsStep)
	}
	switch n := len(f.Tensors); {
	case n == 1:
		text += ", 1 tensor"
	case n > 1:
		text += fmt.Sprintf(", %d tensors", n)
	}
	return "(" + text + ")"
}

// Neighbours draws the distance from each checkpoint to the one before it and to the first
// one, with the steps of errors and warnings; nil when there are fewer than three checkpoints.
func Neighbours(run string, r *audit.Result) *figure.Curves {
	d := &r.Distances
	if len(d.Steps) < 3 {
		return nil
	}
	before, first := figure.Series{Name: "to the checkpoint before"}, figure.Series{Name: "to the first checkpoint"}
	faults := figure.Series{Name: "error", Points: true, Apart: true}
	warnings := figure.Series{Name: "warning", Points: true, Apart: true}
	kinds := map[int64]figure.MarkKind{}
	for _, m := range auditMarks(r.List) {
		kinds[m.Step] = m.Kind
	}
	equal := 0
	add := func(s *figure.Series, step int64, v float64) {
		if v > 0 { // equal checkpoints have no place on a logarithmic axis
			s.X, s.Y = append(s.X, float64(step)), append(s.Y, v)
		}
	}
	for i := 1; i < len(d.Steps); i++ {
		step, v := d.Steps[i], d.Values[i][i-1]
		if v == 0 {
			equal++
		}
		add(&before, step, v)
		add(&first, step, d.Values[i][0])
		switch kinds[step] {
		case figure.MarkError:
			add(&faults, step, v)
		case figure.MarkWarning:
			add(&warnings, step, v)
		}
	}
	f := &figure.Curves{Title: "Distance of each checkpoint from others", Subtitle: run, XLabel: "step", XWhole: true, XSteps: true, YLabel: auditDistance, YScale: figure.Log}
	if equal > 0 {
		f.Notes = []string{fmt.Sprintf("Checkpoints that are equal to the one before: %d. The logarithmic axis has no place "+
			"for them.", equal)}
	}
	for _, s := range []figure.Series{before, faults, first, warnings} {
		if len(s.X) > 0 {
			f.Series = append(f.Series, s)
		}
	}
	if len(f.Series) == 0 {
		return nil
	}
	return f
}
