package shard

import (
	"errors"
	"math"
	"os"
	"slices"
	"testing"
)

// TestLongUnits checks that Lookup reads the values of long units from the shard's file, and
// returns none when the file was changed or removed after Merge.
func TestLongUnits(t *testing.T) {
	const units, shards = 11, 3
	p := newPlan(t, units, shards)
	names := unitsOf(units)
	of := func(i int) []float64 {
		v := make([]float64, longValues-1+i%2) // every other one is long
		for j := range v {
			v[j] = math.Exp(float64(i*j%7)) - float64(j)
		}
		return v
	}
	for shard := range shards {
		w, err := reopen(t, p).Work(shard, WorkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if w.Mine(name) {
				if err := w.Save(name, of(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	m, err := reopen(t, p).Merge(false)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := units - 1; i >= 0; i-- {
			v, ok := m.Lookup(names[i])
			if !ok || !sameBits(v, of(i)) {
				t.Errorf("%s: %d values, %v", names[i], len(v), ok)
			}
			if kept := m.values[i]; (kept == nil) != (len(v) >= longValues) {
				t.Errorf("%s: %d of %d values are in memory", names[i], len(kept), len(v))
			}
		}
	}
	path := p.shardPath(p.ShardOf(1))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := m.long[1]
	flipped := slices.Clone(b)
	flipped[at.offset+int64(at.bytes)/2] ^= 1
	for _, change := range []struct {
		what string
		err  error
	}{{"flipped", os.WriteFile(path, flipped, 0o666)}, {"cut", nil}, {"removed", nil}} {
		switch change.what {
		case "cut":
			change.err = os.Truncate(path, at.offset+10)
		case "removed":
			change.err = os.Remove(path)
		}
		if change.err != nil {
			t.Fatal(change.err)
		}
		if _, ok := m.Lookup(names[1]); ok || !m.Planned(names[1]) {
			t.Errorf("the file was %s, and %s is there", change.what, names[1])
		}
		if err := m.Save(names[1], of(1)); err == nil {
			t.Errorf("the file was %s, and %s could be saved", change.what, names[1])
		}
	}
	if _, err := reopen(t, p).Merge(false); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}
