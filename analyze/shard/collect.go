package shard

import (
	"slices"
	"strings"
	"time"

	"sgdwalk/analyze"
)

// Collector is a store that has an analysis compute nothing and notes which units
// it asks for. Those that depend on the values of others (a refinement) are not
// asked for; a merge computes them.
type Collector struct {
	names []string
	seen  map[string]bool
}

var _ analyze.Part = (*Collector)(nil)

// NewCollector returns one without names.
func NewCollector() *Collector { return &Collector{seen: make(map[string]bool)} }

// Lookup finds nothing.
func (*Collector) Lookup(string) ([]float64, bool) { return nil, false }

// Save does nothing.
func (*Collector) Save(string, []float64) error { return nil }

// Elsewhere notes the unit.
func (c *Collector) Elsewhere(unit string) bool {
	if !c.seen[unit] {
		c.seen[unit] = true
		c.names = append(c.names, unit)
	}
	return true
}

// Names returns the units in the order in which they were first asked for.
func (c *Collector) Names() []string { return c.names }

// kindOf is a unit's name without its numbers.
func kindOf(unit string) string {
	words := strings.Fields(unit)
	words = slices.DeleteFunc(words, func(w string) bool {
		return strings.ContainsAny(w, "0123456789") && strings.Trim(w, "+-.0123456789eE") == ""
	})
	return strings.Join(words, " ")
}

// Kind is the units of one kind: those whose names differ in numbers alone.
type Kind struct {
	Name    string  `json:"name"`
	Units   int     `json:"units"`
	Timed   int     `json:"timed"`   // of them, how many were computed to see how long they take
	Seconds float64 `json:"seconds"` // mean time of one of those
	// Values is how many values one of those had, where that is known.
	Values int `json:"values,omitempty"`
}

// Kinds counts the units of each kind.
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

// Timer is a store that has an analysis compute a few units of each kind, and sees
// how long they take.
type Timer struct {
	chosen map[string]bool
	until  time.Time
	last   time.Time // when the analysis began with the unit that comes
	kinds  []Kind
}

var _ analyze.Part = (*Timer)(nil)

// NewTimer returns one that takes up to perKind units of each kind, spread over
// the list, and no further ones after the given time.
func NewTimer(units []string, perKind int, most time.Duration) *Timer {
	t := &Timer{chosen: make(map[string]bool), until: time.Now().Add(most), kinds: Kinds(units)}
	byKind := make(map[string][]string)
	for _, u := range units {
		k := kindOf(u)
		byKind[k] = append(byKind[k], u)
	}
	for _, list := range byKind {
		for _, i := range analyze.Spread(len(list), perKind) {
			t.chosen[list[i]] = true
		}
	}
	return t
}

// Lookup finds nothing.
func (*Timer) Lookup(string) ([]float64, bool) { return nil, false }

// Elsewhere starts the clock at the first of the chosen units.
func (t *Timer) Elsewhere(unit string) bool {
	now := time.Now()
	if !t.chosen[unit] || now.After(t.until) {
		return true
	}
	if t.last.IsZero() {
		t.last = now
	}
	return false
}

// Save takes the time, and notes how much is to be kept.
func (t *Timer) Save(unit string, values []float64) error {
	if !t.chosen[unit] {
		return nil
	}
	now := time.Now()
	name := kindOf(unit)
	for i := range t.kinds {
		if k := &t.kinds[i]; k.Name == name {
			k.Seconds = (k.Seconds*float64(k.Timed) + now.Sub(t.last).Seconds()) / float64(k.Timed+1)
			k.Timed++
			k.Values = max(k.Values, len(values))
		}
	}
	t.last = now
	return nil
}

// Kinds returns the kinds with their times. A kind of which none was computed has
// the mean of the others.
func (t *Timer) Kinds() []Kind {
	timed, seconds := 0, 0.0
	for _, k := range t.kinds {
		timed, seconds = timed+k.Timed, seconds+k.Seconds*float64(k.Timed)
	}
	kinds := slices.Clone(t.kinds)
	for i := range kinds {
		if kinds[i].Timed == 0 && timed > 0 {
			kinds[i].Seconds = seconds / float64(timed)
		}
	}
	return kinds
}
