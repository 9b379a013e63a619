package average_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/average"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
	"sgdwalk/record"
)

// recording keeps iterates of the given steps in memory.
func recording(t testing.TB, thetas [][]float32, steps ...int64) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(header(len(thetas[0])))
	if err != nil {
		t.Fatal(err)
	}
	for i, theta := range thetas {
		s := record.Step{Step: int64(i), Epoch: 1, Theta: theta, LearningRate: record.Some(0.1)}
		if len(steps) > 0 {
			s.Step = steps[i]
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func header(n int) *record.Header {
	return record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, n}}))
}

// randomWalk returns n random iterates of p parameters.
func randomWalk(seed uint64, n, p int) [][]float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	thetas := make([][]float32, n)
	x := make([]float64, p)
	for i := range thetas {
		thetas[i] = make([]float32, p)
		for k := range x {
			x[k] += rng.NormFloat64()
			thetas[i][k] = float32(x[k] + 100)
		}
	}
	return thetas
}

// captured is a loss that keeps the points at which it was evaluated. Its value is the number
// of the point, so that a row of a table leads to its point.
type captured struct {
	mu     sync.Mutex
	points [][]float32
}

func (c *captured) Loss(_ context.Context, theta []float32) (float64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.points = append(c.points, slices.Clone(theta))
	return float64(len(c.points) - 1), nil
}

// weights returns the weight of every iterate in an average at iterate i, by the definition
// of the average; nil when it does not exist there.
func weights(a average.Average, steps []int64, i int) []float64 {
	w := make([]float64, len(steps))
	n := 0
	for k := i; k >= 0; k-- {
		switch a.Scheme {
		case average.Window:
			if n < a.Length {
				w[k] = 1
				n++
			}
		case average.LAWA:
			if steps[k]%a.Every == 0 && n < a.Length {
				w[k] = 1
				n++
			}
		case average.SWA:
			if steps[k] >= a.Start && (steps[k]-a.Start)%a.Every == 0 {
				w[k] = 1
				n++
			}
		case average.EMA:
			w[k] = math.Pow(a.Decay, float64(i-k))
			n++
		}
	}
	missing := n < 2 || n < a.Length
	if a.Scheme == average.EMA {
		missing = math.Pow(a.Decay, float64(i+1)) > 0.01
	}
	if missing {
		return nil
	}
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	for k := range w {
		w[k] /= sum
	}
	return w
}

// floats and texts return a column of the table of averages.
func floats(t *record.Table, name string) []float64 { return t.Column(name).Floats }

// TestAveragesAreMeansByDefinition compares every average with the weighted sum of its
// definition, computed directly.
func TestAveragesAreMeansByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 60).Draw(t, "iterates")
		thetas := randomWalk(rapid.Uint64().Draw(t, "seed"), n, 3)
		steps := make([]int64, n)
		for i := range steps {
			if steps[i] = rapid.Int64Range(1, 3).Draw(t, "gap"); i > 0 {
				steps[i] += steps[i-1]
			}
		}
		kinds := []average.Average{
			{Scheme: average.Window, Length: rapid.IntRange(2, n).Draw(t, "length")},
			{Scheme: average.Window, Length: 2},
			{Scheme: average.SWA, Start: steps[rapid.IntRange(0, n-2).Draw(t, "start")], Every: 1},
			{Scheme: average.SWA, Start: steps[0], Every: rapid.Int64Range(2, 5).Draw(t, "every")},
			{Scheme: average.LAWA, Length: 2, Every: rapid.Int64Range(2, 4).Draw(t, "kept")},
			{Scheme: average.EMA, Decay: rapid.SampledFrom([]float64{0.1, 0.5, 0.8}).Draw(t, "decay")},
		}
		kinds = slices.DeleteFunc(kinds, func(a average.Average) bool { return !existsSomewhere(a, steps) })
		if len(kinds) > 2 && kinds[0].String() == kinds[1].String() {
			kinds = kinds[1:]
		}
		at, err := analyze.ParseSegments("every:1")
		if err != nil {
			t.Fatal(err)
		}
		c := &captured{}
		m, err := record.NewMemory(header(3))
		if err != nil {
			t.Fatal(err)
		}
		for i, theta := range thetas {
			if err := m.Append(&record.Step{Step: steps[i], Epoch: 1, Theta: theta}); err != nil {
				t.Fatal(err)
			}
		}
		memory := rapid.SampledFrom([]int64{0, 48, 72, 120}).Draw(t, "memory")
		r, err := average.Compute(context.Background(), m, c, average.Options{At: at, Averages: kinds, MaxMemory: memory})
		if err != nil {
			t.Fatal(err)
		}
		rows := make(map[string][]float32)
		for i, name := range r.Averages.Column("average").Strings {
			rows[fmt.Sprint(name, " ", r.Averages.Column("step").Ints[i])] = c.points[int(floats(&r.Averages, "loss")[i])]
		}
		want := 0
		for i, step := range steps {
			if got := rows[fmt.Sprint("iterate ", step)]; !slices.Equal(got, thetas[i]) {
				t.Fatalf("the iterate of step %d is %v; want %v", step, got, thetas[i])
			}
			want++
			for _, a := range kinds {
				w := weights(a, steps, i)
				got, ok := rows[fmt.Sprint(a, " ", step)]
				if ok != (w != nil) {
					t.Fatalf("%s at step %d exists: %v; want %v", a, step, ok, w != nil)
				}
				if w == nil {
					continue
				}
				want++
				for k := range got {
					sum := 0.0
					for l, v := range w {
						sum += v * float64(thetas[l][k])
					}
					if math.Abs(float64(got[k])-sum) > 1e-5 { // half a unit of float32 at 100 is 4e-6
						t.Fatalf("%s at step %d: element %d is %v; want %v", a, step, k, got[k], sum)
					}
				}
			}
		}
		if len(rows) != want || len(rows) != r.Averages.Len() {
			t.Fatalf("the table has %d rows, %d of them different; want %d", r.Averages.Len(), len(rows), want)
		}
	})
}

