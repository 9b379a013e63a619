package kernel

import "testing"

func TestChoose(t *testing.T) {
	x86 := []instructions{pureGo, useAVX2, useAVX512}
	for _, c := range []struct {
		wanted string
		sets   []instructions
		want   instructions
		err    string
	}{
		{"", x86, useAVX512, ""},
		{"", []instructions{pureGo}, pureGo, ""},
		{"", []instructions{pureGo, useNEON}, useNEON, ""},
		{"go", x86, pureGo, ""},
		{"avx2", x86, useAVX2, ""},
		{"avx512", x86[:2], useAVX2, "kernel: SGDWALK_KERNEL=avx512 is not available here; allowed are go, avx2"},
		{
			"avx2",
			[]instructions{pureGo, useNEON},
			useNEON,
			"kernel: SGDWALK_KERNEL=avx2 is not available here; allowed are go, neon",
		},
		{
			"AVX2", x86, useAVX512,
			"kernel: SGDWALK_KERNEL=AVX2 is not available here; allowed are go, avx2, avx512",
		},
	} {
		got, err := choose(c.wanted, c.sets)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.err {
			t.Errorf("choose(%q, %v) = %v, %q; want %v, %q", c.wanted, c.sets, got, text, c.want, c.err)
		}
	}
}
