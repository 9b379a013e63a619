package sketch_test

import (
	"fmt"

	"sgdwalk/record"
	"sgdwalk/record/sketch"
)

// A run of 10,000 parameters is kept as 64 numbers a row; the step length can
// still be read from it, and the header says why a loss cannot.
func Example() {
	h := &record.Header{
		Format: record.FormatVersion, DType: "float32",
		Columns: record.Columns{Theta: true},
		Layout:  record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{100, 100}}),
	}
	spec, err := sketch.ParseSpec("project:64")
	if err != nil {
		panic(err)
	}
	var run *record.Memory
	sink, reduced, err := sketch.Sink(func(h *record.Header) (_ record.Sink, err error) {
		run, err = record.NewMemory(h)
		return run, err
	}, h, spec)
	if err != nil {
		panic(err)
	}
	theta := make([]float32, 10_000)
	for k := range 2 {
		if err := sink.Append(&record.Step{Step: int64(k), Theta: theta}); err != nil {
			panic(err)
		}
		for i := range theta {
			theta[i] += 0.01 // a step of length 1
		}
	}
	a, _ := run.Read(0, record.AllParts)
	b, _ := run.Read(1, record.AllParts)
	squared := 0.0
	for i := range a.Theta {
		d := float64(b.Theta[i] - a.Theta[i])
		squared += d * d
	}
	fmt.Printf("%d numbers a row, squared step length %.2f\n", len(a.Theta), squared)
	fmt.Println(reduced.CheckEvaluable())
	// Output:
	// 64 numbers a row, squared step length 1.16
	// record: theta was reduced by "project:64" from 10000 parameters to 64: a loss cannot be evaluated on it
}
