package nn

import (
	"slices"
	"testing"
)

func TestKernel(t *testing.T) {
	name, err := Kernel()
	if err != nil || !slices.Contains([]string{"avx512", "avx2", "go"}, name) {
		t.Errorf("kernel %q, error %v", name, err)
	}
}
