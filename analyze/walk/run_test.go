package walk_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

type fataler interface{ Fatal(...any) }

func header(p int) *record.Header {
	return &record.Header{
		Format: 1, DType: "float32",
		Layout:  record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{p}}),
		Columns: record.Columns{Theta: true, Grad: true},
	}
}

func memory(t fataler, rows ...record.Step) *record.Memory {
	m, err := record.NewMemory(header(len(rows[0].Theta)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := m.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// positions records a walk through the given points of a line.
func positions(t fataler, xs ...float32) *record.Memory {
	var rows []record.Step
	for k, x := range xs {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: []float32{x}}
		if k < len(xs)-1 {
			s.BatchLoss, s.LearningRate = record.Some(1), record.Some(0.5)
		}
		rows = append(rows, s)
	}
	return memory(t, rows...)
}

// counter is a loss that counts its calls and keeps the points.
type counter struct {
	f      func(theta []float32) float64
	points [][]float32
}

func (c *counter) Loss(_ context.Context, theta []float32) (float64, error) {
	c.points = append(c.points, slices.Clone(theta))
	return c.f(theta), nil
}

func square(theta []float32) float64 {
	s := 0.0
	for _, v := range theta {
		s += float64(v) * float64(v) / 2
	}
	return s
}

func run(t fataler, m record.Trajectory, loss analyze.Loss, o walk.Options) *walk.Result {
	r, err := walk.Run(context.Background(), m, loss, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*record.Table{&r.Segments, &r.Losses, &r.Epochs} {
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func must[T any](t fataler) func(T, error) T {
	return func(v T, err error) T {
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func floats(t record.Table, name string) []float64 { return t.Column(name).Floats }

func ExampleRun() {
	// Three iterates of gradient descent on x^2/2 with learning rate 1.5: each step
	// jumps over the valley floor at x = 0.
	h := &record.Header{
		Format: 1, DType: "float32",
		Layout:  record.Pack(record.Tensor{Name: "x", Kind: record.Weight, Shape: []int{1}}),
		Columns: record.Columns{Theta: true},
	}
	recording, _ := record.NewMemory(h)
	for k, x := range []float32{4, -2, 1} {
		_ = recording.Append(&record.Step{Step: int64(k), Epoch: 1, Theta: []float32{x}})
	}
	loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		x := float64(theta[0])
		return x * x / 2, nil
	})
	r, err := walk.Run(context.Background(), recording, loss, walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 9}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d segments, %d evaluations\n", r.Summary.Segments, r.Summary.Evaluations)
	for k, s := range r.Segments.Column("floor_position").Floats {
		fmt.Printf("segment %d: s* = %.4f, height %v to %v\n", k, s, r.Segments.Column("height_start").Floats[k],
			r.Segments.Column("height_end").Floats[k])
	}
	// Output:
	// 2 segments, 17 evaluations
	// segment 0: s* = 0.6667, height 8 to 2
	// segment 1: s* = 0.6667, height 2 to 0.5
}

// Oracle (ii): gradient descent on a diagonal quadratic. In one eigendirection
// s* = 1/(eta lambda), and the loss rises exactly where eta lambda > 2.
func TestGradientDescentOracle(t *testing.T) {
	for _, etaLambda := range []float64{0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2.25, 2.5} {
		x, xs := 1.0, []float32{}
		for range 5 {
			xs = append(xs, float32(x)) // exact: few bits
			x *= 1 - etaLambda
		}
		r := run(t, positions(t, xs...), &counter{f: square}, walk.Options{Alphas: analyze.Range{
			Min: 0, Max: 5,
			N: 41,
		}})
		for k := range r.Segments.Len() {
			if got := floats(r.Segments, "floor_position")[k]; math.Abs(got-1/etaLambda) > 1e-12 {
				t.Errorf("eta lambda %v, segment %d: s* is %v, want %v", etaLambda, k, got, 1/etaLambda)
			}
			if got := r.Segments.Column("rises").Bools[k]; got != (etaLambda > 2) {
				t.Errorf("eta lambda %v, segment %d: rises is %v", etaLambda, k, got)
			}
			if got := r.Segments.Column("floor_interior").Bools[k]; got != (etaLambda > 1) {
				t.Errorf("eta lambda %v, segment %d: interior floor is %v", etaLambda, k, got)
			}
			if got := floats(r.Segments, "cockpit_alpha")[k]; math.Abs(got-(etaLambda-1)) > 1e-11 {
				t.Errorf("eta lambda %v, segment %d: Cockpit's alpha is %v", etaLambda, k, got)
			}
			// The curvature of x^2/2 is 1 in every direction.
			if got := floats(r.Segments, "sharpness")[k]; math.Abs(got-1) > 1e-9 {
				t.Errorf("eta lambda %v, segment %d: sharpness is %v", etaLambda, k, got)
			}
		}
		if r.Summary.Barriers != 0 {
			t.Errorf("eta lambda %v: %d barriers on a parabola", etaLambda, r.Summary.Barriers)
		}
		if w := r.Summary.FloorPositionWeighted; !w.Valid || math.Abs(w.Value-1/etaLambda) > 1e-9 {
			t.Errorf("eta lambda %v: curvature-weighted s* is %v", etaLambda, w)
		}
	}
}

// Oracle (iv) on a recorded run.
func TestDoubleWellHasOneBarrier(t *testing.T) {
	well := &counter{f: func(theta []float32) float64 { x := float64(theta[0]); return (x*x - 1) * (x*x - 1) / 4 }}
	r := run(t, positions(t, -1, 1), well, walk.Options{})
	s := r.Summary
	if s.Barriers != 1 || s.BarrierHeight.Mean != record.Some(0.25) || s.BarriersBelowFloat32 != 0 {
		t.Errorf("%d barriers of height %v", s.Barriers, s.BarrierHeight.Mean)
	}
	if a := r.Segments.Column("barrier_alpha").Floats[0]; a != 0.5 {
		t.Errorf("the barrier is at alpha %v", a)
	}
}

// Peer mistake: the last (or first) point of a segment is left out.
func TestSegmentEndsAreTheIteratesToTheBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "iterates")
		p := rapid.IntRange(1, 4).Draw(t, "parameters")
		var rows []record.Step
		for k := range n {
			rows = append(rows, record.Step{Step: int64(k), Epoch: 1, Theta: rapid.SliceOfN(rapid.Float32(), p,
				p).Draw(t, "theta")})
		}
		c := &counter{f: square}
		r := run(t, memory(t, rows...), c, walk.Options{Alphas: analyze.Range{Min: -0.5, Max: 2, N: 6}})
		sameBits := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
		start, end := floats(r.Segments, "loss_start"), floats(r.Segments, "loss_end")
		for k := range n - 1 {
			if !sameBits(start[k], square(rows[k].Theta)) || !sameBits(end[k], square(rows[k+1].Theta)) {
				t.Fatalf("segment %d runs from loss %v to %v", k, start[k], end[k])
			}
			if k > 0 && !sameBits(start[k], end[k-1]) {
				t.Fatalf("segments %d and %d disagree on their common iterate", k-1, k)
			}
		}
		for k := range rows {
			if !slices.ContainsFunc(c.points, func(q []float32) bool { return slices.Equal(q, rows[k].Theta) }) {
				t.Fatalf("iterate %d was not evaluated: the last one included, all must be", k)
			}
		}
	})
}

func TestSharedIteratesAreEvaluatedOnce(t *testing.T) {
	for _, c := range []struct {
		iterates, alphas, want int
		segments               string
	}{
		{6, 11, 5*10 + 1, ""},
		{6, 2, 6, ""},
		{2, 11, 11, ""},
		{9, 11, 2*10 + 1 + 3*10 + 1, "0-1,4-6"},
		{9, 11, 3 * 11, "0,2,4"},
	} {
		xs := make([]float32, c.iterates)
		for i := range xs {
			xs[i] = float32(i)
		}
		loss := &counter{f: square}
		var p tally
		r := run(t, positions(t, xs...), loss, walk.Options{
			Alphas:   analyze.Range{Min: 0, Max: 1, N: c.alphas},
			Segments: must[analyze.Segments](t)(analyze.ParseSegments(c.segments)),
			Progress: &p,
		})
		if len(loss.points) != c.want || r.Summary.Evaluations != c.want || r.Evaluated != c.want ||
			p.total != c.want || p.done != c.want {
			t.Errorf("%+v: %d calls, %d evaluations, %d made, progress %+v", c, len(loss.points),
				r.Summary.Evaluations, r.Evaluated, p)
		}
		if got, want := r.Losses.Len(), r.Summary.Segments*c.alphas; got != want {
			t.Errorf("%+v: %d samples, want %d", c, got, want)
		}
	}
}

type tally struct{ total, done int }

func (p *tally) Begin(_ string, total int) { p.total = total }
func (p *tally) Add(n int)                 { p.done += n }

// Peer mistake: points are computed by adding steps, so rounding errors accumulate.
func TestPointsComeFromTheEndsNotFromTheirNeighbours(t *testing.T) {
	c := &counter{f: square}
	run(t, positions(t, 1, 8), c, walk.Options{Alphas: analyze.Range{Min: -0.5, Max: 2, N: 26}})
	one := &counter{f: square}
	run(t, positions(t, 1, 8), one, walk.Options{Alphas: analyze.Range{Min: 0, Max: 1.7, N: 18}})
	point := func(c *counter, alpha float32) bool {
		return slices.ContainsFunc(c.points, func(q []float32) bool { return q[0] == alpha })
	}
	for _, x := range []float32{8, 1, float32(1 + 0.3*7), float32(1 + 1.7*7)} {
		if !point(c, x) || !point(one, x) {
			t.Errorf("%v is not among the points of both grids", x)
		}
	}
}

// Peer mistake: the evaluation changes the iterates. A loss that breaks its contract and
// writes to its argument does not change the recording either.
func TestEvaluationChangesNothing(t *testing.T) {
	m := positions(t, 3, -2, 1, 0.5)
	before := text(t, m)
	vandal := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		v := square(theta)
		theta[0] = 99
		return v, nil
	})
	a := run(t, m, vandal, walk.Options{})
	b := run(t, m, &counter{f: square}, walk.Options{})
	if after := text(t, m); after != before {
		t.Errorf("the recording was\n%s and is\n%s", before, after)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("two evaluations differ: %s", diff)
	}
}