func existsSomewhere(a average.Average, steps []int64) bool {
	for i := range steps {
		if weights(a, steps, i) != nil {
			return true
		}
	}
	return false
}

// counting counts the elements of theta that are read of each row.
type counting struct {
	record.Trajectory
	elements []atomic.Int64
}

func (c *counting) Read(i int, parts record.Parts) (record.Step, error) {
	if parts&record.ThetaPart != 0 {
		return record.Step{}, errors.New("theta is read in another way")
	}
	return c.Trajectory.Read(i, parts)
}

func (c *counting) ThetaPieces(i int) (record.Pieces, error) {
	v, err := c.Trajectory.ThetaPieces(i)
	return &countingPieces{v, &c.elements[i]}, err
}

type countingPieces struct {
	record.Pieces
	elements *atomic.Int64
}

func (p *countingPieces) ReadSum(dst []float32, first int, sum uint32) (uint32, error) {
	p.elements.Add(int64(len(dst)))
	return p.Pieces.ReadSum(dst, first, sum)
}

// TestEveryIterateIsReadOnce holds for many windows at many steps.
func TestEveryIterateIsReadOnce(t *testing.T) {
	const n, p = 300, 50_000 // several blocks of columns
	c := &counting{Trajectory: recording(t, randomWalk(1, n, p)), elements: make([]atomic.Int64, n)}
	var kinds []average.Average
	for w := 2; w <= 100; w += 7 {
		kinds = append(kinds, average.Average{Scheme: average.Window, Length: w})
	}
	kinds = append(kinds, average.Average{Scheme: average.EMA, Decay: 0.9},
		average.Average{Scheme: average.SWA, Start: 10, Every: 3}, average.Average{Scheme: average.LAWA, Length: 4, Every: 7})
	at, err := analyze.ParseSegments("every:10+299")
	if err != nil {
		t.Fatal(err)
	}
	r, err := average.Compute(t.Context(), c, bowl(make([]float64, p)...), average.Options{At: at, Averages: kinds})
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Passes != 1 || r.Summary.Steps != 31 {
		t.Errorf("%d passes and %d steps; want 1 and 31", r.Summary.Passes, r.Summary.Steps)
	}
	for i := range n {
		if read := c.elements[i].Load(); read != p {
			t.Errorf("%d elements of row %d are read; want each of the %d once", read, i, p)
		}
	}
}

// quadratic is sum of h_i theta_i^2 / 2 with its gradient.
type quadratic struct{ h []float64 }

func bowl(h ...float64) quadratic { return quadratic{h} }

func (q quadratic) Loss(_ context.Context, theta []float32) (float64, error) {
	s := 0.0
	for i, v := range theta {
		s += q.h[i] * float64(v) * float64(v) / 2
	}
	return s, nil
}

func (q quadratic) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	for i, v := range theta {
		grad[i] = float32(q.h[i] * float64(v))
	}
	return q.Loss(ctx, theta)
}

