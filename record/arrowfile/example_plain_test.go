package arrowfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// A program with a training loop of its own records in a few lines: a header, one
// row before each update and one after the last. The rows wait in a queue and are
// written while the next step is computed. Here a line is fitted to four points
// by plain gradient descent.
func ExampleNewAsync() {
	parent, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(parent)
	dir := filepath.Join(parent, "run")

	const steps, learningRate = 4, 0.25
	theta, grad := []float32{0, 0}, make([]float32, 2) // slope, intercept

	header := record.NewHeader(record.Pack(
		record.Tensor{Name: "slope", Kind: record.Weight, Shape: []int{1, 1}},
		record.Tensor{Name: "intercept", Kind: record.Bias, Shape: []int{1}}))
	header.Model, header.Steps, header.Columns.Grad = "line", steps, true
	file, err := arrowfile.Create(dir, header, arrowfile.Options{})
	if err != nil {
		panic(err)
	}
	sink, err := arrowfile.NewAsync(file, header, arrowfile.AsyncOptions{})
	if err != nil {
		panic(err)
	}
	for k := range int64(steps) {
		loss := lineLoss(theta, grad)
		if err := sink.Append(&record.Step{
			Step: k, Epoch: 1, BatchLoss: record.Some(loss), LearningRate: record.Some(learningRate),
			Theta: theta, Grad: grad, // copied before Append returns
		}); err != nil {
			panic(err)
		}
		for i := range theta {
			theta[i] -= learningRate * grad[i]
		}
	}
	if err := sink.Append(&record.Step{Step: steps, Epoch: 1, Theta: theta}); err != nil {
		panic(err)
	}
	if err := sink.Close(); err != nil { // the file is closed with it
		panic(err)
	}

	printRows(dir)
	// Output:
	// step 0: loss 4.50, theta [0.00 0.00], grad [-3.50 -2.00]
	// step 1: loss 1.36, theta [0.88 0.50], grad [-1.94 -1.06]
	// step 2: loss 0.41, theta [1.36 0.77], grad [-1.08 -0.55]
	// step 3: loss 0.13, theta [1.63 0.90], grad [-0.60 -0.28]
	// step 4: theta [1.78 0.97]
}

// lineLoss returns half the mean square error of a line through the points below
// and fills in its gradient.
func lineLoss(theta, grad []float32) (loss float64) {
	clear(grad)
	for _, p := range [][2]float32{{-1, -1}, {0, 1}, {1, 3}, {2, 5}} {
		d := theta[0]*p[0] + theta[1] - p[1]
		loss += float64(d*d) / 8
		grad[0] += d * p[0] / 4
		grad[1] += d / 4
	}
	return loss
}

// printRows reads a run back.
func printRows(dir string) {
	run, err := arrowfile.Open(dir)
	if err != nil {
		panic(err)
	}
	defer run.Close()
	for i := range run.Len() {
		s, err := run.Read(i, record.AllParts)
		if err != nil {
			panic(err)
		}
		if s.IsLast() {
			fmt.Printf("step %d: theta %.2f\n", s.Step, s.Theta)
			continue
		}
		fmt.Printf("step %d: loss %.2f, theta %.2f, grad %.2f\n", s.Step, s.BatchLoss.Value, s.Theta, s.Grad)
	}
}