func text(t *testing.T, m record.Trajectory) string {
	var b strings.Builder
	for i := range m.Len() {
		fmt.Fprintf(&b, "%v\n", must[record.Step](t)(m.Read(i, record.AllParts)))
	}
	return b.String()
}

// Peer mistake: NaN is replaced, or counts as "not computed".
func TestNaNLossesAreKept(t *testing.T) {
	loss := &counter{f: func(theta []float32) float64 {
		switch x := float64(theta[0]); {
		case x > 2.4 && x < 2.6:
			return math.NaN()
		case x > 2.6:
			return math.Inf(1)
		default:
			return x - 1 // 0 and below are ordinary losses
		}
	}}
	store := memoryStore{}
	o := walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 3}, Store: store}
	r := run(t, positions(t, 0, 1, 2, 3), loss, o)
	want := []string{"-1", "-0.5", "0", "0", "0.5", "1", "1", "NaN", "+Inf"}
	var got []string
	for i := range r.Losses.Len() {
		got = append(got, r.Losses.Column("loss").Text(i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s := r.Summary
	if s.NonfiniteLosses != 2 || s.NonfiniteSegments != 1 || s.FloorPosition.Count != 2 || s.FloorPosition.Absent != 1 {
		t.Errorf("%+v", s)
	}
	if r.Warnings[0].Code != "nonfinite_losses" {
		t.Errorf("%v", r.Warnings)
	}
	if again := run(t, positions(t, 0, 1, 2, 3), loss, o); again.Evaluated != 0 {
		t.Errorf("%d points were evaluated again: NaN, Inf and 0 are results", again.Evaluated)
	}
}

type memoryStore map[string][]float64

func (m memoryStore) Lookup(unit string) ([]float64, bool) { v, ok := m[unit]; return v, ok }

func (m memoryStore) Save(unit string, values []float64) error {
	m[unit] = slices.Clone(values)
	return nil
}

// A walk that is interrupted anywhere and resumed has the same result.
func TestResume(t *testing.T) {
	m := positions(t, 5, -3, 2, -1, 0.5)
	want := run(t, m, &counter{f: square}, walk.Options{})
	for stop := range want.Evaluated {
		store := memoryStore{}
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
			if n++; n > stop {
				cancel()
				return 0, ctx.Err()
			}
			return square(theta), nil
		})
		if _, err := walk.Run(ctx, m, loss, walk.Options{Store: store}); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after %d: %v", stop, err)
		}
		got := run(t, m, &counter{f: square}, walk.Options{Store: store})
		if got.Evaluated > want.Evaluated || stop > 10 && got.Evaluated == want.Evaluated {
			t.Errorf("stopped after %d: %d points were evaluated again", stop, got.Evaluated)
		}
		got.Evaluated = want.Evaluated
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("stopped after %d: %s", stop, diff)
		}
		cancel()
	}
}

