package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
)

// bowl is the model 1/2 mean (theta - x)^2 per coordinate. Its gradient at theta
// is theta - mean(x), so every run has a closed form. Its state counts the
// gradients: like running statistics, it changes in the forward pass.
type bowl struct {
	theta, state []float32
	failAt       int
}

func (b *bowl) Layout() record.Layout {
	return record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, len(b.theta)}})
}

func (b *bowl) StateLayout() record.Layout {
	return record.Pack(record.Tensor{Name: "seen", Kind: record.RunningMean, Shape: []int{1}})
}
func (b *bowl) Theta() []float32 { return b.theta }
func (b *bowl) State() []float32 { return b.state }

func (b *bowl) Gradient(inputs []float32, labels []int32, grad []float32) (train.Measure, error) {
	if b.state[0]++; b.failAt > 0 && int(b.state[0]) == b.failAt {
		return train.Measure{}, errors.New("out of order")
	}
	n, loss := len(labels), 0.0
	clear(grad)
	for i := range n {
		for j, t := range b.theta {
			d := t - inputs[i*len(b.theta)+j]
			grad[j] += d / float32(n)
			loss += float64(d*d) / 2 / float64(n)
		}
	}
	return train.Measure{Loss: loss, Examples: n}, nil
}

// points is a source of batches over fixed one-dimensional points, in order.
type points struct {
	x     []float32
	batch int
}

func (p points) PerEpoch() int { return (len(p.x) + p.batch - 1) / p.batch }

func (p points) Batch(_, b int) ([]float32, []int32, error) {
	x := p.x[b*p.batch : min((b+1)*p.batch, len(p.x))]
	return x, make([]int32, len(x)), nil
}

// descent is plain gradient descent. It records the given number of inner iterates.
type descent struct{ inner int }

func (d descent) Step(_ context.Context, theta, grad []float32, rate float64, p train.Probe) error {
	for range d.inner {
		g := make([]float32, len(theta))
		at := []float32{theta[0] + 1}
		loss, err := p.Next(at, g)
		if err != nil {
			return err
		}
		if err := p.Inner(at, nil, record.Some(loss)); err != nil {
			return err
		}
	}
	for i := range theta {
		theta[i] -= float32(rate) * grad[i]
	}
	return nil
}

func header() *record.Header {
	b := &bowl{theta: make([]float32, 1)}
	return &record.Header{
		Format: record.FormatVersion, DType: "float32", Layout: b.Layout(), State: b.StateLayout(),
		Columns: record.Columns{Theta: true, Grad: true, State: true, Substep: true},
	}
}

func start(t *testing.T) (*train.Loop, *record.Memory, *bowl) {
	t.Helper()
	m, err := record.NewMemory(header())
	if err != nil {
		t.Fatal(err)
	}
	b := &bowl{theta: []float32{8}, state: []float32{0}}
	return &train.Loop{
		Model: b, Optimizer: descent{}, Source: points{x: []float32{0, 0, 4}, batch: 2},
		LearningRate: func(int64) float64 { return 0.5 }, Epochs: 2, Sink: m, Columns: header().Columns,
	}, m, b
}

