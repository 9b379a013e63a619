package exchange

import (
	"errors"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func mustSteps(t *testing.T, text string) record.Steps {
	t.Helper()
	s, err := record.ParseSteps(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSelectSteps(t *testing.T) {
	h := recordtest.Header(3)
	rows := recordtest.Rows(h, 20, 1)
	inner := rows[10]
	inner.Substep = 1
	rows = append(append(rows[:11:11], inner), rows[11:]...) // an inner iterate of step 10
	m := memory(t, h, rows)
	for text, want := range map[string][]int{
		"every:5": {0, 5, 10, 11, 16, 21}, "3,18-19": {3, 19, 20}, "epoch:3": {21}, "first:2+9": {0, 1, 9},
	} {
		s, err := SelectSteps(m, mustSteps(t, text))
		if err != nil {
			t.Fatal(err)
		}
		var rest []record.Step
		for _, i := range want {
			rest = append(rest, rows[i])
		}
		compareRows(t, s, rest)
		for i, row := range rest {
			pieces, err := s.ThetaPieces(i)
			if err != nil || pieces.Values()[0] != row.Theta[0] {
				t.Errorf("%s: row %d: theta is not that of step %d: %v", text, i, row.Step, err)
			}
		}
	}
	if s, err := SelectSteps(m, record.Steps{}); s != record.Trajectory(m) || err != nil {
		t.Errorf("all: %v, %v", s, err)
	}
	_, err := SelectSteps(m, mustSteps(t, "every:5+30-40"))
	var option *record.OptionError
	if !errors.As(err, &option) || !strings.Contains(err.Error(), `"30-40", which selects no row; the recording has `+
		`steps 0 to 20, epochs 1 to 3`) {
		t.Errorf("a rule outside the recording: %v", err)
	}
	if _, err := SelectSteps(memory(t, h, nil), mustSteps(t, "first:1")); err == nil {
		t.Error("a selection of a recording without rows is not refused")
	}
	if _, err := SelectSteps(damaged{m}, mustSteps(t, "every:2")); !errors.Is(err, errDamaged) {
		t.Errorf("a damaged row: %v", err)
	}
}