// TestNoDrift adds a million iterates whose mean is known exactly: running sums that are
// kept and subtracted would lose it.
func TestNoDrift(t *testing.T) {
	const n, w = 200_000, 1000
	thetas := make([][]float32, n)
	for i := range thetas {
		thetas[i] = []float32{1e6}
		if i >= n-w { // the last window: 0, 1, 0, 1, ... far below the resolution of the sum of all
			thetas[i][0] = float32(i%2) * 0x1p-10
		}
	}
	c := &captured{}
	at, err := analyze.ParseSegments(fmt.Sprint(n - 1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := average.Compute(t.Context(), recording(t, thetas), c, average.Options{
		At: at, Averages: []average.Average{{Scheme: average.Window, Length: w}, {Scheme: average.Window, Length: n}},
	})
	if err != nil {
		t.Fatal(err)
	}
	losses := floats(&r.Averages, "loss")
	if got := c.points[int(losses[1])][0]; got != 0x1p-11 {
		t.Errorf("the mean of the last %d is %v; want %v", w, got, 0x1p-11)
	}
	if got, want := c.points[int(losses[2])][0], float32((1e6*(n-w)+w/2*0x1p-10)/n); got != want {
		t.Errorf("the mean of all is %v; want %v", got, want)
	}
}

func TestJob(t *testing.T) {
	m := recording(t, randomWalk(3, 90, 4))
	loss := bowl(1, 2, 3, 4)
	kinds := []average.Average{
		{Scheme: average.Window, Length: 2},
		{Scheme: average.Window, Length: 16},
		{Scheme: average.EMA, Decay: 0.8},
		{Scheme: average.LAWA, Length: 3, Every: 5},
		{Scheme: average.SWA, Start: 11, Every: 1},
	}
	at, err := analyze.ParseSegments("every:10")
	if err != nil {
		t.Fatal(err)
	}
	branches := average.Branches{
		From: []int64{20, 70}, Steps: 10, Decay: "test",
		Train: func(_ context.Context, from int64) ([]float32, []float32, error) {
			return []float32{float32(from), 0, 0, 0}, nil, nil
		},
	}
	for _, o := range []average.Options{
		{},
		{At: at, Averages: kinds, Also: []average.Measure{{Name: "again", Loss: loss}}},
		{At: at, Averages: kinds, MaxMemory: 160}, // two sums with their moments, and one without
		{At: at, Averages: kinds, NoNull: true, Branches: branches},
	} {
		jobtest.Check(t, func() job.Job[*average.Result] {
			j, err := average.NewJob(m, loss, o)
			if err != nil {
				t.Fatal(err)
			}
			return j
		}, func(r *average.Result) []byte {
			return jobtest.Encode(r.Summary, &r.Averages, &r.Gains, &r.Branches)
		})
	}
}

// TestMemoryIsBounded computes the same averages with less memory and more passes. Sums of
// these iterates are exact, so that the order of summation makes no difference.
func TestMemoryIsBounded(t *testing.T) {
	m := recording(t, randomWalk(4, 200, 3))
	o := average.Options{Averages: []average.Average{
		{Scheme: average.Window, Length: 8},
		{Scheme: average.Window, Length: 50},
		{Scheme: average.Window, Length: 100},
		{Scheme: average.EMA, Decay: 0.9},
	}}
	all, err := average.Compute(t.Context(), m, bowl(1, 1, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxMemory = 3*48 + 24 // three sums with their moments, and one without
	few, err := average.Compute(t.Context(), m, bowl(1, 1, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	if all.Summary.Passes != 1 || few.Summary.Passes < 3 {
		t.Errorf("%d and %d passes; want 1 and at least 3", all.Summary.Passes, few.Summary.Passes)
	}
	if all.Averages.Len() != few.Averages.Len() {
		t.Fatalf("%d and %d rows", all.Averages.Len(), few.Averages.Len())
	}
	for _, name := range []string{"loss", "null_gain"} {
		for i, v := range floats(&all.Averages, name) {
			if w := floats(&few.Averages, name)[i]; math.Abs(v-w) > 1e-9*math.Abs(v)+1e-6 {
				t.Errorf("row %d: %s is %v in one pass and %v in several", i, name, v, w)
			}
		}
	}
	if !slices.ContainsFunc(few.Warnings, func(w analyze.Warning) bool { return w.Code == "several_passes" }) {
		t.Errorf("the warnings are %v", few.Warnings)
	}
	o.MaxMemory = 71
	if _, err := average.Compute(t.Context(), m, bowl(1, 1, 1), o); err == nil || !strings.Contains(err.Error(), "71") {
		t.Errorf("with memory for less than an average the error is %v", err)
	}
}

func TestBadInput(t *testing.T) {
	m := recording(t, randomWalk(5, 20, 2))
	for _, c := range []struct {
		o    average.Options
		want string
	}{
		{average.Options{Averages: []average.Average{{Scheme: average.Window, Length: 1}}}, "window averages 1"},
		{average.Options{Averages: []average.Average{{Scheme: average.Window, Length: 21}}}, "window 21 exists at none"},
		{average.Options{Averages: []average.Average{{Scheme: average.EMA, Decay: 1}}}, "decay of an ema is 1"},
		{average.Options{Averages: []average.Average{{Scheme: average.EMA, Decay: 0.99}}}, "ema 0.99 exists at none"},
		{average.Options{Averages: []average.Average{{Scheme: average.LAWA, Length: 3}}}, "every 0 steps"},
		{average.Options{Averages: []average.Average{{Scheme: average.SWA, Start: 30, Every: 1}}}, "swa 30 exists at none"},
		{average.Options{Averages: []average.Average{{Scheme: "mean"}}}, `scheme is "mean"`},
		{average.Options{Averages: []average.Average{
			{Scheme: average.Window, Length: 2}, {Scheme: average.Window, Length: 2},
		}}, "window 2 is named twice"},
		{average.Options{MaxMemory: -1}, "max memory is -1"},
		{average.Options{Also: []average.Measure{{Name: "gain", Loss: bowl(1, 1)}}}, `measure "gain"`},
		{average.Options{Branches: average.Branches{From: []int64{3}}}, "branch has 0 steps"},
		{average.Options{Branches: average.Branches{From: []int64{3}, Steps: 1}}, "no function"},
	} {
		_, err := average.Compute(t.Context(), m, bowl(1, 1), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error is %v; want one with %q", err, c.want)
		}
	}
	at, err := analyze.ParseSegments("50")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := average.Compute(t.Context(), m, bowl(1, 1), average.Options{At: at}); err == nil ||
		!strings.Contains(err.Error(), "steps 0 to 19") {
		t.Errorf("a step outside of the recording: %v", err)
	}
	for _, text := range []string{"x", "1:2", "2.5"} {
		if _, err := average.ParseAverages(average.Window, text); err == nil {
			t.Errorf("window %q is accepted", text)
		}
	}
	for s, text := range map[average.Scheme]string{
		average.Window: "2,8", average.EMA: "0.9,0.99", average.LAWA: "5:100", average.SWA: "500,500:29",
	} {
		list, err := average.ParseAverages(s, text)
		if err != nil {
			t.Error(err)
		}
		for i, part := range strings.Split(text, ",") {
			if got, want := list[i].String(), string(s)+" "+part; got != want {
				t.Errorf("%q is read as %q", want, got)
			}
		}
	}
}

// TestNaNLossIsAValue keeps a NaN and counts it.
func TestNaNLossIsAValue(t *testing.T) {
	loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
		if theta[0] != float32(int(theta[0])) { // an average
			return math.NaN(), nil
		}
		return 1, nil
	})
	var thetas [][]float32
	for i := range 20 {
		thetas = append(thetas, []float32{float32(i)})
	}
	r, err := average.Compute(t.Context(), recording(t, thetas), loss, average.Options{
		Averages: []average.Average{{Scheme: average.Window, Length: 2}, {Scheme: average.Window, Length: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &r.Summary
	if s.NonfiniteLosses != 19 || s.Averages[0].Steps != 0 || s.Averages[0].Gain.Valid || s.Averages[1].Steps == 0 {
		t.Errorf("%d losses are not finite, and the first average has %d steps", s.NonfiniteLosses, s.Averages[0].Steps)
	}
	if s.NullAbsent != "the loss offers no gradients" || s.Lowest != "window 3" {
		t.Errorf("null absent: %q, lowest %q", s.NullAbsent, s.Lowest)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again average.Summary
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(again.Findings()), fmt.Sprint(s.Findings()); got != want || got == "[]" {
		t.Errorf("the findings of the decoded summary are %s; want %s", got, want)
	}
}

// TestBranchFindings checks what is said about a branch for which "the average reaches a share
// of the gain of the decay" would mean nothing.
func TestBranchFindings(t *testing.T) {
	for _, c := range []struct {
		name                  string
		iterate, branch, mean float64
		reached               record.Optional
		want, without         string
	}{
		{"both lower the loss", 2, 1, 1.5, record.Some(0.5), ": averaging reaches 50 % of what the decay gains", ""},
		{"averaging raises the loss", 2, 1, 4, record.Some(-2), ": the decay lowers the loss, and averaging raises it", "-200"},
		{"the run descends", 1, 2, 3, record.Optional{}, ": the decay gains nothing", "reaches 0"},
	} {
		s := average.Summary{Best: -1, Branches: []average.Branch{{
			From: 10, End: 20, Decay: "linear", Loss: record.Some(c.branch), IterateLoss: record.Some(c.iterate),
			AverageLoss: record.Some(c.mean), ReachedRatio: c.reached,
		}}}
		got := fmt.Sprint(s.Findings())
		if !strings.Contains(got, c.want) || c.without != "" && strings.Contains(got, c.without) {
			t.Errorf("%s: %s; want %q", c.name, got, c.want)
		}
	}
}
