package curvature_test

import (
	"strings"
	"testing"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

func scheduled(t *testing.T, o record.Optimizer, rates ...record.Optional) record.Trajectory {
	t.Helper()
	h := &record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true}, Optimizer: o,
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 1}}),
	}
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for k, r := range rates {
		if err := m.Append(&record.Step{Step: int64(k), Epoch: 1, Theta: []float32{1}, LearningRate: r}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestRateAt(t *testing.T) {
	header := func(settings map[string]float64, schedule string) record.Optimizer {
		return record.Optimizer{Name: "sgd", Hyperparameters: settings, RateSchedule: schedule}
	}
	none := record.Optional{}
	plain := map[string]float64{"learning_rate": 0.5}
	for _, c := range []struct {
		name   string
		o      record.Optimizer
		rates  []record.Optional
		row    int
		want   float64
		absent string
	}{
		{"a row's own", header(plain, ""), []record.Optional{record.Some(0.5), record.Some(0.25), none}, 1, 0.25, ""},
		{"the end has the last update's, not the header's", header(plain, ""), []record.Optional{
			record.Some(0.5),
			record.Some(0.005), none,
		}, 2, 0.005, ""},
		{"not recorded", header(plain, ""), []record.Optional{none, none, none}, 1, 0.5, ""},
		{"a schedule, not recorded", header(plain, "at:2:0.1"), []record.Optional{none, none}, 1, 0, "schedule"},
		{"a schedule that reached zero", header(plain, "linear"), []record.Optional{
			record.Some(0.5), record.Some(0),
			none,
		}, 2, 0, "is 0"},
		{"nothing known", header(nil, ""), []record.Optional{none}, 0, 0, "no learning rate is known"},
		{
			"two groups", header(map[string]float64{"learning_rate": 0.5, "learning_rate_group_1": 0.01}, ""),
			[]record.Optional{record.Some(0.5), none},
			1, 0, "from 0.01 to 0.5",
		},
	} {
		rate, absent, err := curvature.RateAt(scheduled(t, c.o, c.rates...), c.row)
		if err != nil || rate != c.want || (absent == "") != (c.absent == "") || !strings.Contains(absent, c.absent) {
			t.Errorf("%s: %v %q %v; want %v %q", c.name, rate, absent, err, c.want, c.absent)
		}
	}
}
