package record

import (
	"slices"
)

// Schedule says which steps are recorded, in the grammar of [Steps]. Whatever it
// says, step 0 and the row after the last update are kept, because a trajectory
// without its ends has no displacement. The zero value keeps every step.
type Schedule struct{ steps Steps }

// ParseSchedule reads the text form; the empty string keeps every step.
func ParseSchedule(text string) (Schedule, error) {
	s, err := ParseSteps(text)
	return Schedule{s}, err
}

// Keep reports whether a step in an epoch (from 1) is kept.
func (s Schedule) Keep(step int64, epoch int32) bool {
	return step == 0 || s.steps.Contains(step, epoch)
}

// String returns the text form with the long spellings, because they are those of
// every header.json; every step is "every:1".
func (s Schedule) String() string {
	if s.IsZero() {
		return "every:1"
	}
	return s.steps.join(byStep+":", byEpoch+":")
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

// IsZero reports whether the schedule is the zero value, which keeps every step.
func (s Schedule) IsZero() bool { return s.steps.IsAll() }

func (s Schedule) clone() Schedule { return Schedule{Steps{slices.Clone(s.steps.rules)}} }
