package consistency

import (
	"cmp"
	"fmt"
	"slices"

	"sgdwalk/record"
)

// Code names what a violation is about.
type Code string

// The codes of violations.
const (
	Header         Code = "header"          // two numbers of the header contradict each other
	Steps          Code = "steps"           // a row is missing, or the schedule does not keep it
	Substeps       Code = "substeps"        // an inner iterate is missing, or not numbered as planned
	Epoch          Code = "epoch"           // the epoch is not that of the step
	Examples       Code = "examples"        // the batch does not have its number of examples
	Evaluations    Code = "evaluations"     // the number of evaluations is not that of the step
	LearningRate   Code = "learning_rate"   // the learning rate is not that of the header's schedule
	Missing        Code = "missing"         // a number or a vector that the header promises is absent
	Initialization Code = "initialization"  // the first theta or state is not the one that the seed gives
	Update         Code = "update"          // the next theta does not follow from theta and the gradient
	Theta          Code = "theta"           // theta of this row is wrong; the run continued from another one
	Gradient       Code = "gradient"        // the gradient is not that of the batch at theta
	OptimizerState Code = "optimizer_state" // the optimizer started again without its state
	InnerIterate   Code = "inner_iterate"   // theta or the loss of an inner iterate is not as computed again
	State          Code = "state"           // the running statistics do not follow from the previous row
	BatchLoss      Code = "batch_loss"      // the loss is not that of the batch at theta
	BatchAccuracy  Code = "batch_accuracy"  // likewise
	FullLoss       Code = "full_loss"       // the loss is not that of the training set at theta
	TestLoss       Code = "test_loss"       // the loss is not that of the held-out set at theta
	// Rounding is a number that agrees to rounding, where it should agree bit for
	// bit. Another version of the program has recorded the run.
	Rounding Code = "rounding"
)

// MaxViolations is the number of violations that a Result lists for each code.
const MaxViolations = 20

// Violation is a place where the recording contradicts itself or its header.
// Consecutive rows with the same defect are one violation.
type Violation struct {
	Code     Code   `json:"code"`
	Step     int64  `json:"step"`      // the first step
	LastStep int64  `json:"last_step"` // the last step
	Rows     int    `json:"rows"`      // rows with the defect
	Tensor   string `json:"tensor"`    // with the largest relative error at the first step; "" is the whole row
	Tensors  int    `json:"tensors"`   // tensors with the defect, 0 for the whole row
	// Value is the recorded number and Expected the one that it should be. For a
	// vector they are those of the element with the largest error. For an update
	// that is a multiple of the expected one, Value is that factor and Expected is 1.
	Value    record.Optional `json:"value"`
	Expected record.Optional `json:"expected"`
	// Relative is the largest error in the tensor, divided by the largest element
	// of the expected vector; for an update, of the expected update.
	Relative record.Optional `json:"relative_error"`
	// Ratio is the recorded update divided by the expected one, where the ratio is
	// the same, at least approximately, for all elements.
	Ratio record.Optional `json:"ratio"`
	Text  string          `json:"text"` // a sentence, without a capital letter and a full stop
}

// Note says what was not checked, or how.
type Note struct {
	About string `json:"about"` // "run", "rows", "updates" or "losses"
	Count int    `json:"count"` // updates, rows or tensors that the note is about; 0 is the whole run
	Step  int64  `json:"step"`  // the first of them
	Text  string `json:"text"`  // as in Violation
}

// Result is what Check found.
type Result struct {
	Rows      int  `json:"rows"`      // rows that were read
	Updates   int  `json:"updates"`   // updates that were compared with the rule, in every tensor
	Exact     bool `json:"exact"`     // updates were compared bit for bit
	Gradients int  `json:"gradients"` // gradients, with their batch losses, that were computed again
	Losses    int  `json:"losses"`    // losses over whole sets that were computed again
	// Violations are in the order of their steps, the first MaxViolations for each
	// code. Counts has the number of all of them.
	Violations []Violation  `json:"violations"`
	Counts     map[Code]int `json:"counts"`
	Notes      []Note       `json:"notes"`
}

// journal collects violations and notes.
type journal struct {
	open   map[Code]*event // the last event of a code, if it includes the last check of the code
	events []*event
	notes  []*note
}

// event is a violation that may continue.
type event struct {
	Violation
	dropped bool

	// Of an event of updates.
	updates   []update // the tensors, at the first step
	layout    record.Layout
	part      *part     // of the first tensor; nil for a tensor that no group has
	rates     []float64 // at the first step, for each group
	isUniform bool      // all tensors moved by the same multiple
	isVarying bool      // the ratio is not the same in all steps
	isFirst   bool      // it begins at the first step of the run
}

type note struct {
	Note
	format string
}

// check records the outcome of a check of one row. Rows that fail one after the other
// are one event.
func (j *journal) check(ok bool, code Code, s *record.Step, value, expected record.Optional, format string, args ...any) {
	if ok {
		delete(j.open, code)
		return
	}
	if e := j.open[code]; e != nil {
		e.LastStep, e.Rows = s.Step, e.Rows+1
		return
	}
	e := &event{Violation: Violation{
		Code: code, Step: s.Step, LastStep: s.Step, Rows: 1, Value: value, Expected: expected,
		Text: fmt.Sprintf(format, args...),
	}}
	j.events = append(j.events, e)
	if j.open == nil {
		j.open = make(map[Code]*event)
	}
	j.open[code] = e
}

// note adds a note about the whole run.
func (j *journal) note(about, format string, args ...any) {
	j.notes = append(j.notes, &note{Note: Note{About: about, Text: fmt.Sprintf(format, args...)}})
}

// count counts something that is not checked. format has one verb %d, for the count.
func (j *journal) count(about string, step int64, format string) {
	for _, n := range j.notes {
		if n.format == format {
			n.Count++
			return
		}
	}
	j.notes = append(j.notes, &note{Note{About: about, Count: 1, Step: step}, format})
}

// result fills in violations and notes.
func (j *journal) result(r *Result) {
	r.Violations, r.Counts, r.Notes = []Violation{}, make(map[Code]int), []Note{}
	for _, n := range j.notes {
		if n.format != "" {
			n.Text = fmt.Sprintf(n.format, n.Count) + fmt.Sprintf(" (the first at step %d)", n.Step)
		}
		r.Notes = append(r.Notes, n.Note)
	}
	slices.SortStableFunc(j.events, func(a, b *event) int { return cmp.Compare(a.Step, b.Step) })
	for _, e := range j.events {
		if e.dropped {
			continue
		}
		if r.Counts[e.Code]++; r.Counts[e.Code] > MaxViolations {
			continue
		}
		e.complete()
		if e.Rows > 1 {
			e.Text += fmt.Sprintf("; the same kind of difference in %d rows, up to step %d", e.Rows, e.LastStep)
		}
		r.Violations = append(r.Violations, e.Violation)
	}
}
