package dataset_test

import (
	"fmt"
	"log"

	"sgdwalk/train/dataset"
)

func Example() {
	d, err := dataset.Open("digits", dataset.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Split)
	order, err := dataset.NewOrder(1, d.Train.Len(), 100)
	if err != nil {
		log.Fatal(err)
	}
	inputs := make([]float32, 100*d.Train.Size())
	labels := make([]int32, 100)
	for b := range order.Batches() {
		indices := order.Batch(1, b)
		dataset.Gather(d.Train, indices, inputs, labels)
		if b == order.Batches()-1 {
			fmt.Printf("batch %d of epoch 1 has %d examples of %d values\n", b, len(indices), d.Train.Size())
		}
	}
	// Output:
	// the first 1438 of the 1797 examples of the digits train, the last 359 are held out
	// batch 14 of epoch 1 has 38 examples of 64 values
}
