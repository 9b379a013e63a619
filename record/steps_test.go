package record_test

import (
	"testing"

	"sgdwalk/record"
)

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		text      string
		canonical string
		yes, no   [][2]int64 // step, epoch
	}{
		{"", "all", [][2]int64{{0, 1}, {7, 2}}, nil},
		{"all", "all", [][2]int64{{0, 1}, {7, 2}}, nil},
		{"0-49", "0-49", [][2]int64{{0, 1}, {49, 1}}, [][2]int64{{50, 1}}},
		{"steps:3,5-6", "3,5-6", [][2]int64{{3, 1}, {5, 1}, {6, 1}}, [][2]int64{{0, 1}, {4, 1}, {7, 1}}},
		{"epoch:2,10", "epoch:2,10", [][2]int64{{20, 2}, {90, 10}}, [][2]int64{{0, 1}, {30, 3}}},
		{"epochs:2-3", "epoch:2-3", [][2]int64{{20, 2}, {30, 3}}, [][2]int64{{0, 1}, {40, 4}}},
		{"every:5", "every:5", [][2]int64{{0, 1}, {5, 1}}, [][2]int64{{1, 1}}},
		{"5-6+epoch:9", "5-6+epoch:9", [][2]int64{{5, 1}, {80, 9}}, [][2]int64{{0, 1}, {7, 1}}},
	} {
		s, err := record.ParseSteps(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != c.canonical {
			t.Errorf("%q prints as %q, want %q", c.text, s, c.canonical)
		}
		again, err := record.ParseSteps(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q reads back as %q: %v", s, again, err)
		}
		for _, k := range c.yes {
			if !s.Contains(k[0], int32(k[1])) {
				t.Errorf("%q does not contain step %d of epoch %d", c.text, k[0], k[1])
			}
		}
		for _, k := range c.no {
			if s.Contains(k[0], int32(k[1])) {
				t.Errorf("%q contains step %d of epoch %d", c.text, k[0], k[1])
			}
		}
	}
}

func TestParseStepsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"x": `record: steps "x": "x" is neither a number nor a range A-B with 0 <= A <= B; allowed are all, ` +
			`A-B,C, epoch:A-B,C, every:K, first:N and log:N`,
		"5-3": `record: steps "5-3": "5-3" is neither a number nor a range A-B with 0 <= A <= B; allowed are ` +
			`all, A-B,C, epoch:A-B,C, every:K, first:N and log:N`,
		"-3": `record: steps "-3": "-3" is neither a number nor a range A-B with 0 <= A <= B; allowed are all, ` +
			`A-B,C, epoch:A-B,C, every:K, first:N and log:N`,
		"epoch:0": `record: steps "epoch:0": "0" is neither a number nor a range A-B with 1 <= A <= B; allowed are ` +
			`all, A-B,C, epoch:A-B,C, every:K, first:N and log:N`,
		"every:0": `record: steps "every:0": every is "0"; it must be a whole number of at least 1`,
		"foo:1": `record: steps "foo:1": "foo:1" is not a rule; allowed are all, A-B,C, epoch:A-B,C, every:K, ` +
			`first:N and log:N`,
		"1+": `record: steps "1+": "" is neither a number nor a range A-B with 0 <= A <= B; allowed are all, A-B,C, ` +
			`epoch:A-B,C, every:K, first:N and log:N`,
	} {
		if _, err := record.ParseSteps(text); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestStepsUnmatched(t *testing.T) {
	rows := []record.Step{{Step: 0, Epoch: 1}, {Step: 1, Epoch: 1}, {Step: 2, Epoch: 2}}
	s, err := record.ParseSteps("0-1+epoch:3")
	if err != nil {
		t.Fatal(err)
	}
	if rule, ok := s.Unmatched(rows); !ok || rule != "epoch:3" {
		t.Errorf("got %q, %v", rule, ok)
	}
	if rule, ok := (record.Steps{}).Unmatched(nil); ok {
		t.Errorf("all is unmatched by %q", rule)
	}
}
