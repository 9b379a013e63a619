package analyze

import (
	"fmt"

	"sgdwalk/record"
)

// Summary is the numbers of a result, as summary.json has them. Every analysis exports
// its own type, with the JSON keys as tags.
type Summary interface {
	// Findings returns what the numbers say, the most important first.
	Findings() []Finding
}

// Finding is one sentence about a result. The command line, the report and the demo print
// the same one.
type Finding struct {
	Question Question // that the finding helps to answer
	Text     string   // without a capital letter at its start and without a full stop
}

// Question is what a reader asks about a run.
type Question int

// The questions.
const (
	Detail     Question = iota // none: the finding describes the result itself
	Motion                     // How far did the run walk, and how?
	Noise                      // Is that more than noise alone would do?
	Trust                      // Can the picture of the landscape be trusted?
	Barriers                   // Are there barriers?
	Curvature                  // How curved is the loss, and is the run at the edge of stability?
	Recording                  // What is recorded, and can it be repeated?
	Convergent                 // Did the training converge?
)

// Findings collects findings in the order in which they are added.
type Findings []Finding

// Add adds a finding; one whose text is empty is left out.
func (f *Findings) Add(q Question, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		*f = append(*f, Finding{q, text})
	}
}

// Texts returns the sentences.
func Texts(findings []Finding) []string {
	texts := make([]string, len(findings))
	for i, f := range findings {
		texts[i] = f.Text
	}
	return texts
}

// Number writes a number with four digits for a reader, or that it was not measured.
func Number(o record.Optional) string {
	if !o.Valid {
		return "not measured"
	}
	return fmt.Sprintf("%.4g", o.Value)
}