// The values of a unit depend on its name only: a walk over a subset of the segments has
// the same rows as the whole walk.
func TestSegmentsAreIndependent(t *testing.T) {
	m := positions(t, 5, -3, 2, -1, 0.5, 4)
	whole := run(t, m, &counter{f: square}, walk.Options{})
	for k := range 5 {
		part := run(t, m, &counter{f: square},
			walk.Options{Segments: must[analyze.Segments](t)(analyze.ParseSegments(fmt.Sprint(k)))})
		for i := range whole.Segments.Columns {
			c := &whole.Segments.Columns[i]
			if got, want := part.Segments.Column(c.Name).Text(0), c.Text(k); got != want {
				t.Errorf("segment %d alone: %s is %s, want %s", k, c.Name, got, want)
			}
		}
	}
}

func TestAlongTheGradient(t *testing.T) {
	rows := []record.Step{
		{
			Step: 0, Epoch: 1, BatchLoss: record.Some(1), LearningRate: record.Some(0.5), Theta: []float32{4},
			Grad: []float32{8},
		},
		{
			Step: 1, Epoch: 1, BatchLoss: record.Some(1), LearningRate: record.Some(0.5), Theta: []float32{1},
			Grad: []float32{-2},
		},
		{Step: 2, Epoch: 1, Theta: []float32{7}},
	}
	c := &counter{f: square}
	r := run(t, memory(t, rows...), c, walk.Options{Direction: walk.Gradient, Alphas: analyze.Range{
		Min: 0, Max: 1,
		N: 5,
	}})
	want := [][]float32{{4}, {3}, {2}, {1}, {0}, {1}, {1.25}, {1.5}, {1.75}, {2}}
	if diff := cmp.Diff(want, c.points); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{4, 1}, floats(r.Segments, "step_length")); diff != "" {
		t.Error(diff)
	}
	if r.Summary.Evaluations != 10 || r.Evaluated != 10 ||
		!slices.ContainsFunc(r.Warnings, func(w analyze.Warning) bool { return w.Code == "along_gradient" }) {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
}

