package align_test

import (
	"context"
	"fmt"

	"sgdwalk/analyze/align"
	"sgdwalk/record"
)

// Two networks with three hidden units are the same function: only the order of the units
// differs. A straight line between them leaves the function, and after the alignment there is
// no distance between them.
func Example() {
	layout := record.Pack(
		record.Tensor{Name: "w1", Kind: record.Weight, Shape: []int{3, 1}, Axes: []string{"hidden", "input"}},
		record.Tensor{Name: "w2", Kind: record.Weight, Shape: []int{1, 3}, Axes: []string{"output", "hidden"}},
	)
	s, err := align.New(layout, nil)
	if err != nil {
		panic(err)
	}
	a := []float32{1, 2, 3 /* w1 */, 10, 20, 30 /* w2 */}
	b := []float32{3, 1, 2 /* w1 */, 30, 10, 20 /* w2 */}
	r, err := align.Match(context.Background(), s, a, b, align.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Permutations, r.Theta)
	fmt.Println(&r.Summary)
	// Output:
	// [[1 2 0]] [1 2 3 10 20 30]
	// alignment permutes 3 of 3 hidden units, in 1 of 1 layer (hidden): the distance shrinks from 24.62 to 0, by 100 %
}
