package average_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/record"
)

// stateful is a loss that depends on the state only, as far as a test can see: the state of a
// point is the mean of the states of its iterates.
type stateful struct {
	bowls quadratic
	state []float32
}

func (s *stateful) SetState(state []float32) bool { s.state = state; return true }

func (s *stateful) Loss(context.Context, []float32) (float64, error) {
	if s.state == nil {
		return math.NaN(), nil
	}
	return float64(s.state[0]) + 1000*float64(s.state[1]), nil
}

func (s *stateful) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	if _, err := s.bowls.Gradient(ctx, theta, grad); err != nil {
		return 0, err
	}
	return s.Loss(ctx, theta)
}

// TestStatesAreAveragedWithTheWeights: running statistics have the weights of theta, and an
// iterate without recorded ones has those of the iterate before it.
func TestStatesAreAveragedWithTheWeights(t *testing.T) {
	h := header(2)
	h.State = record.Pack(record.Tensor{Name: "m", Kind: record.RunningMean, Shape: []int{2}})
	h.Columns.State = true
	var err error
	if h.StateSchedule, err = record.ParseSchedule("every:2"); err != nil {
		t.Fatal(err)
	}
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	states := make([]float64, 20) // of each iterate, the first element
	for i := range 20 {
		s := record.Step{Step: int64(i), Epoch: 1, Theta: []float32{float32(i), 0}}
		if states[i] = float64(i * i); i%2 == 0 {
			s.State = []float32{float32(i * i), float32(-i)}
		} else {
			states[i] = states[i-1]
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	second := func(i int) float64 { return -float64(i - i%2) }
	loss := &stateful{bowls: bowl(1, 1)}
	at, err := analyze.ParseSegments("every:1")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []average.Average{
		{Scheme: average.Window, Length: 2},
		{Scheme: average.Window, Length: 5},
		{Scheme: average.EMA, Decay: 0.5},
		{Scheme: average.LAWA, Length: 3, Every: 3},
	}
	r, err := average.Compute(t.Context(), m, loss, average.Options{At: at, Averages: kinds})
	if err != nil {
		t.Fatal(err)
	}
	steps := make([]int64, 20)
	for i := range steps {
		steps[i] = int64(i)
	}
	checked := 0
	for row, name := range r.Averages.Column("average").Strings {
		i := int(r.Averages.Column("step").Ints[row])
		want := states[i] + 1000*second(i)
		for _, a := range kinds {
			if a.String() != name {
				continue
			}
			want = 0
			for k, w := range weights(a, steps, i) {
				want += w * (states[k] + 1000*second(k))
			}
			checked++
		}
		if got := floats(&r.Averages, "loss")[row]; math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
			t.Errorf("%s at step %d: the loss of its state is %v; want %v", name, i, got, want)
		}
	}
	if checked < 50 {
		t.Errorf("%d averages were compared", checked)
	}
	carried := slices.IndexFunc(r.Warnings, func(w analyze.Warning) bool { return w.Code == "state_carried" })
	if carried < 0 || !strings.HasPrefix(r.Warnings[carried].Text, "10 iterates") {
		t.Errorf("the warnings are %v", r.Warnings)
	}
	if loss.state != nil {
		t.Error("the loss keeps a state")
	}
}
