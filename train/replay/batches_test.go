package replay_test

import (
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train/replay"
)

// TestBatches: every recorded loss and gradient is computed again bit for bit, in any order,
// also those of inner iterates and of gradients that are added up.
func TestBatches(t *testing.T) {
	for _, name := range []string{"sgd", "gd", "entropy-sgd"} {
		c := config()
		c.Optimizer, c.Hyperparameters, c.Epochs = name, nil, 2
		switch name {
		case "gd":
			c.Batch = 0
		case "entropy-sgd":
			c.Hyperparameters = map[string]float64{"inner_steps": 3}
		}
		m, _ := trainRun(t, c)
		x, err := replay.FromHeader(m.Header(), replay.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := x.Batches()
		if err != nil {
			t.Fatal(err)
		}
		grad := make([]float32, m.Header().Layout.Len())
		for i := m.Len() - 1; i >= 0; i-- {
			s, _ := m.Read(i, record.AllParts)
			if !s.BatchLoss.Valid {
				continue
			}
			again, err := b.Gradient(s.Step, int(s.Substep), s.Theta, grad)
			if err != nil {
				t.Fatal(err)
			}
			if record.Some(again.Loss) != s.BatchLoss || s.Grad != nil && !slices.Equal(grad, s.Grad) {
				t.Errorf("%s: step %d, substep %d has the loss %v; %v is recorded, or another gradient",
					name, s.Step, s.Substep, again.Loss, s.BatchLoss)
			}
		}
		for _, step := range []int64{-1, 1 << 60} {
			if _, err := b.Gradient(step, 0, grad, grad); err == nil {
				t.Errorf("step %d is accepted", step)
			}
		}
		if _, err := b.Gradient(0, 0, grad[1:], grad); err == nil {
			t.Error("a theta that is too short is accepted")
		}
	}
}
