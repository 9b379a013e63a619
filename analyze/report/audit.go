package report

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/audit"
)

// maxSentences is the number of findings of an audit that the section has as sentences; the
// tables have all of them.
const maxSentences = 5

// auditSection has the verdict and the most severe findings as sentences, and a table of the
// findings of each severity. Events are folded, because they are no faults.
func auditSection(a *audit.Summary, s *section) {
	if len(s.Points) > 1+maxSentences {
		more := len(s.Points) - 1 - maxSentences
		s.Points = append(s.Points[:1+maxSentences:1+maxSentences],
			fmt.Sprintf("The tables below have %s more findings.", count(more)))
	}
	series, rows := pairs("The series"), "checkpoints"
	if a.Sketch == nil {
		series, rows = pairs("The run"), "rows"
	}
	series.add(rows, count(a.Checkpoints))
	series.add("first step", count(a.FirstStep))
	series.add("last step", count(a.LastStep))
	series.add("tensors", count(a.Tensors))
	series.add("parameters", count(a.Parameters))
	if a.Sketch != nil {
		k := a.Sketch.Dimensions
		series.add("values that were read", count(a.Values))
		series.add("dimensions of the projection of a large tensor", count(k))
		series.add("standard error of a distance", analyze.Percent(a.Sketch.RelativeError))
	}
	s.Tables = []table{
		findingTable("Errors", a.List, audit.Fault),
		findingTable("Warnings", a.List, audit.Warning),
		findingTable("Events, which are no faults", a.List, audit.Event),
		series,
	}
	s.Tables[2].Folded = true
	s.Reading = []string{
		"An error means that a checkpoint is not what its step says, or that it cannot be used. A warning is unusual and " +
			"probably not intended. An event is a part of the training, such as a restart.",
		"The tables have the measured number on which a finding rests, and the number that is expected in a sound series.",
		"An audit without findings does not prove that the series is right. It finds only what contradicts the rest of " +
			"the series: it cannot see a change that all checkpoints share.",
	}
	if a.Sketch != nil {
		s.read("Both axes of the matrix are the checkpoints in order, evenly spaced. Away from the diagonal the distances "+
			"grow. A checkpoint with the values of another step is a line across the matrix, and the line is dark at the "+
			"step where the values fit. A black tile off the diagonal stands for two equal checkpoints.",
			"A sharp corner on the diagonal is a step at which another training begins, or at which tensors were "+
				"initialized again. A learning-rate schedule changes the distances gradually.")
	}
}

// findingTable returns the findings of a severity as a table.
func findingTable(caption string, list []audit.Finding, severity audit.Severity) table {
	t := newTable(caption, "step", "finding", "measured", "expected", "tensors", "file")
	total := 0
	for i := range list {
		f := &list[i]
		if f.Severity != severity {
			continue
		}
		if total++; total > maxRows {
			continue
		}
		step := "all"
		if f.Step >= 0 {
			step = strconv.FormatInt(f.Step, 10)
		}
		t.add(step, sentence(f.Text), optional(f.Value), optional(f.Expected), someOf(f.Tensors), shortPath(f.File))
	}
	t.Caption += fmt.Sprintf(" (%s)", count(total))
	t.dropEmpty()
	if total > maxRows {
		t.Note = fmt.Sprintf("These are the first %s of %s rows; findings.csv has all of them.", count(maxRows), count(total))
	}
	return t
}

// someOf lists the first names of tensors.
func someOf(names []string) string {
	const most = 3
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// shortPath returns the file with its folder. The folders above say where the reader's files
// are, which the page keeps to itself.
func shortPath(file string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	dir, name := path.Split(path.Clean(file))
	if file == "" {
		return ""
	}
	return strings.TrimPrefix(path.Join(path.Base(dir), name), "./")
}
