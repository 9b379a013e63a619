package compare_test

import (
	"context"
	"fmt"

	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// walks are two runs of two parameters each from one start.
func walks() []compare.Run {
	var runs []compare.Run
	for _, name := range []string{"along", "across"} {
		h := record.NewHeader(record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{1, 3}}})
		m, err := record.NewMemory(h)
		if err != nil {
			panic(err)
		}
		for k := range 5 {
			theta := []float32{float32(k), 0, 0}
			if name == "across" {
				theta = []float32{0, float32(2 * k), 0}
			}
			if err := m.Append(&record.Step{Step: int64(k), Epoch: 1, Theta: theta}); err != nil {
				panic(err)
			}
		}
		runs = append(runs, compare.Run{Name: name, Trajectory: m})
	}
	return runs
}

// Two runs in one plane: the joint principal directions, and where each run ends.
func Example() {
	ctx, runs := context.Background(), walks()
	r, err := compare.Joint(ctx, runs, pca.Options{Center: pca.Init})
	if err != nil {
		panic(err)
	}
	plane, err := r.Plane(1, 2, nil)
	if err != nil {
		panic(err)
	}
	paths, err := compare.Paths(ctx, runs, &plane)
	if err != nil {
		panic(err)
	}
	for _, p := range paths.Runs {
		fmt.Printf("%s moves by %.0f on the plane and ends %.0f off it\n", p.Run, p.Extent, p.EndResidual)
	}
	// Output:
	// across moves by 8 on the plane and ends 0 off it
	// along moves by 4 on the plane and ends 0 off it
}
