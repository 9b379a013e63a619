package record

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Schedule says which steps are kept. It is a union of rules, written with a
// plus sign between them:
//
//	every:K         every K-th step, from step 0
//	first:N         steps 0 to N-1
//	log:N           N steps per decade, evenly spaced on a logarithmic scale
//	steps:A-B,C     steps A to B, both included, and step C; from 0
//	epochs:A-B,C    all steps of these epochs, from 1
//
// for example "first:100+every:10" or "epochs:1,10,25,100". Whatever it says,
// step 0 and the row after the last update are kept. The zero value keeps every
// step. A Schedule is a value: share it, compare its text.
type Schedule struct{ rules []rule }

type rule struct {
	kind   string
	n      int64
	ranges []span
}

type span struct{ first, last int64 }

// ParseSchedule reads the text form; the empty string is every step.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	if text == "" {
		return s, nil
	}
	for part := range strings.SplitSeq(text, "+") {
		r, err := parseRule(part)
		if err != nil {
			return Schedule{}, fmt.Errorf("record: schedule %q: %w", text, err)
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

func parseRule(text string) (rule, error) {
	kind, value, ok := strings.Cut(text, ":")
	r := rule{kind: kind}
	if !ok {
		return r, fmt.Errorf("%q is no rule; allowed are every:K, first:N, log:N, steps:A-B,C and epochs:A-B,C", text)
	}
	switch kind {
	case "every", "first", "log":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 {
			return r, fmt.Errorf("%s is %q; it must be a whole number of at least 1", kind, value)
		}
		r.n = n
	case "steps", "epochs":
		lowest := int64(0)
		if kind == "epochs" {
			lowest = 1
		}
		for part := range strings.SplitSeq(value, ",") {
			a, b, isRange := strings.Cut(part, "-")
			if !isRange {
				b = a
			}
			first, err1 := strconv.ParseInt(a, 10, 64)
			last, err2 := strconv.ParseInt(b, 10, 64)
			if err1 != nil || err2 != nil || first < lowest || last < first {
				return r, fmt.Errorf("%s has %q; it must be a number or a range A-B with %d <= A <= B", kind, part, lowest)
			}
			r.ranges = append(r.ranges, span{first, last})
		}
	default:
		return r, fmt.Errorf("%q is no rule; allowed are every:K, first:N, log:N, steps:A-B,C and epochs:A-B,C", kind)
	}
	return r, nil
}

// Keep reports whether the step of that number in that epoch (from 1) is kept.
func (s Schedule) Keep(step int64, epoch int32) bool {
	if len(s.rules) == 0 || step == 0 {
		return true
	}
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.keep(step, int64(epoch)) })
}

func (r rule) keep(step, epoch int64) bool {
	switch r.kind {
	case "every":
		return step%r.n == 0
	case "first":
		return step < r.n
	case "log":
		// The kept steps are the rounded powers 10^(i/n): step is one of them when
		// the power nearest to it rounds to it. Where powers are closer than one
		// step apart, every step is kept.
		i := math.Round(math.Log10(float64(step)) * float64(r.n))
		for _, j := range []float64{i - 1, i, i + 1} {
			if int64(math.Round(math.Pow(10, j/float64(r.n)))) == step {
				return true
			}
		}
		return false
	case "steps":
		return contains(r.ranges, step)
	default:
		return contains(r.ranges, epoch)
	}
}

func contains(ranges []span, n int64) bool {
	return slices.ContainsFunc(ranges, func(s span) bool { return s.first <= n && n <= s.last })
}

// String returns the text form; every step is "every:1".
func (s Schedule) String() string {
	if len(s.rules) == 0 {
		return "every:1"
	}
	parts := make([]string, len(s.rules))
	for i, r := range s.rules {
		if r.ranges == nil {
			parts[i] = fmt.Sprintf("%s:%d", r.kind, r.n)
			continue
		}
		spans := make([]string, len(r.ranges))
		for j, p := range r.ranges {
			spans[j] = strconv.FormatInt(p.first, 10)
			if p.last != p.first {
				spans[j] += "-" + strconv.FormatInt(p.last, 10)
			}
		}
		parts[i] = r.kind + ":" + strings.Join(spans, ",")
	}
	return strings.Join(parts, "+")
}

// Equal reports whether both schedules have the same text form.
func (s Schedule) Equal(o Schedule) bool { return s.String() == o.String() }

// MarshalText returns the text form.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form.
func (s *Schedule) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSchedule(string(text))
	return err
}

// IsZero reports whether nothing was said: every step.
func (s Schedule) IsZero() bool { return len(s.rules) == 0 }

func (s Schedule) clone() Schedule { return Schedule{rules: slices.Clone(s.rules)} }