// Selecting segments reads no vectors, and evaluating reads the vectors of the selected
// rows only.
func TestOnlyWalkedRowsAreRead(t *testing.T) {
	m := &partial{Trajectory: positions(t, 5, -3, 2, -1, 0.5, 4)}
	o := walk.Options{Segments: must[analyze.Segments](t)(analyze.ParseSegments("1-2"))}
	got := run(t, m, &counter{f: square}, o)
	if diff := cmp.Diff([]int{1, 2, 2, 3}, m.whole); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(run(t, m.Trajectory, &counter{f: square}, o), got); diff != "" {
		t.Error(diff)
	}
}

type partial struct {
	record.Trajectory
	whole []int
}

func (p *partial) Read(i int, parts record.Parts) (record.Step, error) {
	if parts != record.ScalarsOnly {
		p.whole = append(p.whole, i)
	}
	return p.Trajectory.Read(i, parts)
}

// Further measures get the same points as the loss, and are stored and resumed with it.
func TestAlsoMeasures(t *testing.T) {
	m := positions(t, 4, -2, 1)
	store := memoryStore{}
	c, double := &counter{f: square}, &counter{f: func(theta []float32) float64 { return 2 * square(theta) }}
	o := walk.Options{Store: store, Also: []walk.Measure{{Name: "double", Loss: double}}}
	r := run(t, m, c, o)
	if diff := cmp.Diff(c.points, double.points); diff != "" {
		t.Errorf("the measures see different points: %s", diff)
	}
	for i, v := range floats(r.Losses, "loss") {
		if got := floats(r.Losses, "double")[i]; got != 2*v {
			t.Errorf("sample %d: %v, want %v", i, got, 2*v)
		}
	}
	if r.Summary.Evaluations != 21 || r.Evaluated != 21 {
		t.Errorf("%d points, %d evaluated", r.Summary.Evaluations, r.Evaluated)
	}
	again := run(t, m, c, o)
	if diff := cmp.Diff(r.Losses, again.Losses); diff != "" || again.Evaluated != 0 {
		t.Errorf("%d points evaluated again, %s", again.Evaluated, diff)
	}
	// Units of a walk without further measures do not fit.
	if plain := run(t, m, c, walk.Options{Store: store}); plain.Evaluated != 21 {
		t.Errorf("%d points evaluated, want 21", plain.Evaluated)
	}
}

