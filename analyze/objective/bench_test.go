package objective_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sgdwalk/record"
)

// BenchmarkOverhead is an evaluation by a process that does nothing: what the way
// there and back costs. median-us is the median of all evaluations; memcpys that in
// copies of theta from memory to memory, measured in between.
func BenchmarkOverhead(b *testing.B) {
	for _, p := range []int{1e3, 1e5, 1e7} {
		b.Run(fmt.Sprintf("P=%.0e", float64(p)), func(b *testing.B) {
			o := options(b, "trivial")
			o.Dir = ""
			o.Layout = record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{1, p}}}
			x := start(b, o)
			theta, copied := make([]float32, p), make([]float32, p)
			copy(copied, theta) // every page is there
			var evaluations, copies []time.Duration
			for b.Loop() {
				theta[0]++
				began := time.Now()
				v, err := x.Loss(b.Context(), theta)
				if evaluations = append(evaluations, time.Since(began)); err != nil || v != float64(theta[0]) {
					b.Fatal(v, err)
				}
				began = time.Now()
				copy(copied, theta)
				copies = append(copies, time.Since(began))
			}
			slices.Sort(evaluations)
			slices.Sort(copies)
			median, once := evaluations[len(evaluations)/2], copies[len(copies)/2]
			b.ReportMetric(float64(median)/1e3, "median-us")
			b.ReportMetric(float64(median)/float64(once), "memcpys")
		})
	}
}
