package line_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

// Moving some layers and then the others ends at the same point as moving all layers, and
// each line changes the loss by the contribution of its layers.
func TestLayersMoveOneAfterTheOther(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "a", Kind: record.Weight, Shape: []int{2}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{1}},
		record.Tensor{Name: "c", Kind: record.Weight, Shape: []int{1, 2}},
	)
	from, to := []float32{1, 2, 3, 4, 5}, []float32{10, 20, 30, 40, 50}
	middle, err := line.Partial(from, to, layout[0], layout[2])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{10, 20, 3, 40, 50}, middle); d != "" {
		t.Error(d)
	}
	sum := func(x []float32) float64 {
		s := 0.0
		for _, v := range x {
			s += float64(v)
		}
		return s
	}
	start := between(t, from, middle, sum, line.Options{}).Summary
	second := between(t, middle, to, sum, line.Options{}).Summary
	if start.LossEnd != second.LossStart || start.LossEnd.Value-start.LossStart.Value != 108 ||
		second.LossEnd.Value-second.LossStart.Value != 27 {
		t.Errorf("losses %v, %v, %v, %v", start.LossStart, start.LossEnd, second.LossStart, second.LossEnd)
	}
	if _, err := line.Partial(from, to[:3]); err == nil {
		t.Error("points of different lengths were mixed")
	}
	if _, err := line.Partial(from[:3], to[:3], layout[2]); err == nil {
		t.Error("a tensor outside was taken")
	}
}

// Every summary can be encoded, also after a failure.
func TestSummariesAreJSON(t *testing.T) {
	nan := between(t, []float32{0}, []float32{1}, first(func(float64) float64 { return math.NaN() }), line.Options{})
	valley := ring{c: -0.2}
	a, b := valley.ends()
	wild := connect(t, a, b, valley, line.ConnectOptions{LearningRate: 1e30, Steps: 5})
	lost := progress(t, run(t, []float32{1, 1}, []float32{float32(math.NaN()), 1}, []float32{2, 2}), nil, nil,
		line.PathOptions{})
	updates, err := line.Updates(gdWalk(t, 1, 0, 2, "0:1:3"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []any{
		nan.Summary, wild.Summary, lost.Summary, updates.Summary, line.Options{}.Effective(),
		line.ConnectOptions{}.Effective(),
		line.PathOptions{},
	} {
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	}
	if updates.Table.Column("optimum").Valid == nil {
		t.Error("steps of length zero have an optimum")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := line.Connect(ctx, a, b, valley, line.ConnectOptions{}); err == nil {
		t.Error("a cancelled training did not stop")
	}
}
