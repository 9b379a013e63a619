package analyze_test

import (
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

func TestSegments(t *testing.T) {
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
		s, err := analyze.ParseSegments(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != c.canonical {
			t.Errorf("%q prints as %q, want %q", c.text, s, c.canonical)
		}
		again, err := analyze.ParseSegments(s.String())
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

func TestParseSegmentsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"x":       `analyze: segments "x": "x" is no number and no range A-B with 0 <= A <= B`,
		"5-3":     `analyze: segments "5-3": "5-3" is no number and no range A-B with 0 <= A <= B`,
		"-3":      `analyze: segments "-3": "-3" is no number and no range A-B with 0 <= A <= B`,
		"epoch:0": `analyze: segments "epoch:0": "0" is no number and no range A-B with 1 <= A <= B`,
		"every:0": `analyze: segments "every:0": every is "0"; it must be a whole number of at least 1`,
		"foo:1":   `analyze: segments "foo:1": "foo:1" is no selection; allowed are all, A-B,C, epoch:A-B,C, every:K, first:N and log:N`,
		"1+":      `analyze: segments "1+": "" is no number and no range A-B with 0 <= A <= B`,
	} {
		if _, err := analyze.ParseSegments(text); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestSegmentsUnmatched(t *testing.T) {
	rows := []record.Step{{Step: 0, Epoch: 1}, {Step: 1, Epoch: 1}, {Step: 2, Epoch: 2}}
	s, err := analyze.ParseSegments("0-1+epoch:3")
	if err != nil {
		t.Fatal(err)
	}
	if rule, ok := s.Unmatched(rows); !ok || rule != "epoch:3" {
		t.Errorf("got %q, %v", rule, ok)
	}
	if rule, ok := (analyze.Segments{}).Unmatched(nil); ok {
		t.Errorf("all is unmatched by %q", rule)
	}
}