// stopAt runs the loop and cancels it while it does the given step.
func stopAt(t *testing.T, l *train.Loop, step int64) train.Result {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l.Hook = func(s *record.Step) error {
		if s.Step == step {
			cancel()
		}
		return nil
	}
	r, err := l.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRowsOfARun(t *testing.T) {
	l, m, b := start(t)
	r, err := l.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != train.Finished || r.Steps != 4 || m.Len() != 5 || r.Rows != 5 {
		t.Fatalf("got %+v with %d rows; want 4 updates and 5 rows", r, m.Len())
	}
	// theta <- theta - (theta - mean)/2, with batch means 0, 4, 0, 4.
	theta, means := float32(8), []float32{0, 4, 0, 4}
	for k, mean := range means {
		s, _ := m.Read(k, record.AllParts)
		if s.Theta[0] != theta || s.Grad[0] != theta-mean {
			t.Errorf("row %d has theta %v and grad %v; want %v and %v, those before the update",
				k, s.Theta[0], s.Grad[0], theta, theta-mean)
		}
		if s.State[0] != float32(k) {
			t.Errorf("row %d has state %v; want %v, that before the forward pass", k, s.State[0], k)
		}
		if want := []int32{1, 1, 2, 2}[k]; s.Epoch != want {
			t.Errorf("row %d is of epoch %d; want %d", k, s.Epoch, want)
		}
		if want := []int32{2, 1, 2, 1}[k]; s.Examples != want {
			t.Errorf("row %d has a batch of %d; want %d: the last batch is ragged", k, s.Examples, want)
		}
		if s.LearningRate != record.Some(0.5) || s.IsLast() {
			t.Errorf("row %d: learning rate %v, last %v", k, s.LearningRate, s.IsLast())
		}
		theta -= (theta - mean) / 2
	}
	s, _ := m.Read(4, record.AllParts)
	if s.Theta[0] != theta || s.Theta[0] != b.theta[0] || !s.IsLast() || s.Step != 4 {
		t.Errorf("the last row is %+v; want theta_T = %v", s, theta)
	}
	if s.Grad != nil || s.BatchLoss.Valid || s.LearningRate.Valid {
		t.Errorf("the last row is %+v; want no batch", s)
	}
}

// stateLoss is a loss over a whole set that depends on the state of the model.
type stateLoss struct{ b *bowl }

func (l stateLoss) Evaluate(_ context.Context, theta []float32) (train.Measure, error) {
	return train.Measure{Loss: float64(theta[0]) + 1000*float64(l.b.state[0])}, nil
}

// TestLossesBelongToTheRow: full_loss and test_loss of a row are the losses at the
// row's theta with the row's state.
func TestLossesBelongToTheRow(t *testing.T) {
	l, m, b := start(t)
	l.Full, l.Test = stateLoss{b}, stateLoss{b}
	if _, err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	measured := 0
	for k := range m.Len() {
		s, err := m.Read(k, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if !s.FullLoss.Valid {
			continue
		}
		measured++
		want := record.Some(float64(s.Theta[0]) + 1000*float64(s.State[0]))
		if s.FullLoss != want || s.TestLoss != want {
			t.Errorf("row %d has the losses %v and %v; its theta and state give %v", k, s.FullLoss, s.TestLoss, want)
		}
	}
	if measured != 3 {
		t.Errorf("%d rows have losses; want 2 epochs and the end", measured)
	}
}

func TestDivergenceIsRecorded(t *testing.T) {
	l, m, _ := start(t)
	l.LearningRate = func(int64) float64 { return 1e30 }
	l.Schedule, _ = record.ParseSchedule("every:1000")
	r, err := l.Run(context.Background())
	if err != nil || r.Status != train.Diverged || !strings.Contains(r.Message, "diverged") {
		t.Fatalf("got %+v, %v; want a diverged run", r, err)
	}
	s, _ := m.Read(m.Len()-1, record.AllParts)
	if s.Step != r.Steps || !math.IsInf(s.BatchLoss.Value, 1) && !math.IsNaN(s.BatchLoss.Value) {
		t.Errorf("the last row is step %d with loss %v; want the diverging step %d", s.Step, s.BatchLoss, r.Steps)
	}
}

func TestStopsAtAStepBoundary(t *testing.T) {
	l, m, b := start(t)
	r := stopAt(t, l, 1)
	if r.Status != train.Stopped {
		t.Fatalf("got %+v; want a stopped run", r)
	}
	// The run stops at the next step at the latest, and the last row has the
	// model's theta.
	s, _ := m.Read(m.Len()-1, record.AllParts)
	if s.Theta[0] != b.theta[0] || s.Step != r.Steps {
		t.Errorf("the last row has theta %v of step %d; the model has %v after step %d",
			s.Theta[0], s.Step, b.theta[0], r.Steps)
	}
}

func TestScheduleKeepsFirstAndLast(t *testing.T) {
	l, m, _ := start(t)
	l.Schedule, _ = record.ParseSchedule("steps:2")
	if _, err := l.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	var steps []int64
	for i := range m.Len() {
		s, _ := m.Read(i, record.AllParts)
		steps = append(steps, s.Step)
	}
	if len(steps) != 3 || steps[0] != 0 || steps[1] != 2 || steps[2] != 4 {
		t.Errorf("kept steps %v; want 0, 2 and the last, 4", steps)
	}
}

func TestProbe(t *testing.T) {
	l, m, b := start(t)
	l.Optimizer, l.MaxSteps = descent{inner: 1}, 1
	r, err := l.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Evaluations != 2 {
		t.Errorf("%d evaluations; want one of the step and one of the fresh batch", r.Evaluations)
	}
	s, _ := m.Read(1, record.AllParts)
	if s.Step != 0 || s.Substep != 1 || s.Theta[0] != 9 || s.BatchLoss.Value != 12.5 {
		t.Errorf("the inner row is %+v; want theta 9 with loss (9-4)^2/2 on the second batch", s)
	}
	if b.theta[0] != 4 {
		t.Errorf("theta is %v; want 8 - 8/2: evaluating at another theta must not change it", b.theta[0])
	}
}

// ascent takes a second gradient of the same mini-batch at theta+1.
type ascent struct{}

func (ascent) Step(_ context.Context, theta, grad []float32, rate float64, p train.Probe) error {
	at := []float32{theta[0] + 1}
	loss, err := p.Gradient(at, grad)
	if err != nil {
		return err
	}
	theta[0] -= float32(rate) * grad[0]
	return p.Inner(at, grad, record.Some(loss))
}

// TestSecondGradient: it is one of the same mini-batch, counts as an evaluation, is recorded
// with its point, and leaves the running statistics as the first gradient made them.
func TestSecondGradient(t *testing.T) {
	l, m, b := start(t)
	l.Optimizer, l.MaxSteps = ascent{}, 2
	l.GradSchedule, _ = record.ParseSchedule("every:2")
	r, err := l.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Evaluations != 4 || b.state[0] != 2 {
		t.Errorf("%d evaluations, %v gradients in the statistics; want 4 and 2", r.Evaluations, b.state[0])
	}
	// The batches have the means 0 and 4. theta: 8, 8 - 9/2 = 3.5, 3.5 - (4.5-4)/2 = 3.25.
	for i, want := range []struct {
		theta, loss float64
		grad        []float32
	}{{8, 32, []float32{8}}, {9, 40.5, []float32{9}}, {3.5, 0.125, nil}, {4.5, 0.125, nil}} {
		s, _ := m.Read(i, record.AllParts)
		if int(s.Substep) != i%2 || float64(s.Theta[0]) != want.theta || s.BatchLoss != record.Some(want.loss) ||
			!slices.Equal(s.Grad, want.grad) || (s.Grad == nil) != (want.grad == nil) {
			t.Errorf("row %d is %+v; want %+v", i, s, want)
		}
	}
	if b.theta[0] != 3.25 {
		t.Errorf("theta is %v; want 3.25", b.theta[0])
	}
}

// trailing is gradient descent whose result is theta/2, which it records after the update.
type trailing struct {
	descent
	half []float32
}

func (o *trailing) Step(ctx context.Context, theta, grad []float32, rate float64, p train.Probe) error {
	if err := o.descent.Step(ctx, theta, grad, rate, p); err != nil {
		return err
	}
	o.half = []float32{theta[0] / 2}
	return p.Inner(o.half, nil, record.Optional{})
}

func (o *trailing) Average() []float32 { return o.half }

// squares is an evaluator whose loss is the square of theta.
type squares struct{}

func (squares) Evaluate(_ context.Context, theta []float32) (train.Measure, error) {
	return train.Measure{Loss: float64(theta[0] * theta[0]), Accuracy: 0.25}, nil
}

// TestAveraging: the result has the losses of the average, and its last point is recorded
// whatever the schedules keep.
func TestAveraging(t *testing.T) {
	l, m, b := start(t)
	l.Optimizer, l.Full, l.Test = &trailing{}, squares{}, squares{}
	l.Schedule, _ = record.ParseSchedule("every:100")
	l.ThetaSchedule = l.Schedule
	r, err := l.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	end := float64(b.theta[0])
	if r.FullLoss != record.Some(end*end) || r.Average == nil || r.Average.FullLoss != record.Some(end*end/4) ||
		r.Average.TestLoss != r.Average.FullLoss || r.Average.TestAcc != record.Some(0.25) {
		t.Errorf("theta is %v, and the result %+v, %+v", end, r, r.Average)
	}
	var rows []string
	for i := range m.Len() {
		s, _ := m.Read(i, record.AllParts)
		rows = append(rows, fmt.Sprint(s.Step, s.Substep, s.Theta))
	}
	want := []string{"0 0 [8]", "0 1 [2]", "3 0 []", "3 1 [" + fmt.Sprint(b.theta[0]/2) + "]", "4 0 [" + fmt.Sprint(b.theta[0]) + "]"}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %q; want %q", rows, want)
	}
	// Other optimizers have none.
	l, _, _ = start(t)
	l.Full = squares{}
	if r, err = l.Run(context.Background()); err != nil || r.Average != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFailuresNameTheStep(t *testing.T) {
	l, m, b := start(t)
	b.failAt = 3
	r, err := l.Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "step 2") || r.Steps != 2 || m.Len() != 2 {
		t.Errorf("got %+v, %v with %d rows; want an error at step 2 after two rows", r, err, m.Len())
	}
	l, _, _ = start(t)
	l.Epochs = 0
	if _, err := l.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "epochs is 0") {
		t.Errorf("got %v; want epochs refused", err)
	}
}