// A measure of one segment gets all points of the segment, including iterates that another
// segment shares, and is stored and resumed.
func TestMeasureOfEachSegment(t *testing.T) {
	m := positions(t, 4, -2, 1)
	store, made := memoryStore{}, 0
	o := walk.Options{Store: store, Also: []walk.Measure{{Name: "own", At: func(s *record.Step) (analyze.Loss, error) {
		made++
		return analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
			return square(theta) + 1000*float64(s.Step+1), nil
		}), nil
	}}, {Name: "double", Loss: &counter{f: func(theta []float32) float64 { return 2 * square(theta) }}}}}
	c := &counter{f: square}
	r := run(t, m, c, o)
	steps := r.Losses.Column("step").Ints
	for i, v := range floats(r.Losses, "loss") {
		if got := floats(r.Losses, "own")[i]; got != v+1000*float64(steps[i]+1) {
			t.Errorf("sample %d of step %d: %v at loss %v", i, steps[i], got, v)
		}
		if got := floats(r.Losses, "double")[i]; got != 2*v {
			t.Errorf("sample %d: the shared measure is %v at loss %v", i, got, v)
		}
	}
	if made != 2 || len(c.points) != 21 {
		t.Errorf("%d measures made, %d points evaluated; want 2 and 21", made, len(c.points))
	}
	again := run(t, m, c, o)
	if diff := cmp.Diff(r.Losses, again.Losses); diff != "" || made != 2 || again.Evaluated != 0 {
		t.Errorf("%d measures made after resuming, %d points, %s", made, again.Evaluated, diff)
	}
}

// A segment skips inner iterates and never crosses a missing step.
func TestOnlyConsecutiveIteratesMakeSegments(t *testing.T) {
	at := func(step int64, sub int32, x float32) record.Step {
		return record.Step{Step: step, Substep: sub, Epoch: 1, BatchLoss: record.Some(1), Theta: []float32{x}}
	}
	m := memory(t, at(0, 0, 0), at(0, 1, 50), at(0, 2, 60), at(1, 0, 1), at(2, 0, 2), at(5, 0, 5), at(6, 0, 6))
	r := run(t, m, &counter{f: square}, walk.Options{})
	if diff := cmp.Diff([]int64{0, 1, 5}, r.Segments.Column("step").Ints); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{0, 3, 5}, r.Segments.Column("row").Ints); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{1, 1, 1}, floats(r.Segments, "step_length")); diff != "" {
		t.Error(diff)
	}
	if r.Summary.UnfollowedRows != 1 || r.Summary.Evaluations != 3*9+5 {
		t.Errorf("%+v", r.Summary)
	}
}

