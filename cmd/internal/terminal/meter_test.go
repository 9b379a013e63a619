package terminal

import (
	"strings"
	"testing"
	"time"
)

// TestLines: for another program a phase begins with a line, and a line follows every
// 200 ms; otherwise every 5 s.
func TestLines(t *testing.T) {
	for lines, want := range map[bool]string{
		true:  "grid: 0/4\ngrid: 2/4 (50 %), 6.67/s, ETA 0s\n",
		false: "",
	} {
		var out strings.Builder
		m := NewMeter(&out, false, lines)
		now := time.Unix(0, 0)
		m.now = func() time.Time { return now }
		m.Begin("grid", 4)
		for range 3 {
			now = now.Add(150 * time.Millisecond)
			m.Add(1)
		}
		m.End()
		if out.String() != want {
			t.Errorf("lines %v: %q, want %q", lines, out.String(), want)
		}
	}
}