func TestAccumulateIsTheMean(t *testing.T) {
	x, labels := []float32{1, 2, 3, 4, 10, 20, 30}, make([]int32, 7)
	b := &bowl{theta: []float32{2}, state: []float32{0}}
	want, got := make([]float32, 1), make([]float32, 1)
	mw, _ := b.Gradient(x, labels, want)
	mg, err := (&train.Accumulator{Model: b, MicroBatch: 3}).Gradient(x, labels, got)
	if err != nil {
		t.Fatal(err)
	}
	// Both are sums of seven float32 terms: they agree to a few roundings.
	g, w := float64(got[0]), float64(want[0])
	if math.Abs(g-w) > 1e-6*math.Abs(w) || math.Abs(mg.Loss-mw.Loss) > 1e-12*mw.Loss {
		t.Errorf("micro-batches of 3 give %v, %v; all seven at once %v, %v", g, mg.Loss, w, mw.Loss)
	}
}

// TestThetaSchedule: rows without theta still have their losses and gradients. The
// first and the last row always have theta.
func TestThetaSchedule(t *testing.T) {
	l, m, _ := start(t)
	l.Epochs = 4
	l.ThetaSchedule, _ = record.ParseSchedule("every:3")
	if _, err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range m.Len() {
		s, _ := m.Read(i, record.AllParts)
		if want := i%3 == 0 || i == m.Len()-1; want != (s.Theta != nil) {
			t.Errorf("row %d has theta %v", i, s.Theta)
		}
		if s.Grad == nil && i < m.Len()-1 {
			t.Errorf("row %d has no gradient", i)
		}
	}
}
