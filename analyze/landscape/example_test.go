package landscape_test

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
)

// The loss x^2 + 10 y^2 on the plane of its two coordinates.
func Example() {
	plane, err := analyze.NewPlane([]float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		x, y := float64(theta[0]), float64(theta[1])
		return x*x + 10*y*y, nil
	})
	r, err := landscape.Compute(context.Background(), plane, loss, landscape.Options{
		X: analyze.Range{Min: -2, Max: 2, N: 5},
		Y: analyze.Range{Min: -1, Max: 1, N: 3},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	nx, ny := r.Grid.Dims()
	for j := range ny {
		for i := range nx {
			fmt.Printf("%4g", r.Grid.Z(i, j))
		}
		fmt.Println()
	}
	// Output:
	//   14  11  10  11  14
	//    4   1   0   1   4
	//   14  11  10  11  14
}
