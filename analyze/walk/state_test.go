package walk_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// stateful is a loss: theta plus a hundred times the state.
type stateful struct{ own, state []float32 }

func (s *stateful) SetState(state []float32) bool {
	s.state = state
	return true
}

func (s *stateful) Loss(_ context.Context, theta []float32) (float64, error) {
	state := s.own
	if s.state != nil {
		state = s.state
	}
	return float64(theta[0]) + 100*float64(state[0]), nil
}

// together evaluates the points of a batch, each with its own state.
type together struct {
	stateful
	batches [][]float64
}

func (*together) BatchSize() int { return 8 }

func (s *together) OnSpan(span record.Span) (
	func(ctx context.Context, at []record.Coordinates, loss, accuracy []float64) error, error,
) {
	return func(ctx context.Context, at []record.Coordinates, loss, _ []float64) (err error) {
		theta := make([]float32, 1)
		for i := range at {
			span.Point(&at[i], 0, theta)
			x := stateful{own: s.own, state: at[i].State}
			if loss[i], err = x.Loss(ctx, theta); err != nil {
				return err
			}
		}
		s.batches = append(s.batches, slices.Clone(loss))
		return nil
	}, nil
}

// An iterate gets its recorded statistics, a point between two iterates gets their
// interpolation, and a point beyond gets the statistics of the nearer end.
func TestState(t *testing.T) {
	h := header(1)
	h.State, h.Columns.State, h.Columns.Grad = record.Pack(record.Tensor{
		Name: "mean", Kind: record.RunningMean,
		Shape: []int{1},
	}), true, false
	rows := []record.Step{
		{Step: 0, Theta: []float32{0}, State: []float32{1}},
		{Step: 1, Theta: []float32{4}, State: []float32{3}},
		{Step: 2, Theta: []float32{2}}, // has the statistics before it
		{Step: 3, Theta: []float32{8}, State: []float32{7}},
	}
	record1 := func(h *record.Header) *record.Memory {
		m, err := record.NewMemory(h)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rows {
			if s.Epoch = 1; !h.Columns.State {
				s.State = nil
			}
			if s.Step < 3 {
				s.BatchLoss, s.LearningRate = record.Some(1), record.Some(0.5)
			}
			if err := m.Append(&s); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	alphas := analyze.Range{Min: -0.5, Max: 1.5, N: 5}
	theta := []float64{-2, 0, 2, 4, 6, 5, 4, 3, 2, 1, -1, 2, 5, 8, 11}
	loss := &together{stateful: stateful{own: []float32{10}}}
	r := run(t, record1(h), loss, walk.Options{Alphas: alphas, Also: []walk.Measure{{
		Name: "other",
		Loss: &stateful{own: []float32{10}},
	}}})
	for column, state := range map[string][]float64{
		"loss":  {1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 7, 7},
		"other": {1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 7, 7},
	} {
		for i, v := range r.Losses.Column(column).Floats {
			if want := theta[i] + 100*state[i]; v != want {
				t.Errorf("%s of point %d is %v; want %v", column, i, v, want)
			}
		}
	}
	// An iterate, then three points inside each segment and the next iterate, in batches of at
	// most eight.
	if want := "[[100 98 202 306 304 305 303 301] [302 299 505 711 708]]"; fmt.Sprint(loss.batches) != want {
		t.Errorf("the batches are %v; want %v", loss.batches, want)
	}
	if text := fmt.Sprint(r.Warnings); !strings.Contains(text, "state_carried 1 iterates") ||
		!strings.Contains(text, "interpolated as theta is") {
		t.Errorf("warnings are %v", text)
	}
	if loss.state != nil {
		t.Errorf("afterwards the loss still has the state %v", loss.state)
	}
	// Without recorded statistics the loss keeps its own.
	h.Columns.State = false
	r = run(t, record1(h), loss, walk.Options{Alphas: alphas})
	for i, v := range r.Losses.Column("loss").Floats {
		if want := theta[i] + 1000; v != want {
			t.Errorf("without statistics point %d is %v; want %v", i, v, want)
		}
	}
}

// seen keeps the states that a loss received.
type seen struct{ states [][]float32 }

func (s *seen) SetState(state []float32) bool {
	if state != nil {
		s.states = append(s.states, state)
	}
	return true
}

func (s *seen) Loss(context.Context, []float32) (float64, error) { return 1, nil }

// Infinite elements, such as the elements of a mask, and elements that are equal at both
// ends are not interpolated.
func TestStateThatIsNotInterpolated(t *testing.T) {
	inf := float32(math.Inf(1))
	h := header(1)
	h.State, h.Columns.State, h.Columns.Grad = record.Pack(record.Tensor{
		Name: "mask", Kind: record.Other,
		Shape: []int{5},
	}), true, false
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i, state := range [][]float32{{-inf, 0.1, inf, 1, -inf}, {-inf, 0.1, -inf, inf, 2}} {
		if err := m.Append(&record.Step{
			Step: int64(i), Epoch: 1, Theta: []float32{float32(i)},
			State: state,
		}); err != nil {
			t.Fatal(err)
		}
	}
	loss := &seen{}
	run(t, m, loss, walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 5}})
	want := [][]float32{
		{-inf, 0.1, inf, 1, -inf},
		{-inf, 0.1, inf, 1, -inf},
		{-inf, 0.1, inf, 1, -inf},
		{-inf, 0.1, -inf, inf, 2},
		{-inf, 0.1, -inf, inf, 2},
	}
	for _, state := range want {
		if !slices.ContainsFunc(loss.states, func(s []float32) bool { return slices.Equal(s, state) }) {
			t.Errorf("no point has the state %v", state)
		}
	}
	for _, state := range loss.states {
		if !slices.ContainsFunc(want, func(s []float32) bool { return slices.Equal(s, state) }) {
			t.Errorf("a point has the state %v", state)
		}
	}
}
