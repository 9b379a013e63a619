package analyze_test

import (
	"slices"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// steps is a recording of scalars.
type steps struct {
	record.Trajectory
	rows []record.Step
}

func (s steps) Len() int                                        { return len(s.rows) }
func (s steps) Read(i int, _ record.Parts) (record.Step, error) { return s.rows[i], nil }

func TestTimeline(t *testing.T) {
	row := func(step int64, substep, epoch int32, rate record.Optional) record.Step {
		return record.Step{Step: step, Substep: substep, Epoch: epoch, LearningRate: rate}
	}
	high, low, none := record.Some(0.1), record.Some(0.01), record.Optional{}
	table := analyze.Timeline(steps{rows: []record.Step{
		row(0, 0, 1, high), row(0, 1, 1, low), row(1, 0, 1, high), row(2, 0, 2, high), row(3, 0, 2, low), row(4, 0, 2, none),
	}})
	if got, want := table.Column("step").Ints, []int64{0, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("steps are %v, want %v: the start, the second epoch, the lower rate", got, want)
	}
	if got, want := table.Column("learning_rate").Floats, []float64{0.1, 0.1, 0.01}; !slices.Equal(got, want) {
		t.Errorf("learning rates are %v, want %v", got, want)
	}
}
