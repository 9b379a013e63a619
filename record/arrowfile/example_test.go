package arrowfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// A loop of any origin records in a few lines: here plain gradient descent on
// x*x/2, whose gradient is x.
func Example() {
	parent, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "run")

	const steps, learningRate = 3, 0.5
	header := &record.Header{
		Format: record.FormatVersion, DType: "float32", Model: "quadratic", Steps: steps,
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": learningRate}},
		Columns:   record.Columns{Theta: true, Grad: true},
		Layout:    record.Pack(record.Tensor{Name: "x", Kind: record.Other, Shape: []int{1}}),
	}
	w, err := arrowfile.Create(dir, header, arrowfile.Options{})
	if err != nil {
		panic(err)
	}
	theta := []float32{8}
	for k := range int64(steps + 1) {
		row := record.Step{Step: k, Epoch: 1, Theta: theta}
		if k < steps {
			row.BatchLoss = record.Some(float64(theta[0]*theta[0]) / 2)
			row.LearningRate = record.Some(learningRate)
			row.Grad = theta
		}
		if err := w.Append(&row); err != nil {
			panic(err)
		}
		if k < steps {
			theta[0] -= learningRate * theta[0]
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}

	r, err := arrowfile.Open(dir)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	for i := range r.Len() {
		s, err := r.Read(i, record.AllParts)
		if err != nil {
			panic(err)
		}
		fmt.Println(s.Step, s.Theta, s.BatchLoss.Value, s.IsLast())
	}
	summary, err := arrowfile.Check(dir, func(problem error) { fmt.Println(problem) })
	fmt.Println(summary.Rows, "rows,", summary.Problems, "problems, finished:", summary.Finished, err)
	// Output:
	// 0 [8] 32 false
	// 1 [4] 8 false
	// 2 [2] 2 false
	// 3 [1] 0 true
	// 4 rows, 0 problems, finished: true <nil>
}
