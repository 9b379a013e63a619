package line_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

// swapped is the same function of (x, y) and (y, x), as that of a network with two hidden
// units is. It has minima of 0 at (1, -1) and (-1, 1), and 4 halfway between them.
func swapped(_ context.Context, theta []float32) (float64, error) {
	x, y := float64(theta[0]), float64(theta[1])
	return ((x-1)*(x-1) + (y+1)*(y+1)) * ((x+1)*(x+1) + (y-1)*(y-1)), nil
}

func firstElement(_ context.Context, theta []float32) (float64, error) { return float64(theta[0]), nil }

// evaluate evaluates a loss between two points.
func evaluate(t *testing.T, a, b []float32, loss analyze.Loss, o line.Options) *line.Result {
	t.Helper()
	r, err := line.Between(context.Background(), a, b, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Losses.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAlignedLine: the barrier between two orders of the same units is gone after the
// alignment, and both lines are in the table.
func TestAlignedLine(t *testing.T) {
	a, b, aligned := []float32{1, -1}, []float32{-1, 1.5}, []float32{1.5, -1}
	r := evaluate(t, a, b, analyze.LossFunc(swapped), line.Options{
		Alphas: grid(t, "-0.5:1.5:9"), Aligned: aligned,
		Also: []line.Measure{{Name: "x", Loss: analyze.LossFunc(firstElement)}},
	})
	var names []string
	for _, c := range r.Losses.Columns {
		names = append(names, c.Name)
	}
	want := []string{"alpha", "distance", "loss", "x", "aligned_distance", "aligned_loss", "aligned_x"}
	if !slices.Equal(names, want) {
		t.Errorf("columns %v; want %v", names, want)
	}
	for i, alpha := range r.Losses.Column("alpha").Floats {
		x := 1 + alpha*0.5
		loss, _ := swapped(context.Background(), []float32{float32(x), -1})
		if got := r.Losses.Column("aligned_loss").Floats[i]; got != loss {
			t.Errorf("alpha %v: loss %v on the aligned line; want %v", alpha, got, loss)
		}
		if got := r.Losses.Column("aligned_x").Floats[i]; got != x {
			t.Errorf("alpha %v: x is %v on the aligned line; want %v", alpha, got, x)
		}
		if got := r.Losses.Column("aligned_distance").Floats[i]; got != alpha*0.5 {
			t.Errorf("alpha %v: distance %v on the aligned line", alpha, got)
		}
	}
	s, after := &r.Summary, r.Aligned
	if s.LossEnd != after.LossEnd || s.BarrierOverEnds.Value != 1.44140625 || after.BarrierOverEnds.Value != 0 || after.Distance != 0.5 {
		t.Errorf("before %+v, after %+v", s, after)
	}
	// All points on the first line, and all but alpha 0 on the second.
	if n := r.Losses.Len(); r.Evaluated != 2*n-1 {
		t.Errorf("%d evaluations for %d points", r.Evaluated, n)
	}
	summary := line.Summary{Line: r.Summary, Aligned: r.Aligned}
	if text := strings.Join(analyze.Texts(summary.Findings()), "\n"); !strings.Contains(text,
		"before the alignment and 0 after it") {
		t.Error(text)
	}
	for _, w := range r.Warnings {
		if w.Code == "aligned_end_differs" {
			t.Error(w.Text)
		}
	}
}

// TestAlignmentWithoutEffect: when no units move, nothing is evaluated twice.
func TestAlignmentWithoutEffect(t *testing.T) {
	a, b := []float32{1, -1}, []float32{-1, 1}
	r := evaluate(t, a, b, analyze.LossFunc(swapped), line.Options{Aligned: slices.Clone(b)})
	if r.Evaluated != r.Losses.Len() || !slices.Equal(r.Losses.Column("loss").Floats, r.Losses.Column("aligned_loss").Floats) ||
		r.Aligned.BarrierOverEnds != r.Summary.BarrierOverEnds {
		t.Errorf("%d evaluations; %+v", r.Evaluated, r.Aligned)
	}
	// A copy that coincides with the first end.
	r = evaluate(t, a, b, analyze.LossFunc(swapped), line.Options{Aligned: a})
	if r.Aligned.Distance != 0 || r.Aligned.BarrierOverEnds.Value != 0 || r.Summary.BarrierOverEnds.Value != 4 {
		t.Errorf("%+v", r.Aligned)
	}
}

// TestAlignedEndThatIsAnotherFunction is reported.
func TestAlignedEndThatIsAnotherFunction(t *testing.T) {
	r := evaluate(t, []float32{1, -1}, []float32{-1, 1}, analyze.LossFunc(swapped), line.Options{Aligned: []float32{1, 1}})
	if !slices.ContainsFunc(r.Warnings, func(w analyze.Warning) bool { return w.Code == "aligned_end_differs" }) {
		t.Errorf("warnings %v", r.Warnings)
	}
	for want, o := range map[string]line.Options{
		"the aligned point has 1 elements": {Aligned: []float32{1}},
		`"aligned_x"`: {
			Aligned: []float32{1, 1},
			Also: []line.Measure{
				{Name: "x", Loss: analyze.LossFunc(swapped)}, {Name: "aligned_x", Loss: analyze.LossFunc(swapped)},
			},
		},
	} {
		_, err := line.Between(context.Background(), []float32{1, -1}, []float32{-1, 1}, analyze.LossFunc(swapped), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want one with %s", err, want)
		}
	}
}

func TestAlignedJob(t *testing.T) {
	jobtest.Check(t, func() job.Job[*line.Result] {
		j, err := line.NewJob([]float32{1, -1}, []float32{-1, 1.5}, analyze.LossFunc(swapped),
			line.Options{Alphas: grid(t, "-1:2:22"), Aligned: []float32{1.5, -1}})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}, func(r *line.Result) []byte { return jobtest.Encode([]any{r.Summary, r.Aligned}, &r.Losses) })
}

// stateful is a loss whose value is its state, and whose gradient is 0.
type stateful struct{ state float64 }

func (s *stateful) SetState(state []float32) bool {
	if s.state = -1; state != nil {
		s.state = float64(state[0])
	}
	return true
}

func (s *stateful) Loss(context.Context, []float32) (float64, error) { return s.state, nil }

func (s *stateful) Gradient(_ context.Context, _, grad []float32) (float64, error) {
	clear(grad)
	return s.state, nil
}

// TestStatesOfLines: the loss gets the statistics of both ends, interpolated, and those of the
// nearer end beyond them.
func TestStatesOfLines(t *testing.T) {
	loss := &stateful{state: -1}
	states := line.States{A: []float32{1}, B: []float32{3}, Aligned: []float32{5}}
	r := evaluate(t, []float32{1, -1}, []float32{-1, 1}, loss,
		line.Options{Alphas: grid(t, "-0.5:1.5:9"), Aligned: []float32{2, -1}, States: states})
	for i, alpha := range r.Losses.Column("alpha").Floats {
		inside := min(max(alpha, 0), 1)
		if got, want := r.Losses.Column("loss").Floats[i], 1+2*inside; got != want {
			t.Errorf("alpha %v: state %v; want %v", alpha, got, want)
		}
		if got, want := r.Losses.Column("aligned_loss").Floats[i], 1+4*inside; got != want {
			t.Errorf("alpha %v on the aligned line: state %v; want %v", alpha, got, want)
		}
	}
	k, err := line.Connect(context.Background(), []float32{1, -1}, []float32{-1, 1}, loss,
		line.ConnectOptions{Steps: 20, Points: 5, States: states})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*record.Table{&k.Losses, &k.Training} {
		for i, x := range table.Column("t").Floats {
			if got := table.Column("loss").Floats[i]; math.Abs(got-(1+2*x)) > 1e-6 {
				t.Errorf("t = %v: state %v; want %v", x, got, 1+2*x)
			}
		}
	}
	if loss.state != -1 {
		t.Errorf("the loss keeps the state %v", loss.state)
	}
	// Without states the loss has its own.
	r = evaluate(t, []float32{1, -1}, []float32{-1, 1}, loss, line.Options{})
	if v := r.Losses.Column("loss").Floats; slices.Max(v) != -1 {
		t.Errorf("losses %v", v)
	}
}
