package shard

import (
	"context"
	"slices"
	"strings"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
)

// kindOf returns the kind of a unit: its name without the words that are numbers. Units of
// the same kind, such as all cells of a grid, take about the same time.
func kindOf(unit string) string {
	words := strings.Fields(unit)
	words = slices.DeleteFunc(words, func(w string) bool {
		return strings.ContainsAny(w, "0123456789") && strings.Trim(w, "+-.0123456789eE") == ""
	})
	return strings.Join(words, " ")
}

// Kind is a group of units whose names differ only in their numbers.
type Kind struct {
	Name    string  `json:"name"`
	Units   int     `json:"units"`
	Timed   int     `json:"timed"`   // units that were evaluated to measure the time
	Seconds float64 `json:"seconds"` // mean time of a timed unit
	// Values is the largest number of values of a timed unit; 0 when no unit was timed.
	Values int `json:"values,omitempty"`
}

// Kinds counts the units of each kind. The kinds are in the order of their first units.
func Kinds(units []string) []Kind {
	var kinds []Kind
	place := make(map[string]int)
	for _, u := range units {
		name := kindOf(u)
		i, ok := place[name]
		if !ok {
			i = len(kinds)
			place[name] = i
			kinds = append(kinds, Kind{Name: name})
		}
		kinds[i].Units++
	}
	return kinds
}

// Time evaluates up to perKind units of each kind, spread over the job, to measure how long
// a unit takes; it discards the values. After the given time it starts no further unit, but
// it always finishes the first one. A kind without a timed unit gets the mean time of all
// timed units.
func Time(ctx context.Context, j job.Evaluator, perKind int, most time.Duration, progress analyze.Progress) ([]Kind,
	error,
) {
	units := Names(j)
	byKind := make(map[string][]string)
	for _, u := range units {
		byKind[kindOf(u)] = append(byKind[kindOf(u)], u)
	}
	chosen := make(map[string]bool)
	for _, list := range byKind {
		for _, i := range analyze.Spread(len(list), perKind) {
			chosen[list[i]] = true
		}
	}
	timing, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &timer{kinds: Kinds(units), last: time.Now(), until: time.Now().Add(most), cancel: cancel}
	d := job.Driver{Store: t, Progress: progress, Mine: func(unit string) bool { return chosen[unit] }}
	if err := job.Evaluate(timing, j, d); err != nil && (timing.Err() == nil || ctx.Err() != nil) {
		return nil, err
	}
	return t.result(), nil
}

// Names returns the names of a job's units in the order of evaluation.
func Names(j job.Evaluator) []string {
	var names []string
	for _, u := range j.Units() {
		names = append(names, u.Name)
	}
	return names
}

// timer is a store that measures the time between two saved units. It never has a unit, so
// the driver evaluates all chosen units.
type timer struct {
	kinds       []Kind
	last, until time.Time
	cancel      func() // ends the evaluation
}

func (*timer) Lookup(string) ([]float64, bool) { return nil, false }

// Save adds the time since the last unit to the mean of the kind, and records the number of
// values.
func (t *timer) Save(unit string, values []float64) error {
	now := time.Now()
	i := slices.IndexFunc(t.kinds, func(k Kind) bool { return k.Name == kindOf(unit) })
	k := &t.kinds[i]
	k.Seconds = (k.Seconds*float64(k.Timed) + now.Sub(t.last).Seconds()) / float64(k.Timed+1)
	k.Timed++
	k.Values = max(k.Values, len(values))
	if t.last = now; now.After(t.until) {
		t.cancel()
	}
	return nil
}

// result returns the kinds. A kind without a timed unit gets the mean time of all timed
// units.
func (t *timer) result() []Kind {
	timed, seconds := 0, 0.0
	for _, k := range t.kinds {
		timed, seconds = timed+k.Timed, seconds+k.Seconds*float64(k.Timed)
	}
	for i := range t.kinds {
		if t.kinds[i].Timed == 0 && timed > 0 {
			t.kinds[i].Seconds = seconds / float64(timed)
		}
	}
	return t.kinds
}
