package runloss

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train/nn"
	"sgdwalk/train/replay"
)

// trained records a short run and opens it.
func trained(t *testing.T) *Run {
	t.Helper()
	x, err := replay.New(replay.Config{
		Data: "digits", Model: "mlp:4", Optimizer: "sgd", Epochs: 1, Batch: 500,
		Hyperparameters: map[string]float64{"learning_rate": 0.2},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := x.Record(context.Background(), dir, arrowfile.Options{}); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestTrainLoss: the rebuilt loss is the one of the experiment, and the run says what evaluated it.
func TestTrainLoss(t *testing.T) {
	r := trained(t)
	loss, err := r.TrainLoss(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer loss.Close()
	end, err := r.Iterate(-1)
	if err != nil {
		t.Fatal(err)
	}
	if row := r.RowOf(end.Step); row != r.Len()-1 {
		t.Errorf("the last iterate is in row %d, want %d", row, r.Len()-1)
	}
	again, err := new(Shared).Open(r, "run", Options{Policy: nn.Batch})
	if err != nil {
		t.Fatal(err)
	}
	one, err := loss.Evaluate(context.Background(), end.Theta)
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Train.Evaluate(context.Background(), end.Theta)
	if err != nil || one != two {
		t.Errorf("the loss is %v, and the shared one is %v (%v)", one, two, err)
	}
	if r.DataHash != r.Header().Data.Hash || r.Kernel == "" || r.Policy != "" || len(r.Warnings) > 0 {
		t.Errorf("the loss was evaluated with %+v and has warnings %v", r.Evaluated, r.Warnings)
	}
	if test, err := r.TestLoss(); err != nil || test == nil {
		t.Errorf("the loss over the held-out examples is %v (%v)", test, err)
	}
	if _, err := r.Iterate(1000); err == nil || !strings.Contains(err.Error(), "step 1000 is not in the recording") {
		t.Errorf("Iterate(1000): %v", err)
	}
}

var _ record.Trajectory = (*Run)(nil)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		also      string
		everyLoss bool
		want      []string
	}{
		{"", false, nil},
		{"eigenvalues", true, nil},
		{"accuracy", false, []string{"accuracy"}},
		{"test_loss", true, []string{"test_loss"}},
		{"test_loss,accuracy", false, []string{"accuracy", "test_loss"}},
		{"test_loss,accuracy", true, []string{"accuracy", "test_loss", "test_accuracy"}},
		{"test_accuracy", false, []string{"test_loss", "test_accuracy"}},
		{"test_accuracy", true, []string{"accuracy", "test_loss", "test_accuracy"}},
	} {
		if got := Values(c.also, c.everyLoss); !slices.Equal(got, c.want) {
			t.Errorf("Values(%q, %v) is %q, want %q", c.also, c.everyLoss, got, c.want)
		}
	}
}
