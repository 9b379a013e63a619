package report

import (
	"strings"
	"testing"

	"sgdwalk/record"
)

// TestRunFromElsewhere: the report of an imported run says nothing that the run's
// header does not say.
func TestRunFromElsewhere(t *testing.T) {
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2, 3}}))
	h.Model, h.Software = "Net", "sgdwalk.py 1"
	r := &Run{Header: h}
	if got, want := r.learned()[0], "Net with 6 parameters learned."; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	again := strings.Join(r.again(), " ")
	if !strings.Contains(again, "Another program trained the run (sgdwalk.py 1)") ||
		strings.Contains(again, "the data with their hash") || strings.Contains(again, "()") {
		t.Errorf("%q", again)
	}
	h.Optimizer = record.Optimizer{Name: "adam", Hyperparameters: map[string]float64{"learning_rate": 0.01}}
	h.Data.TrainExamples, h.Batch, h.Steps, h.Epochs = 600, 30, 60, 3
	if got, want := r.learned()[0], "Net with 6 parameters learned (600 examples) with adam, learning rate 0.01, "+
		"mini-batches of 30, for 60 steps (3 epochs)."; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}
