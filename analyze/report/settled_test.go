package report

import (
	"strings"
	"testing"
)

// A change of at most 2 % counts as settled.
func TestVerdict(t *testing.T) {
	for fall, want := range map[float64]string{
		0.021: "it fell by 2.1 % and had not converged.",
		0.02:  "it changed by 2 % and had settled.", 0: "and had settled.",
		-0.02: "it changed by 2 % and had settled.", -0.021: "it rose by 2.1 % and had not settled.",
	} {
		if got := verdict("x", fall); !strings.HasPrefix(got, "x; ") || !strings.HasSuffix(got, want) {
			t.Errorf("%v: %q; want %q", fall, got, want)
		}
	}
}
