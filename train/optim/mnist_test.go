package optim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/train"
	"sgdwalk/train/dataset"
	"sgdwalk/train/replay"
)

// TestOptimizersLearnMNIST trains LeNet on 8,000 real images with the recent optimizers and
// with every schedule, where the images are and SGDWALK_LEARN asks for tests that take
// minutes. All must classify 97 % of 2,000 held-out images correctly, as momentum does.
func TestOptimizersLearnMNIST(t *testing.T) {
	if os.Getenv("SGDWALK_LEARN") == "" {
		t.Skip("training to an accuracy takes minutes; SGDWALK_LEARN=1 asks for it")
	}
	root := os.Getenv("SGDWALK_DATA")
	if root == "" {
		t.Skip("SGDWALK_DATA names no directory that has mnist/")
	}
	data, err := dataset.Open("mnist:"+filepath.Join(root, "mnist"), dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	type hyper = map[string]float64
	for _, c := range []struct {
		name     string
		given    hyper
		schedule string
	}{
		{"momentum", hyper{"learning_rate": 0.03}, ""},
		{"momentum", hyper{"learning_rate": 0.02}, "warmup:20+wsd:0.3"},
		{"momentum", hyper{"learning_rate": 0.02}, "linear"},
		{"momentum", hyper{"learning_rate": 0.05}, "onecycle"},
		{"lion", hyper{"learning_rate": 1e-3, "weight_decay": 0.1}, "linear"},
		{"muon", nil, "linear"},
		{"muon", hyper{"learning_rate": 0.002, "match_rms": 1, "weight_decay": 0.1}, "warmup:20+wsd:0.3"},
		{"sam-sgd", hyper{"learning_rate": 0.02, "momentum": 0.9}, "linear"},
		{"sam-adam", hyper{"learning_rate": 0.003}, "linear"},
		{"schedule-free-sgd", nil, "warmup:20"},
		{"schedule-free-adamw", nil, "warmup:20"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.name, c.schedule), func(t *testing.T) {
			x, err := replay.New(replay.Config{
				Data: "mnist", Opened: data, Model: "lenet", Optimizer: c.name, Hyperparameters: c.given,
				RateSchedule: c.schedule, Epochs: 4, Seed: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer x.Model().Close()
			loop, err := x.Loop(nil)
			if err == nil {
				err = x.MeasureLosses(loop)
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := loop.Run(context.Background())
			if err != nil || r.Status != train.Finished {
				t.Fatal(r, err)
			}
			accuracy := r.TestAcc.Value
			t.Logf("training loss %.4f, held-out accuracy %.4f", r.FullLoss.Value, accuracy)
			if r.Average != nil {
				accuracy = r.Average.TestAcc.Value
				t.Logf("average: training loss %.4f, held-out accuracy %.4f", r.Average.FullLoss.Value, accuracy)
			}
			if accuracy < 0.97 {
				t.Errorf("held-out accuracy %v, want 0.97", accuracy)
			}
		})
	}
}
