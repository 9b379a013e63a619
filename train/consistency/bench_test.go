package consistency_test

import (
	"testing"

	"sgdwalk/record"
	"sgdwalk/train/consistency"
)

// BenchmarkCheck checks a run of 100,000 parameters with gradients, without losses.
func BenchmarkCheck(b *testing.B) {
	for _, name := range []string{"sgd", "momentum", "adam"} {
		for _, external := range []bool{false, true} {
			label := name
			if external {
				label += "/external"
			}
			b.Run(label, func(b *testing.B) {
				c := config(b, name)
				c.Model, c.Epochs = "mlp:1300", 1
				run := trainRun(b, c)
				b.SetBytes(int64(run.Len()) * 8 * int64(run.Header().Layout.Len()))
				for b.Loop() {
					if _, err := consistency.Check(b.Context(), record.Trajectory(run), consistency.Options{SkipLosses: true, External: external}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
