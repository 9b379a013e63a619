// Package jobtest checks that the result of a job does not depend on how its evaluation is
// divided or interrupted.
package jobtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/shard"
	"sgdwalk/record"
)

// Check runs a job in one process, in shards with a merge, and with an interruption after
// several numbers of units. It reports an error unless all results have the same bytes.
// newJob returns a new job of the same analysis in every call; encode returns the numbers of
// a result, see Encode.
func Check[R any](t *testing.T, newJob func() job.Job[R], encode func(R) []byte) {
	t.Helper()
	units := newJob().Units()
	for i, u := range units {
		other := slices.IndexFunc(units, func(v job.Unit) bool { return v.Name == u.Name })
		if u.Name == "" || strings.Contains(u.Name, "\n") || other != i {
			t.Fatalf("unit %d of %d is named %q, like unit %d; names must be unique and on one line", i, len(units),
				u.Name, other)
		}
	}
	want := run(t, "in one process", newJob, encode, job.Driver{})
	for _, shards := range []int{1, 3} {
		inShards(t, newJob, encode, shards, want)
	}
	for _, after := range analyze.Spread(len(units)+1, 6) {
		s := store{}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := job.Run(ctx, newJob(), job.Driver{Store: &stopping{s, after, cancel}})
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted after %d units: %v", after, err)
		}
		kept := len(s)
		same(t, fmt.Sprintf("interrupted after %d units and resumed", after), run(t, "resumed", newJob, encode,
			job.Driver{Store: s}), want)
		if kept < min(after, len(units)) {
			t.Errorf("interrupted after %d units: %d are in the store", after, kept)
		}
	}
	half := job.Driver{Preview: true, Mine: func(unit string) bool { return len(unit)%2 == 0 && unit != units[0].Name }}
	if _, err := job.Run(t.Context(), newJob(), half); err != nil && !errors.Is(err, job.ErrIncomplete) {
		t.Errorf("a preview of some units: %v; want a result or %v", err, job.ErrIncomplete)
	}
}

// run returns the result of a new job.
func run[R any](t *testing.T, how string, newJob func() job.Job[R], encode func(R) []byte, d job.Driver) []byte {
	t.Helper()
	r, err := job.Run(t.Context(), newJob(), d)
	if err != nil {
		t.Fatalf("%s: %v", how, err)
	}
	return encode(r)
}

// same compares a result with the result of one process.
func same(t *testing.T, how string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the result is\n%s\nwant the result of one process\n%s", how, got, want)
	}
}

// inShards evaluates the shards of a plan from the last to the first, and merges them.
func inShards[R any](t *testing.T, newJob func() job.Job[R], encode func(R) []byte, shards int, want []byte) {
	t.Helper()
	p := &shard.Plan{Analysis: "test", Shards: shards}
	if err := shard.Create(t.TempDir(), p, shard.Names(newJob())); err != nil {
		t.Fatal(err)
	}
	for i := shards - 1; i >= 0; i-- {
		w, err := p.Work(i, shard.WorkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err = job.Evaluate(t.Context(), newJob(), job.Driver{Store: w, Mine: w.Mine}); err == nil {
			err = w.Finish()
		}
		if err != nil {
			t.Fatalf("shard %d of %d: %v", i, shards, err)
		}
	}
	m, err := p.Merge(false)
	if err != nil {
		t.Fatal(err)
	}
	how := fmt.Sprintf("in %d shards", shards)
	same(t, how, run(t, how, newJob, encode, job.Driver{
		Store: m,
		Mine:  func(unit string) bool { return !m.Planned(unit) },
	}), want)
}

// store keeps units in memory and refuses to keep one twice.
type store map[string][]float64

func (s store) Lookup(unit string) ([]float64, bool) { v, ok := s[unit]; return v, ok }

func (s store) Save(unit string, values []float64) error {
	if _, ok := s[unit]; ok {
		return fmt.Errorf("%s is evaluated again", unit)
	}
	s[unit] = slices.Clone(values)
	return nil
}

// stopping is a store that interrupts the job after a number of units.
type stopping struct {
	store
	left int    // units until the interruption
	stop func() // cancels the context of the job
}

func (s *stopping) Save(unit string, values []float64) error {
	if s.left == 0 {
		s.stop()
		return context.Canceled
	}
	if s.left--; s.left == 0 {
		s.stop()
	}
	return s.store.Save(unit, values)
}

// Encode returns the numbers of tables as CSV and the summary as JSON.
func Encode(summary any, tables ...*record.Table) []byte {
	var b bytes.Buffer
	for _, t := range tables {
		if err := t.WriteCSV(&b); err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	text, err := json.Marshal(summary)
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	b.Write(text)
	return b.Bytes()
}
