package optim_test

import (
	"context"
	"testing"

	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// TestTrainsDigits trains a small network on the digits with every optimizer and
// its defaults. Gradient descent, which does one step per epoch, has a larger
// learning rate. All must classify 95 % of the held-out digits correctly.
func TestTrainsDigits(t *testing.T) {
	for _, c := range []struct {
		name   string
		given  map[string]float64
		epochs int
	}{
		{"sgd", nil, 40},
		{"momentum", nil, 40},
		{"nesterov", nil, 40},
		{"adam", nil, 40},
		{"adamw", nil, 40},
		{"rmsprop", nil, 20},
		{"gd", map[string]float64{"learning_rate": 0.5}, 150}, // an epoch is one step
		{"pal", nil, 20},
		{"entropy-sgd", nil, 60}, // 21 mini-batches per step
		{"lion", map[string]float64{"learning_rate": 1e-3}, 20},
		{"muon", nil, 10},
		{"sam-sgd", nil, 40},
		{"sam-adam", nil, 40},
		{"schedule-free-sgd", nil, 20},
		{"schedule-free-adamw", nil, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := replay.Config{
				Data: "digits?spread=1", Model: "mlp:64", Optimizer: c.name, Hyperparameters: c.given,
				Epochs: c.epochs, Seed: 1, Workers: 1,
			}
			if c.name != "gd" {
				config.Batch = 50
			}
			x, err := replay.New(config)
			if err != nil {
				t.Fatal(err)
			}
			loop, err := x.Loop(nil)
			if err != nil {
				t.Fatal(err)
			}
			result, err := loop.Run(context.Background())
			if err != nil || result.Status != train.Finished {
				t.Fatal(result, err)
			}
			loss, err := x.TestLoss()
			if err != nil {
				t.Fatal(err)
			}
			m, err := loss.Evaluate(context.Background(), x.Model().Theta())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d steps, %d evaluations, held-out loss %.3f, accuracy %.3f",
				result.Steps, result.Evaluations, m.Loss, m.Accuracy)
			if m.Accuracy < 0.95 {
				t.Errorf("held-out accuracy is %.3f, want 0.95", m.Accuracy)
			}
		})
	}
}
