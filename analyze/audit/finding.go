package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/record"
)

// Severity says what a finding means for the user.
type Severity string

// The severities, from the least to the most severe.
const (
	Event   Severity = "event"   // part of the training, not a fault: a restart, a tensor initialized again
	Warning Severity = "warning" // unusual, and probably not intended
	Fault   Severity = "error"   // the checkpoint is not what its step says, or cannot be used
)

var severities = []Severity{Event, Warning, Fault}

// Finding is one fact about the series.
type Finding struct {
	Check    Check    `json:"check"`
	Severity Severity `json:"severity"`
	// Step is the step of the checkpoint; -1 when the finding is about the whole series.
	Step int64 `json:"step"`
	// Steps are all steps, when the finding is about several.
	Steps []int64 `json:"steps,omitempty"`
	// Tensors are the names; empty when the finding is about the whole checkpoint.
	Tensors []string `json:"tensors,omitempty"`
	File    string   `json:"file,omitempty"` // path of the file or the shard
	// FitsStep is the step to which the values belong, where that is known.
	FitsStep *int64 `json:"fits_step,omitempty"`
	// OrSteps are further steps to which the values may belong: distances do not tell.
	OrSteps []int64 `json:"or_steps,omitempty"`
	// Value is the number on which the finding rests, and Expected what it would be in a
	// sound series; absent where the finding has no number.
	Value    record.Optional `json:"value"`
	Expected record.Optional `json:"expected"`
	Text     string          `json:"text"` // one sentence, without a full stop
}

// Check names the kind of a finding.
type Check string

// The checks.
const (
	Unreadable        Check = "unreadable"          // a checkpoint or a tensor cannot be read
	Changed           Check = "changed"             // the values changed since the last audit, and the file's time did not
	RepeatedStep      Check = "repeated_step"       // two checkpoints have the same step
	MetadataStep      Check = "metadata_step"       // the metadata have another step than the name
	MissingStep       Check = "missing_step"        // a step of a regular grid is missing
	SameCheckpoint    Check = "same_checkpoint"     // the same parameters under two steps
	SameTensor        Check = "same_tensor"         // the same tensor or shard under two steps
	OtherStep         Check = "other_step"          // the values fit another step better than their own
	Outlier           Check = "outlier"             // the values fit no step of the series
	WrongOrder        Check = "wrong_order"         // steps are exchanged or reversed
	NotAncestor       Check = "not_ancestor"        // the first checkpoint is not the start of the others
	OtherBranch       Check = "other_branch"        // from a step on, the checkpoints are of another training
	OtherSeries       Check = "other_series"        // the values belong to the series of --against
	Frozen            Check = "frozen"              // a tensor never changes
	Stopped           Check = "stopped"             // a tensor stops changing
	Zero              Check = "zero"                // a tensor became zero
	Constant          Check = "constant"            // all elements of a tensor became equal
	NotFinite         Check = "not_finite"          // NaN or infinite elements
	Rounded           Check = "rounded"             // values of some steps were rounded to fewer bits
	OtherType         Check = "other_type"          // another element type than in most steps
	OtherShape        Check = "other_shape"         // another shape
	OtherTensors      Check = "other_tensors"       // a tensor is missing or extra
	OtherOrder        Check = "other_order"         // the file has the tensors in another order
	OtherTies         Check = "other_ties"          // other tensors share their values
	Reinitialized     Check = "reinitialized"       // a tensor jumped to independent values and trained on
	Faster            Check = "faster"              // the walk became several times faster
	NoFirstUpdate     Check = "no_first_update"     // the first update changed nothing
	UndecidedOrder    Check = "undecided_order"     // distances cannot tell the order of the steps
	TooFewCheckpoints Check = "too_few_checkpoints" // too few checkpoints for the checks that need distances
)

// some returns a present number.
func some(v float64) record.Optional { return record.Some(v) }

// sortFindings sorts by severity, then by step and check, so that the same series gives the same
// report.
func sortFindings(f []Finding) {
	slices.SortStableFunc(f, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, b.Severity), slices.Index(severities, a.Severity)),
			cmp.Compare(a.Step, b.Step), cmp.Compare(a.Check, b.Check), cmp.Compare(a.File, b.File),
		)
	})
}

// listSteps writes steps for a reader, at most eight of them.
func listSteps(steps []int64) string {
	const most = 8
	words := make([]string, 0, most)
	for _, s := range steps[:min(most, len(steps))] {
		words = append(words, fmt.Sprint(s))
	}
	if n := len(steps) - most; n > 0 {
		return strings.Join(words, ", ") + fmt.Sprintf(" and %d more", n)
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// listTensors writes names for a reader, at most three of them.
func listTensors(names []string) string {
	const most = 3
	words := make([]string, 0, most)
	for _, n := range names[:min(most, len(names))] {
		words = append(words, fmt.Sprintf("%.100q", n))
	}
	text := strings.Join(words, ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if len(names) == 1 {
		return "tensor " + text
	}
	return fmt.Sprintf("%d tensors (%s)", len(names), text)
}

// withVerb writes names for a reader, with the form of a verb for one and for many tensors.
func withVerb(names []string, one, many string) string {
	if len(names) == 1 {
		return listTensors(names) + " " + one
	}
	return listTensors(names) + " " + many
}
