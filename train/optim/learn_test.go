package optim_test

import (
	"context"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/dataset"
	"sgdwalk/train/nn"
	"sgdwalk/train/optim"
)

// batches hands the digits to the training loop.
type batches struct {
	set    dataset.Set
	order  *dataset.Order
	inputs []float32
	labels []int32
}

func (b *batches) PerEpoch() int { return b.order.Batches() }

func (b *batches) Batch(epoch, k int) ([]float32, []int32, error) {
	indices := b.order.Batch(epoch, k)
	dataset.Gather(b.set, indices, b.inputs, b.labels)
	return b.inputs[:len(indices)*b.set.Size()], b.labels[:len(indices)], nil
}

// TestTrainsDigits trains a small network on the digits with every optimizer at
// its defaults (gradient descent, which does one step an epoch, with a larger
// learning rate), and wants 95 % of the held-out ones right.
func TestTrainsDigits(t *testing.T) {
	data, err := dataset.Open("digits?spread=1", dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
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
		{"entropy-sgd", nil, 60}, // 21 mini-batches a step
	} {
		t.Run(c.name, func(t *testing.T) {
			batch := 50
			model, layout := network(t, data, batch)
			o, r, err := optim.New(c.name, c.given, layout, 1)
			if err != nil {
				t.Fatal(err)
			}
			if micro := optim.MicroBatch(r); micro > 0 {
				model, batch = &train.Accumulator{Model: model, MicroBatch: batch}, data.Train.Len()
			}
			order, err := dataset.NewOrder(1, data.Train.Len(), batch)
			if err != nil {
				t.Fatal(err)
			}
			loop := &train.Loop{
				Model: model, Optimizer: o, Epochs: c.epochs,
				Source:       &batches{data.Train, order, make([]float32, batch*data.Train.Size()), make([]int32, batch)},
				LearningRate: func(int64) float64 { return r.Hyperparameters["learning_rate"] },
			}
			result, err := loop.Run(context.Background())
			if err != nil || result.Status != train.Finished {
				t.Fatal(result, err)
			}
			m := accuracy(t, data.Test, model.Theta())
			t.Logf("%d steps, %d evaluations, held-out loss %.3f, accuracy %.3f", result.Steps, result.Evaluations, m.Loss, m.Accuracy)
			if m.Accuracy < 0.95 {
				t.Errorf("held-out accuracy is %.3f, want 0.95", m.Accuracy)
			}
		})
	}
}

func input(s dataset.Set) nn.Input {
	return nn.Input{Height: s.Height, Width: s.Width, Channels: s.Channels, Classes: s.Classes}
}

func network(t *testing.T, data *dataset.Data, batch int) (train.Model, record.Layout) {
	t.Helper()
	m, err := nn.New("mlp:64", input(data.Train), nn.Options{Batch: batch, Workers: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m, m.Layout()
}

func accuracy(t *testing.T, s dataset.Set, theta []float32) train.Measure {
	t.Helper()
	e, err := nn.NewEvaluator("mlp:64", input(s), s.Inputs, s.Labels, nn.EvalOptions{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Evaluate(context.Background(), slices.Clone(theta))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
