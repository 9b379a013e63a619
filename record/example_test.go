package record_test

import (
	"fmt"

	"sgdwalk/record"
)

// A run of two updates has three rows: each is taken before its update, and the
// last one has no batch any more.
func Example() {
	header := &record.Header{
		Format: record.FormatVersion, DType: "float32", Model: "line", Steps: 2,
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.5}},
		Columns:   record.Columns{Theta: true},
		Layout: record.Pack(
			record.Tensor{Name: "weight", Kind: record.Weight, Shape: []int{1, 2}},
			record.Tensor{Name: "bias", Kind: record.Bias, Shape: []int{1}}),
	}
	run, err := record.NewMemory(header)
	if err != nil {
		panic(err)
	}
	theta := []float32{4, 8, 2}
	for k := range int64(3) {
		row := record.Step{Step: k, Theta: theta}
		if k < 2 {
			row.BatchLoss = record.Some(float64(theta[0]))
		}
		if err := run.Append(&row); err != nil { // theta is lent, not given
			panic(err)
		}
		for i := range theta {
			theta[i] /= 2
		}
	}
	bias, _ := header.Layout.Lookup("bias")
	for i := range run.Len() {
		s, err := run.Read(i, record.AllParts)
		if err != nil {
			panic(err)
		}
		fmt.Println(s.Step, s.Theta, bias.View(s.Theta), s.IsLast())
	}
	// Output:
	// 0 [4 8 2] [2] false
	// 1 [2 4 1] [1] false
	// 2 [1 2 0.5] [0.5] true
}

func ExampleParseSchedule() {
	s, err := record.ParseSchedule("first:3+every:10")
	if err != nil {
		panic(err)
	}
	for step := range int64(25) {
		if s.Keep(step, 1) {
			fmt.Print(step, " ")
		}
	}
	_, err = record.ParseSchedule("every:0")
	fmt.Println("and no more;", err)
	// Output:
	// 0 1 2 10 20 and no more; record: steps "every:0": every is "0"; it must be a whole number of at least 1
}
