package optim_test

import (
	"context"
	"fmt"
	"log"

	"sgdwalk/record"
	"sgdwalk/train/optim"
)

func Example() {
	layout := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2}})
	o, r, err := optim.New("momentum", map[string]float64{"learning_rate": 0.1}, layout, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Name, r.Hyperparameters)
	schedule, err := optim.ParseSchedule("warmup:1+cosine")
	if err != nil {
		log.Fatal(err)
	}
	theta := []float32{1, -2}
	for k := range int64(3) {
		rate := r.Hyperparameters["learning_rate"] * schedule.Factor(k, 3, 3)
		grad := []float32{theta[0], theta[1]} // of |theta|^2/2
		if err := o.Step(context.Background(), theta, grad, rate, nil); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("rate %.3f theta %.4f\n", rate, theta)
	}
	_, _, err = optim.New("sgd", map[string]float64{"beta1": 0.9}, layout, 1)
	fmt.Println(err)
	// Output:
	// momentum map[clip_norm:0 decay_all:1 learning_rate:0.1 momentum:0.9 weight_decay:0]
	// rate 0.050 theta [0.9500 -1.9000]
	// rate 0.100 theta [0.7650 -1.5300]
	// rate 0.050 theta [0.6435 -1.2870]
	// optim: sgd: hyperparameter is "beta1"; allowed is learning_rate, weight_decay, decay_all, clip_norm
}
