package pca_test

import (
	"context"
	"fmt"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// Three iterates that move mostly along the first coordinate, a little along the
// second and not along the third.
func Example() {
	run, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "weight", Kind: record.Weight, Shape: []int{1, 3}}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, theta := range [][]float32{{-2, 0, 5}, {-1, 1, 5}, {3, 0, 5}} {
		if err := run.Append(&record.Step{Step: int64(i), Theta: theta}); err != nil {
			fmt.Println(err)
			return
		}
	}
	r, err := pca.Fit(context.Background(), run, pca.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("shares %.3f, a random walk: %.3f\n", r.ExplainedVarianceRatio,
		r.Summary.RandomWalk.ExplainedVarianceRatio)
	fmt.Printf("along component 1: %.2f\n", r.Scores[0])
	// Output:
	// shares [0.960 0.040], a random walk: [0.750 0.250]
	// along component 1: [-1.97 -1.05 3.02]
}
