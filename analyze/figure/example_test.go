package figure_test

import (
	"fmt"
	"os"
	"path/filepath"

	"sgdwalk/analyze/figure"
)

// A landscape with a path of three iterates, saved for a paper of two columns.
func Example() {
	fig := &figure.Landscape{
		X:      []float64{-1, 0, 1},
		Y:      []float64{-1, 0, 1},
		Z:      [][]float64{{2, 1, 2}, {1, 0.1, 1}, {2, 1, 2}},
		Path:   []figure.PathPoint{{A: 0.9, B: 0.8}, {A: 0.2, B: -0.3, Step: 1}, {A: 0, B: 0.1, Step: 2}},
		XLabel: "PC 1 (62 % of variance; random walk 61 %)",
		YLabel: "PC 2 (18 % of variance; random walk 15 %)",
		Style:  figure.Style{Width: figure.SingleColumn},
	}
	dir, err := os.MkdirTemp("", "figure")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	paths, err := figure.Save(fig, filepath.Join(dir, "landscape"), figure.SVG, figure.PDF)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range paths {
		fmt.Println(filepath.Base(p))
	}
	// Output:
	// landscape.svg
	// landscape.pdf
	// landscape.csv
}
