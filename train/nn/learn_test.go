package nn

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/train/dataset"
)

// mnist opens the 10,000 published test images, 8,000 to learn and 2,000 held
// out, where they are to be had and SGDWALK_LEARN asks for tests that take a
// minute.
func mnist(t *testing.T, options string) *dataset.Data {
	t.Helper()
	if os.Getenv("SGDWALK_LEARN") == "" {
		t.Skip("training to an accuracy takes a minute; SGDWALK_LEARN=1 asks for it")
	}
	root := os.Getenv("SGDWALK_DATA")
	if root == "" {
		t.Skip("SGDWALK_DATA names no directory that has mnist/")
	}
	d, err := dataset.Open("mnist:"+filepath.Join(root, "mnist")+options, dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// learn trains on mini-batches of 100 with momentum 0.9. It returns the held-out
// accuracy after each epoch.
func learn(t *testing.T, spec string, d *dataset.Data, examples, epochs int, rate float32) []float64 {
	t.Helper()
	set := d.Train.Subset(0, examples)
	in := Input{Height: set.Height, Width: set.Width, Channels: set.Channels, Classes: set.Classes}
	m, err := New(spec, in, Options{Batch: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	held := newEvaluator(t, spec, in, d.Test.Inputs, d.Test.Labels, EvalOptions{Policy: Recompute})
	order, err := dataset.NewOrder(1, set.Len(), 100)
	if err != nil {
		t.Fatal(err)
	}
	inputs, labels := make([]float32, 100*in.Len()), make([]int32, 100)
	theta, grad, velocity := m.Theta(), make([]float32, len(m.Theta())), make([]float32, len(m.Theta()))
	var accuracy []float64
	for epoch := range epochs {
		for b := range order.Batches() {
			indices := order.Batch(epoch+1, b)
			n := len(indices)
			dataset.Gather(set, indices, inputs, labels)
			if _, err := m.Gradient(inputs[:n*in.Len()], labels[:n], grad); err != nil {
				t.Fatal(err)
			}
			for i, g := range grad {
				velocity[i] = 0.9*velocity[i] + g
				theta[i] -= rate * velocity[i]
			}
		}
		measure, err := held.Evaluate(context.Background(), theta)
		if err != nil {
			t.Fatal(err)
		}
		accuracy = append(accuracy, measure.Accuracy)
	}
	t.Logf("%s: held-out accuracy %v", spec, accuracy)
	return accuracy
}

func TestLeNetLearnsMNIST(t *testing.T) {
	d := mnist(t, "")
	if a := learn(t, "lenet", d, d.Train.Len(), 5, 0.02); a[4] < 0.97 {
		t.Errorf("held-out accuracy %v after 5 epochs, want 0.97", a)
	}
}

// TestResNetsLearnMNIST trains on 2,000 images, padded to 32x32, for 100 updates.
// That is few for these networks: their running statistics lag behind, so the
// test recomputes them. The same network in PyTorch has a batch loss of about 0.5
// and an accuracy of 0.73 after 80 updates.
func TestResNetsLearnMNIST(t *testing.T) {
	d := mnist(t, "?pad=2")
	for _, spec := range []string{"resnet:8", "resnet:8:noshort"} {
		if a := learn(t, spec, d, 2000, 5, 0.05); a[4] < 0.75 {
			t.Errorf("%s: held-out accuracy %v after 5 epochs of 2,000 images, want 0.75", spec, a)
		}
	}
}
