package analyze

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/record"
)

// Segments says which segments of a recording an analysis looks at. Segment k is
// the piece between iterate k and iterate k+1; it has the step and the epoch of
// row k. A selection is a union of rules with a plus sign between them:
//
//	all             every segment
//	A-B,C           segments of steps A to B, both included, and C; from 0
//	epoch:A-B,C     all segments of these epochs, from 1
//	every:K, first:N, log:N   as in record.Schedule
//
// for example "0-49", "epoch:1,10" or "first:10+epoch:25". "steps:" before a
// range and "epochs:" are understood too. The zero value is all. A Segments is a
// value: share it, compare its text.
type Segments struct{ rules []segmentRule }

// segmentRule is either spans of steps or epochs, or a schedule. Schedules keep
// step 0 whatever they say; for the spans that would be wrong, so they are kept
// here. Every rule that is left to the schedule has step 0 in it anyway.
type segmentRule struct {
	text   string
	epochs bool
	spans  [][2]int64
	other  record.Schedule
}

// ParseSegments reads the text form; the empty string is all.
func ParseSegments(text string) (Segments, error) {
	var s Segments
	if text == "" || text == "all" {
		return s, nil
	}
	for part := range strings.SplitSeq(text, "+") {
		r, err := parseSegmentRule(part)
		if err != nil {
			return Segments{}, fmt.Errorf("analyze: segments %q: %w", text, err)
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

func parseSegmentRule(text string) (segmentRule, error) {
	kind, value, ok := strings.Cut(text, ":")
	if !ok {
		kind, value = "steps", text
	}
	switch kind {
	case "steps", "step":
		spans, err := parseSpans(value, 0)
		return segmentRule{text: value, spans: spans}, err
	case "epochs", "epoch":
		spans, err := parseSpans(value, 1)
		return segmentRule{text: "epoch:" + value, epochs: true, spans: spans}, err
	case "every", "first", "log":
		schedule, err := record.ParseSchedule(text)
		if err != nil {
			return segmentRule{}, fmt.Errorf("%s is %q; it must be a whole number of at least 1", kind, value)
		}
		return segmentRule{text: schedule.String(), other: schedule}, nil
	}
	return segmentRule{}, fmt.Errorf("%q is no selection; allowed are all, A-B,C, epoch:A-B,C, every:K, first:N and log:N", text)
}

func parseSpans(text string, lowest int64) ([][2]int64, error) {
	var spans [][2]int64
	for part := range strings.SplitSeq(text, ",") {
		a, b, isRange := strings.Cut(part, "-")
		if !isRange {
			b = a
		}
		first, err1 := strconv.ParseInt(a, 10, 64)
		last, err2 := strconv.ParseInt(b, 10, 64)
		if err1 != nil || err2 != nil || first < lowest || last < first {
			return nil, fmt.Errorf("%q is no number and no range A-B with %d <= A <= B", part, lowest)
		}
		spans = append(spans, [2]int64{first, last})
	}
	return spans, nil
}

// IsAll reports whether every segment is selected.
func (s Segments) IsAll() bool { return len(s.rules) == 0 }

// Contains reports whether the segment that starts at that step, in that epoch
// (from 1), is selected.
func (s Segments) Contains(step int64, epoch int32) bool {
	return s.IsAll() || slices.ContainsFunc(s.rules, func(r segmentRule) bool { return r.contains(step, epoch) })
}

// Unmatched returns the text of the first rule that selects none of the given
// segments, so that a selection outside a recording is an error and not an empty
// result. ok is false when every rule selects something.
func (s Segments) Unmatched(segments []record.Step) (rule string, ok bool) {
	for _, r := range s.rules {
		if !slices.ContainsFunc(segments, func(t record.Step) bool { return r.contains(t.Step, t.Epoch) }) {
			return r.text, true
		}
	}
	return "", false
}

func (r segmentRule) contains(step int64, epoch int32) bool {
	if r.spans == nil {
		return r.other.Keep(step, epoch)
	}
	n := step
	if r.epochs {
		n = int64(epoch)
	}
	return slices.ContainsFunc(r.spans, func(s [2]int64) bool { return s[0] <= n && n <= s[1] })
}

// String returns the text form.
func (s Segments) String() string {
	if s.IsAll() {
		return "all"
	}
	parts := make([]string, len(s.rules))
	for i, r := range s.rules {
		parts[i] = r.text
	}
	return strings.Join(parts, "+")
}

// MarshalText returns the text form.
func (s Segments) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form.
func (s *Segments) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSegments(string(text))
	return err
}
