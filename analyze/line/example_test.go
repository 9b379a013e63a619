package line_test

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/line"
)

// The double well (x^2-1)^2/4 has a barrier of 1/4 between its two minima.
func Example() {
	well := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		x := float64(theta[0])
		return (x*x - 1) * (x*x - 1) / 4, nil
	})
	r, err := line.Between(context.Background(), []float32{-1}, []float32{1}, well, line.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &r.Summary
	fmt.Printf("barrier %v at alpha %v\n", s.BarrierHeight.Value, s.BarrierAlpha.Value)
	fmt.Printf("monotone %v, points below the chord %v\n", *s.Monotone, s.BelowChordRatio.Value)
	// Output:
	// barrier 0.25 at alpha 0.5
	// monotone false, points below the chord 0
}
