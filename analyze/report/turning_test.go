package report

import (
	"math"
	"strings"
	"testing"
)

func TestTurning(t *testing.T) {
	for below, want := range map[float64]string{
		0: "point the same way", math.Nextafter(0.5, 0): "point the same way", 0.5: "as often as not",
		math.Nextafter(0.5, 1): "turn back on one another more often than not", 1: "turn back on one another more often than not",
	} {
		if got := turning(below); !strings.Contains(got, want) {
			t.Errorf("%v below 0: %q; want %q", below, got, want)
		}
	}
}
