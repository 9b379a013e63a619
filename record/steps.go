package record

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Steps selects steps of a run: the rows that are recorded (see [Schedule]), the
// rows that an analysis reads, and the segments that it evaluates (segment k lies
// between iterates k and k+1; it has the step and the epoch of row k). A selection
// is a union of rules, written with a plus sign between them:
//
//	all             every step
//	A-B,C           steps A to B, both included, and step C; from 0
//	epoch:A-B,C     all steps of these epochs; from 1
//	every:K         every K-th step, from step 0
//	first:N         steps 0 to N-1
//	log:N           step 0, and N steps per decade, evenly spaced on a logarithmic scale
//
// for example "0-49", "epoch:1,10" or "first:100+every:10". The longer spellings
// "steps:A-B,C" and "epochs:A-B,C" mean the same. The zero value is all. Steps is
// a value: copy it freely, and compare its text.
type Steps struct{ rules []stepRule }

// stepRule is one rule of a selection.
type stepRule struct {
	kind   string // byStep, byEpoch, "every", "first" or "log"
	n      int64  // K or N of every, first and log
	ranges []stepRange
}

// The rules that list ranges have two spellings, see Steps.
const (
	byStep  = "steps"
	byEpoch = "epochs"
)

// stepRange is A-B, both included.
type stepRange struct{ first, last int64 }

const stepForms = "all, A-B,C, epoch:A-B,C, every:K, first:N and log:N"

// ParseSteps reads the text form; "" and "all" select every step.
func ParseSteps(text string) (Steps, error) {
	var s Steps
	if text == "" || text == "all" {
		return s, nil
	}
	for part := range strings.SplitSeq(text, "+") {
		r, err := parseStepRule(part)
		if err != nil {
			return Steps{}, fmt.Errorf("record: steps %q: %w", text, err)
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

// parseStepRule reads one rule in any of its spellings.
func parseStepRule(text string) (stepRule, error) {
	kind, value, hasKind := strings.Cut(text, ":")
	if !hasKind {
		kind, value = byStep, text
	}
	var err error
	r := stepRule{kind: kind}
	switch kind {
	case "every", "first", "log":
		if r.n, err = strconv.ParseInt(value, 10, 64); err != nil || r.n < 1 {
			return r, fmt.Errorf("%s is %q; it must be a whole number of at least 1", kind, value)
		}
	case byStep, "step":
		r.kind = byStep
		r.ranges, err = parseRanges(value, 0)
	case byEpoch, "epoch":
		r.kind = byEpoch
		r.ranges, err = parseRanges(value, 1)
	default:
		err = fmt.Errorf("%q is not a rule; allowed are %s", text, stepForms)
	}
	return r, err
}

// parseRanges reads "A-B,C", where no number is less than lowest.
func parseRanges(text string, lowest int64) ([]stepRange, error) {
	var ranges []stepRange
	for part := range strings.SplitSeq(text, ",") {
		a, b, isRange := strings.Cut(part, "-")
		if !isRange {
			b = a
		}
		first, err1 := strconv.ParseInt(a, 10, 64)
		last, err2 := strconv.ParseInt(b, 10, 64)
		if err1 != nil || err2 != nil || first < lowest || last < first {
			return nil, fmt.Errorf("%q is neither a number nor a range A-B with %d <= A <= B; allowed are %s",
				part, lowest, stepForms)
		}
		ranges = append(ranges, stepRange{first, last})
	}
	return ranges, nil
}

// IsAll reports whether every step is selected.
func (s Steps) IsAll() bool { return len(s.rules) == 0 }

// Contains reports whether a step in an epoch (from 1) is selected.
func (s Steps) Contains(step int64, epoch int32) bool {
	return s.IsAll() || slices.ContainsFunc(s.rules, func(r stepRule) bool { return r.contains(step, epoch) })
}

// Unmatched returns the text of the first rule that selects none of the rows, so
// that a caller can refuse a selection outside the recording instead of computing
// nothing. ok is false when every rule selects something.
func (s Steps) Unmatched(rows []Step) (rule string, ok bool) {
	for _, r := range s.rules {
		if !slices.ContainsFunc(rows, func(t Step) bool { return r.contains(t.Step, t.Epoch) }) {
			return r.text("", "epoch:"), true
		}
	}
	return "", false
}

// contains reports whether the rule selects a step in an epoch.
func (r stepRule) contains(step int64, epoch int32) bool {
	n := step
	switch r.kind {
	case "every":
		return step%r.n == 0
	case "first":
		return step < r.n
	case "log":
		return step == 0 || isRoundedPower(step, r.n)
	case byEpoch:
		n = int64(epoch)
	}
	return slices.ContainsFunc(r.ranges, func(s stepRange) bool { return s.first <= n && n <= s.last })
}

// isRoundedPower reports whether step is one of the rounded powers 10^(i/n). It is
// one when the power nearest to it rounds to it. Where powers are closer than one
// step apart, every step is one.
func isRoundedPower(step, n int64) bool {
	i := math.Round(math.Log10(float64(step)) * float64(n))
	return slices.ContainsFunc([]float64{i - 1, i, i + 1}, func(j float64) bool {
		return int64(math.Round(math.Pow(10, j/float64(n)))) == step
	})
}

// text returns the text form of a rule, with these words before its ranges.
func (r stepRule) text(steps, epochs string) string {
	prefix := steps
	switch r.kind {
	case byStep:
	case byEpoch:
		prefix = epochs
	default:
		return fmt.Sprintf("%s:%d", r.kind, r.n)
	}
	parts := make([]string, len(r.ranges))
	for i, s := range r.ranges {
		parts[i] = strconv.FormatInt(s.first, 10)
		if s.last != s.first {
			parts[i] += "-" + strconv.FormatInt(s.last, 10)
		}
	}
	return prefix + strings.Join(parts, ",")
}

// join returns the text form, with these words before steps and epochs.
func (s Steps) join(steps, epochs string) string {
	parts := make([]string, len(s.rules))
	for i, r := range s.rules {
		parts[i] = r.text(steps, epochs)
	}
	return strings.Join(parts, "+")
}

// String returns the shortest text form.
func (s Steps) String() string {
	if s.IsAll() {
		return "all"
	}
	return s.join("", "epoch:")
}

// MarshalText returns the text form.
func (s Steps) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form.
func (s *Steps) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSteps(string(text))
	return err
}
