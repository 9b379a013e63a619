package kernel

import "testing"

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		wanted     string
		best, want instructions
		err        string
	}{
		{"", useAVX512, useAVX512, ""},
		{"", pureGo, pureGo, ""},
		{"go", useAVX512, pureGo, ""},
		{"avx2", useAVX512, useAVX2, ""},
		{"avx512", useAVX2, useAVX2, "kernel: SGDWALK_KERNEL=avx512 is not available here; allowed are go, avx2"},
		{
			"AVX2", useAVX512, useAVX512,
			"kernel: SGDWALK_KERNEL=AVX2 is not available here; allowed are go, avx2, avx512",
		},
	} {
		got, err := choose(c.wanted, c.best)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.err {
			t.Errorf("choose(%q, %v) = %v, %q; want %v, %q", c.wanted, c.best, got, text, c.want, c.err)
		}
	}
}
