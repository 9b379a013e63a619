package report

import (
	"strings"
	"testing"
)

// A fall or a rise of more than 2 % is one.
func TestVerdict(t *testing.T) {
	for fall, want := range map[float64]string{
		0.021: "it fell by 2.1 %: it had not converged.", 0.02: "it changed by 2 %: it had settled.", 0: "it had settled.",
		-0.02: "it changed by 2 %: it had settled.", -0.021: "it rose by 2.1 %: it had not settled.",
	} {
		if got := verdict("x", fall); !strings.HasPrefix(got, "x, ") || !strings.HasSuffix(got, want) {
			t.Errorf("%v: %q; want %q", fall, got, want)
		}
	}
}
