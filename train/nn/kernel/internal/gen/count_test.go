package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestInstructionCounts pins the number of instructions of the inner loops, all of
// them and the multiply-adds, for the largest tile of each shape. BENCHMARKS.md
// reports them per product.
func TestInstructionCounts(t *testing.T) {
	files := generate()
	for _, c := range []struct {
		file, function            string
		products                  int // per step of the inner loop
		instructions, multiplyAdd int
	}{
		{"tile_avx2_amd64.s", "tile256x2p6", 6 * 16, 24, 12},
		{"tile_avx2_amd64.s", "tile256x1p14", 14 * 8, 34, 14},
		{"tile_avx512_amd64.s", "tile512x1p16", 16 * 16, 22, 16},
		{"tile_avx512_amd64.s", "tile512x2p8", 8 * 32, 30, 16},
		{"tile_neon_arm64.s", "tile128x4p6", 6 * 16, 34, 24},
		{"tile_neon_arm64.s", "tile128x2p12", 12 * 8, 40, 24},
	} {
		_, text, _ := strings.Cut(string(files[c.file]), "TEXT ·"+c.function+"(SB)")
		_, text, _ = strings.Cut(text, "\ninner:\n")
		loop := text[:regexp.MustCompile(`(JNZ|BNE) inner\n`).FindStringIndex(text)[1]]
		instructions, multiplyAdd := strings.Count(loop, "\n"), len(regexp.MustCompile(`VFMADD|FMLA`).FindAllString(loop, -1))
		t.Logf("%s: %.3f instructions per product", c.function, float64(instructions)/float64(c.products))
		got, want := fmt.Sprint(instructions, multiplyAdd), fmt.Sprint(c.instructions, c.multiplyAdd)
		if got != want {
			t.Errorf("%s: %s instructions and multiply-adds, want %s", c.function, got, want)
		}
		if lanes := c.products / multiplyAdd; c.products%multiplyAdd != 0 || lanes&(lanes-1) != 0 {
			t.Errorf("%s: %d products by %d multiply-adds", c.function, c.products, multiplyAdd)
		}
	}
}
