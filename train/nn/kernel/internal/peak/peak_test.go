package peak

import "testing"

func TestRunCountsNothingForUnknownSets(t *testing.T) {
	if n := Run("go", 1000); n != 0 {
		t.Errorf("%d operations without assembly, want 0", n)
	}
}