func TestRecordedLossesAreCompared(t *testing.T) {
	rows := func(last float64) []record.Step {
		return []record.Step{
			{Step: 0, Epoch: 1, BatchLoss: record.Some(1), Theta: []float32{2}, FullLoss: record.Some(2)},
			{Step: 1, Epoch: 1, BatchLoss: record.Some(1), Theta: []float32{1}},
			{Step: 2, Epoch: 1, Theta: []float32{0}, FullLoss: record.Some(last)},
		}
	}
	r := run(t, memory(t, rows(0)...), &counter{f: square}, walk.Options{})
	if r.Summary.RecordedLosses != 2 || r.Summary.RecordedLossMaxAbsolute != record.Some(0) {
		t.Errorf("%+v", r.Summary)
	}
	r = run(t, memory(t, rows(0.25)...), &counter{f: square}, walk.Options{})
	if r.Summary.RecordedLossMaxAbsolute != record.Some(0.25) ||
		r.Warnings[len(r.Warnings)-1].Code != "recorded_loss_differs" {
		t.Errorf("%+v %v", r.Summary, r.Warnings)
	}
}

// Ripples of float32 rounding are barriers by definition, and a warning says that they are
// small.
func TestBarriersBelowFloat32AreCounted(t *testing.T) {
	ripple := &counter{f: func(theta []float32) float64 {
		if theta[0] != 0 && theta[0] != 1 {
			return 1 + 5e-8
		}
		return 1
	}}
	r := run(t, positions(t, 0, 1), ripple, walk.Options{})
	if r.Summary.Barriers != 1 || r.Summary.BarriersBelowFloat32 != 1 {
		t.Errorf("%+v", r.Summary)
	}
	if !slices.ContainsFunc(r.Warnings, func(w analyze.Warning) bool { return w.Code == "barriers_below_float32" }) {
		t.Errorf("%v", r.Warnings)
	}
}

