package audit

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Method says in one sentence how the numbers are made.
const Method = "Every tensor of every checkpoint is read once; equal values are found by hashes of 128 bits, and " +
	"distances between checkpoints come from a count sketch of each tensor."

// Summary has the numbers of an audit.
type Summary struct {
	Checkpoints int   `json:"checkpoints"`
	FirstStep   int64 `json:"first_step"`
	LastStep    int64 `json:"last_step"`
	Tensors     int   `json:"tensors"`
	Parameters  int   `json:"parameters"`       // elements of the parameters of one checkpoint
	Values      int64 `json:"values,omitempty"` // that were read; 0 for a recorded run
	// Sketch describes the random projections; nil for a recorded run, which needs none.
	Sketch *Sketched `json:"sketch,omitempty"`

	Faults   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Events   int       `json:"events"`
	List     []Finding `json:"findings"` // the most severe first
}

// Sketched describes the random projections.
type Sketched struct {
	Method     string `json:"method"`
	Dimensions int    `json:"dimensions"` // of the sketch of a large tensor; smaller tensors are kept whole
	// RelativeError is the standard error of a distance that comes from a sketch.
	RelativeError float64 `json:"relative_error"`
}

// summary counts.
func (s *series) summary(findings []Finding) Summary {
	out := Summary{
		Checkpoints: len(s.steps), Tensors: len(s.tracks), List: []Finding{},
		Sketch: &Sketched{"count sketch in blocks of 16", s.k, 1 / math.Sqrt(2*float64(s.k))},
	}
	if n := len(s.steps); n > 0 {
		out.FirstStep, out.LastStep = s.steps[0], s.steps[n-1]
	}
	for _, t := range s.tracks {
		if !t.isState {
			out.Parameters += t.n
		}
		for i := range t.contents {
			if c := &t.contents[i]; c.isPresent && c.problem == nil {
				out.Values += int64(c.tensor.Len())
			}
		}
	}
	out.add(findings)
	return out
}

// add adds findings, and keeps the order.
func (s *Summary) add(findings []Finding) {
	for _, f := range findings {
		switch f.Severity {
		case Fault:
			s.Faults++
		case Warning:
			s.Warnings++
		default:
			s.Events++
		}
	}
	s.List = append(s.List, findings...)
	sortFindings(s.List)
}

// Above returns how many findings are at least as severe as s.
func (s *Summary) Above(least Severity) int {
	count := 0
	for _, f := range s.List {
		if slices.Index(severities, f.Severity) >= slices.Index(severities, least) {
			count++
		}
	}
	return count
}

// Findings returns the verdict and the findings as sentences.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	f.Add(analyze.Sound, "%s", s.verdict())
	for _, x := range s.List {
		f.Add(analyze.Detail, "%s: %s", x.Severity, x.Text)
	}
	return f
}

// verdict says in one sentence whether the series is sound.
func (s *Summary) verdict() string {
	about := count(s.Checkpoints, "checkpoint")
	if s.Sketch == nil {
		about = count(s.Checkpoints, "row")
	}
	about += fmt.Sprintf(", steps %d to %d, %s", s.FirstStep, s.LastStep, count(s.Tensors, "tensor"))
	switch {
	case s.Faults+s.Warnings == 0:
		return "no fault was found in " + about
	case s.Warnings == 0:
		return count(s.Faults, "error") + " in " + about
	case s.Faults == 0:
		return count(s.Warnings, "warning") + " in " + about
	}
	return fmt.Sprintf("%s and %s in %s", count(s.Faults, "error"), count(s.Warnings, "warning"), about)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Recorded returns the summary of an audit of a recorded run, whose findings come from the checks
// of package consistency.
func Recorded(rows int, h *record.Header, first, last int64, findings []Finding) Summary {
	s := Summary{
		Checkpoints: rows, FirstStep: first, LastStep: last, Tensors: len(h.Layout), Parameters: h.Layout.Len(),
		List: []Finding{},
	}
	s.add(findings)
	return s
}
