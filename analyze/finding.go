package analyze

import (
	"fmt"

	"sgdwalk/record"
)

// Summary has the numbers of a result, as summary.json stores them. Every analysis exports
// its own type, with the JSON keys as tags.
type Summary interface {
	// Findings returns sentences that explain the numbers, the most important first.
	Findings() []Finding
}

// Finding is one sentence about a result. The command line, the report and the demo print
// the same sentence.
type Finding struct {
	Question Question // the question that the finding helps to answer
	Text     string   // starts with a small letter and has no full stop
}

// Question is a question that readers have about a run. The report groups findings by it.
type Question int

// The questions.
const (
	Detail     Question = iota // no question: the finding describes the result itself
	Motion                     // How far did the run walk, and how?
	Noise                      // Is that more than noise alone would do?
	Trust                      // Can the picture of the landscape be trusted?
	Barriers                   // Are there barriers?
	Curvature                  // How curved is the loss, and is the run at the edge of stability?
	Recording                  // What is recorded, and can it be repeated?
	Convergent                 // Did the training converge?
	Sound                      // Is every checkpoint what its step says?
)

// Findings collects findings in the order in which they are added.
type Findings []Finding

// Add formats a finding as fmt.Sprintf does and adds it. It ignores an empty text.
func (f *Findings) Add(q Question, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		*f = append(*f, Finding{q, text})
	}
}

// Texts returns the texts of the findings, in the same order.
func Texts(findings []Finding) []string {
	texts := make([]string, len(findings))
	for i, f := range findings {
		texts[i] = f.Text
	}
	return texts
}

// Number formats a number with four digits; an absent number gives "not measured".
func Number(o record.Optional) string {
	if !o.Valid {
		return "not measured"
	}
	return fmt.Sprintf("%.4g", o.Value)
}
