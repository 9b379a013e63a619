package compare_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/compare"
	"sgdwalk/record"
)

// twin is the same function of (x, y) and (y, x), plus its state: minima at (1, -1) and
// (-1, 1), and 4 halfway between them.
type twin struct{ state float64 }

func (w *twin) Loss(_ context.Context, theta []float32) (float64, error) {
	x, y := float64(theta[0]), float64(theta[1])
	return ((x-1)*(x-1)+(y+1)*(y+1))*((x+1)*(x+1)+(y-1)*(y-1)) + w.state, nil
}

func (w *twin) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	clear(grad)
	return w.Loss(ctx, theta)
}

func (w *twin) SetState(state []float32) bool {
	if w.state = 0; state != nil {
		w.state = float64(state[0] + state[1])
	}
	return true
}

// ending is a run that ends at a point, with running statistics.
func ending(t *testing.T, group string, seed uint64, x, y, state float32) compare.Run {
	t.Helper()
	h := record.NewHeader(record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{2, 1}, Axes: []string{"h", "input"}}})
	h.Layout = record.Pack(h.Layout[0], record.Tensor{Name: "v", Kind: record.Weight, Shape: []int{1, 2}, Axes: []string{"", "h"}})
	h.State = record.Pack(record.Tensor{Name: "m", Kind: record.RunningMean, Shape: []int{2}, Axes: []string{"h"}})
	h.Columns.State = true
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for k, theta := range [][]float32{{0, 0, 0, 0}, {x, y, x, y}} {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: theta, State: []float32{state, 0}}
		if k == 1 {
			s.State = nil // the last statistics are those of the row before
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	return compare.Run{Name: fmt.Sprintf("%s-%d", group, seed), Group: group, Seed: seed, Trajectory: m}
}

