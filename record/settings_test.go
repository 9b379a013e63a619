package record_test

import (
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestPairSettings changes one field of a header after the other: exactly its settings differ.
func TestPairSettings(t *testing.T) {
	seed := uint64(9)
	for _, c := range []struct {
		change func(h *record.Header)
		want   []string
	}{
		{func(*record.Header) {}, nil},
		{func(h *record.Header) { h.Model = "mlp:7" }, []string{"model"}},
		{func(h *record.Header) { h.Optimizer.Hyperparameters["learning_rate"] = 7 }, []string{"learning rate"}},
		{func(h *record.Header) { h.Optimizer.Hyperparameters["new_one"] = 1 }, []string{"new one"}},
		{func(h *record.Header) { h.Optimizer.RateSchedule = "cosine" }, []string{"learning rate schedule"}},
		{func(h *record.Header) { h.InitSeed = &seed }, []string{"seed of the initialization"}},
		{func(h *record.Header) { h.Data.Spec += ":/elsewhere" }, []string{"opened as"}},
		{func(h *record.Header) { h.Columns.Grad = false }, []string{"grad"}},
		{func(h *record.Header) { h.DType = record.Float16 }, []string{"element type"}},
		{func(h *record.Header) { h.Software = "other" }, []string{"recorded by"}},
		{func(h *record.Header) { h.Comment = "other" }, []string{"comment"}},
		{func(h *record.Header) {
			h.Groups = []record.ParameterGroup{{Optimizer: record.Optimizer{Name: "adam"}, Tensors: []string{"w"}}}
		}, []string{"group 1: optimizer", "group 1: tensors"}},
	} {
		a := recordtest.Header(3)
		b := a.Clone()
		c.change(b)
		var got []string
		for _, p := range record.PairSettings(a.Settings(), b.Settings()) {
			if p.Differs() {
				got = append(got, p.Name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q differ, want %q", got, c.want)
		}
	}
}