func TestEpochTable(t *testing.T) {
	m := positions(t, 4, -2, 1, 3)
	rows := []record.Step{}
	for i := range m.Len() {
		s := must[record.Step](t)(m.Read(i, record.AllParts))
		s.Epoch = int32(1 + i/2)
		rows = append(rows, s)
	}
	r := run(t, memory(t, rows...), &counter{f: square}, walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 9}})
	var b strings.Builder
	for _, name := range []string{
		"epoch", "segments", "floor_interior_ratio", "rises_ratio", "barriers", "height_end",
		"step_length",
	} {
		c := r.Epochs.Column(name)
		fmt.Fprintf(&b, "%s %s %s\n", name, c.Text(0), c.Text(1))
	}
	want := `epoch 1 2
segments 2 1
floor_interior_ratio 1 0
rises_ratio 0 1
barriers 0 0
height_end 1.25 4
step_length 4.5 2
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// An epoch with enough segments has intervals, which do not depend on the other epochs.
func TestEpochIntervals(t *testing.T) {
	var rows []record.Step
	for k := range 41 {
		x := float32(4)
		for i := range k {
			x *= -0.75 - 0.2*float32(i%3)/2
		}
		rows = append(rows, record.Step{Step: int64(k), Epoch: int32(1 + k/20), Theta: []float32{x}})
	}
	m := memory(t, rows...)
	both := run(t, m, &counter{f: square}, walk.Options{})
	second := run(t, m, &counter{f: square},
		walk.Options{Segments: must[analyze.Segments](t)(analyze.ParseSegments("epoch:2"))})
	for i := range both.Epochs.Columns {
		c := &both.Epochs.Columns[i]
		if got, want := second.Epochs.Column(c.Name).Text(0), c.Text(1); got != want {
			t.Errorf("%s is %s alone and %s with another epoch", c.Name, got, want)
		}
	}
	low, mean, high := floats(both.Epochs, "floor_position_low")[0], floats(both.Epochs,
		"floor_position")[0], floats(both.Epochs, "floor_position_high")[0]
	if !(0.5 < low && low < mean && mean < high && high < 0.6) {
		t.Errorf("mean s* %v in %v to %v", mean, low, high)
	}
}

func TestErrors(t *testing.T) {
	m := positions(t, 3, 2, 1)
	noTheta := header(1)
	noTheta.Columns.Theta = false
	scalars := must[*record.Memory](t)(record.NewMemory(noTheta))
	for k := range 2 {
		if err := scalars.Append(&record.Step{Step: int64(k), BatchLoss: record.Some(1)}); err != nil {
			t.Fatal(err)
		}
	}
	h := header(1)
	h.Columns.Grad = false
	noGrad := must[*record.Memory](t)(record.NewMemory(h))
	if err := noGrad.Append(&record.Step{Theta: []float32{1}}); err != nil {
		t.Fatal(err)
	}
	segments := must[analyze.Segments](t)(analyze.ParseSegments("0-1+7-9"))
	failing := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		if theta[0] == 2 {
			return 0, errors.New("the data are gone")
		}
		return 0, nil
	})
	for _, c := range []struct {
		name string
		m    record.Trajectory
		loss analyze.Loss
		o    walk.Options
		want string
	}{
		{
			"bad alphas", m, nil,
			walk.Options{Alphas: analyze.Range{Min: 1, Max: 0, N: 5}},
			"walk: alphas: range 1:0:5: min is 1 and max is 0; min must be less than max",
		},
		{
			"direction", m, nil,
			walk.Options{Direction: "up"},
			`walk: direction is "up"; allowed are "update" and "gradient"`,
		},
		{
			"measure", m, nil,
			walk.Options{Also: []walk.Measure{{Name: "loss", Loss: failing}}},
			`walk: measure "loss": the name must be snake_case and different from ["row" "step" "epoch" "alpha" ` +
				`"position" "loss"]`,
		},
		{
			"no measure", m, nil,
			walk.Options{Also: []walk.Measure{{Name: "test_loss"}}},
			`walk: measure "test_loss": it must have either Loss or At`,
		},
		{"measure fails", m, &counter{f: square}, walk.Options{Also: []walk.Measure{{
			Name: "test_loss",
			Loss: failing,
		}}, Alphas: analyze.Range{Min: 0, Max: 1, N: 2}}, "walk: iterate 1: test_loss: the data are " +
			"gone"},
		{
			"tolerance", m, nil,
			walk.Options{BarrierTolerance: math.NaN()},
			"walk: barrier tolerance is NaN; it must be finite and at least 0",
		},
		{
			"outside", m, nil,
			walk.Options{Segments: segments},
			`walk: segments "7-9": the recording has no such segment; it has 2 segments between steps 0 and 2, ` +
				`epochs 1 to 1`,
		},
		{"no theta", scalars, nil, walk.Options{}, "walk: the run recorded no theta; a walk needs the iterates"},
		{
			"no gradients", noGrad, nil,
			walk.Options{Direction: walk.Gradient},
			`walk: the run recorded no gradients; direction "gradient" needs them, "update" does not`,
		},
		{
			"no gradient", m, nil,
			walk.Options{Direction: walk.Gradient},
			"walk: row 0: gradient has 0 elements and the layout has 1; they must be equal",
		},
		{"one iterate", positions(t, 1), nil, walk.Options{}, "walk: no two of the 1 recorded iterates are of " +
			"consecutive steps; a walk needs pairs of consecutive steps"},
		{
			"loss", m, failing,
			walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 2}},
			"walk: iterate 1: the data are gone",
		},
		{
			"loss inside", positions(t, 3, 1), failing,
			walk.Options{Alphas: analyze.Range{Min: 0, Max: 1, N: 3}},
			"walk: segment 0 at alpha 0.5: the data are gone",
		},
	} {
		_, err := walk.Run(context.Background(), c.m, c.loss, c.o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}