// TestAlignedBarriers: the barrier between two minima that differ in the order of the units is
// gone after the alignment; two seeds of one group are compared too.
func TestAlignedBarriers(t *testing.T) {
	runs := []compare.Run{
		ending(t, "a", 1, 1, -1, 0), ending(t, "b", 1, -1, 1, 0), ending(t, "a", 2, -1, 1, 0), ending(t, "a", 3, 1, -1, 0),
	}
	s, err := align.New(runs[0].Trajectory.Header().Layout, runs[0].Trajectory.Header().State)
	if err != nil {
		t.Fatal(err)
	}
	var matched []string
	a := &compare.Align{
		Match: func(ctx context.Context, _ analyze.Loss, a, b, state []float32) (*align.Result, error) {
			matched = append(matched, fmt.Sprint(a, b, state))
			return align.Match(ctx, s, a, b, align.Options{})
		},
		Null: func(_ context.Context, ends ...[]float32) (*align.NullSummary, error) {
			return &align.NullSummary{Points: "two points", Pairs: len(ends)}, nil
		},
	}
	loss := &twin{}
	r, err := compare.Barriers(t.Context(), runs, loss, compare.BarrierOptions{Baseline: "a", CurveSteps: -1, Align: a})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Table.Validate(); err != nil {
		t.Fatal(err)
	}
	text := func(column string) string { return strings.Join(r.Table.Column(column).Strings, " ") }
	if got := text("run_a") + "; " + text("run_b"); got != "a-1 a-1 a-1 a-2; a-2 a-3 b-1 a-3" {
		t.Fatal(got)
	}
	if got := text("seed"); got != "1 and 2 1 and 3 1 2 and 3" {
		t.Error(got)
	}
	value := func(column string, i int) record.Optional {
		c := r.Table.Column(column)
		return record.Optional{Value: c.Floats[i], Valid: c.Valid == nil || c.Valid[i]}
	}
	// The pair of a-1 and a-3 ends at one point. The points next to the middle have the loss
	// 4 (1 - 1/29^2)^2 = 3.9905.
	for i, want := range []struct{ before, after record.Optional }{
		{record.Some(3.99049), record.Some(0)},
		{record.Some(0), record.Optional{}},
		{record.Some(3.99049), record.Some(0)},
		{record.Some(3.99049), record.Some(0)},
	} {
		before, after := value("barrier_over_ends", i), value("aligned_barrier_over_ends", i)
		if math.Abs(before.Value-want.before.Value) > 1e-5 || after != want.after {
			t.Errorf("row %d: barrier %v before, %v after", i, before, after)
		}
		if want.after.Valid && (value("moved_ratio", i).Value != 1 || value("aligned_distance", i).Value != 0) {
			t.Errorf("row %d: moved %v, distance %v", i, value("moved_ratio", i), value("aligned_distance", i))
		}
	}
	if len(r.Alignments) != 3 || r.Alignments[1].From != "a-1" || r.Alignments[1].To != "b-1" || r.Alignments[1].After.Value != 0 ||
		r.Alignments[1].Alignment.Moved != 2 || r.Null.Pairs != 4 || len(matched) != 3 {
		t.Errorf("%+v, %+v, %v", r.Alignments, r.Null, matched)
	}
	if n := r.Lines.Len(); n != 3*30 || r.Lines.Column("from").Strings[30] != "a-1" || r.Lines.Column("to").Strings[30] != "b-1" ||
		r.Tensors.Len() != 3*2 || r.Places.Len() != 3*2 {
		t.Errorf("%d rows of lines, %d of tensors, %d of places", n, r.Tensors.Len(), r.Places.Len())
	}
	summary := compare.Summary{
		Groups: []string{"a", "b"}, Baseline: "a", Barriers: &r.Table, Alignments: r.Alignments,
		AlignmentNull: &align.NullSummary{Points: "two points"},
	}
	summary.AlignmentNull.DistanceRatio.Mean = record.Some(0.75)
	findings := strings.Join(analyze.Texts(summary.Findings()), "\n")
	for _, want := range []string{
		"between the ends of a and b (mean of 1): distance 4, barrier above the higher end 3.99 on the straight line, not " +
			"measured on a trained curve; with the hidden units of the second end aligned, distance 0 and barrier 0",
		"between the ends of two seeds of a (mean of 3): distance 2.67",
		"alignment brings two points closer too: by 25 %",
	} {
		if !strings.Contains(findings, want) {
			t.Errorf("findings\n%s\nlack\n%s", findings, want)
		}
	}
	// Without an alignment there are neither the columns nor the pairs of seeds.
	r, err = compare.Barriers(t.Context(), runs, loss, compare.BarrierOptions{Baseline: "a", CurveSteps: -1})
	if err != nil || r.Table.Len() != 1 || r.Table.Column("aligned_distance") != nil || r.Alignments != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestBarriersUseTheStatisticsOfBothEnds: a loss that takes running statistics gets those of
// each run, interpolated between the ends.
func TestBarriersUseTheStatisticsOfBothEnds(t *testing.T) {
	runs := []compare.Run{ending(t, "a", 1, 1, -1, 10), ending(t, "b", 1, 1, -1.5, 30)}
	loss := &twin{}
	r, err := compare.Barriers(t.Context(), runs, loss, compare.BarrierOptions{CurveSteps: 4})
	if err != nil {
		t.Fatal(err)
	}
	end, _ := (&twin{30}).Loss(context.Background(), []float32{1, -1.5})
	a, b := r.Table.Column("loss_a").Floats[0], r.Table.Column("loss_b").Floats[0]
	if a != 10 || b != end || loss.state != 0 {
		t.Errorf("losses %v and %v at the ends, want 10 and %v; the state left is %v", a, b, end, loss.state)
	}
	// Runs whose statistics have another layout keep those of the loss.
	other := ending(t, "b", 1, 1, -1.5, 30)
	other.Trajectory.Header().State[0].Name = "other"
	r, err = compare.Barriers(t.Context(), []compare.Run{runs[0], other}, loss, compare.BarrierOptions{CurveSteps: -1})
	if err != nil || r.Table.Column("loss_a").Floats[0] != 0 {
		t.Errorf("%v, %v", r, err)
	}
	if !slices.Equal(r.Table.Column("seed").Strings, []string{"1"}) {
		t.Error("seed")
	}
}
