package path_test

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
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

func header(tensors ...int) *record.Header {
	ts := make([]record.Tensor, len(tensors))
	for i, n := range tensors {
		ts[i] = record.Tensor{Name: fmt.Sprintf("t%d", i), Kind: record.Weight, Shape: []int{n}}
	}
	return &record.Header{Format: 1, DType: "float32", Layout: record.Pack(ts...), Columns: record.Columns{
		Theta: true,
		Grad:  true,
	}}
}

func memory(t interface{ Fatal(...any) }, h *record.Header, rows ...record.Step) *record.Memory {
	m, err := record.NewMemory(h)
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

// descent is plain gradient descent on 1/2 sum lambda_i theta_i^2, recorded as a
// training loop would: T updates, T+1 rows, the last without a batch.
func descent(t interface{ Fatal(...any) }, lambda, start []float64, eta float64, updates int) *record.Memory {
	theta := slices.Clone(start)
	var rows []record.Step
	for k := range updates + 1 {
		s := record.Step{Step: int64(k), Epoch: 1, Theta: make([]float32, len(theta))}
		for i, v := range theta {
			s.Theta[i] = float32(v)
		}
		if k < updates {
			s.Grad = make([]float32, len(theta))
			s.BatchLoss, s.LearningRate = record.Some(0), record.Some(eta)
			for i, v := range theta {
				s.Grad[i] = float32(lambda[i] * v)
				s.BatchLoss.Value += lambda[i] * v * v / 2
				theta[i] -= eta * lambda[i] * v
			}
		}
		rows = append(rows, s)
	}
	return memory(t, header(len(start)), rows...)
}

func compute(t interface{ Fatal(...any) }, m record.Trajectory, opts path.Options) *path.Result {
	r, err := path.Compute(context.Background(), m, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Table.Validate(); err != nil {
		t.Fatal(err)
	}
	return r
}

// column returns the values of a column as text, absent ones empty.
func texts(t record.Table, name string) []string {
	c := t.Column(name)
	out := make([]string, t.Len())
	for i := range out {
		out[i] = c.Text(i)
	}
	return out
}

func ExampleCompute() {
	h := &record.Header{
		Format: 1, DType: "float32",
		Layout:  record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2}}),
		Columns: record.Columns{Theta: true},
	}
	run, _ := record.NewMemory(h)
	for k, theta := range [][]float32{{0, 0}, {3, 4}, {0, 8}} {
		_ = run.Append(&record.Step{Step: int64(k), Epoch: 1, Theta: theta})
	}
	r, err := path.Compute(context.Background(), run, path.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("path length", r.Summary.PathLength.Value)
	fmt.Println("displacement", r.Summary.Displacement.Value)
	fmt.Println("cosine of the updates", r.Table.Column("update_cos").Text(1))
	fmt.Println(r.Warnings[0].Text)
	// Output:
	// path length 10
	// displacement 8
	// cosine of the updates 0.28
	// the run recorded no gradients: grad_norm, grad_cos and grad_update_cos are absent
}

// Oracle (ii): gradient descent in one eigendirection. The cosine of consecutive
// gradients is the sign of 1-eta*lambda.
func TestCosineOfGradientDescentIsTheSignOfOneMinusEtaLambda(t *testing.T) {
	for etaLambda, want := range map[float64]float64{0.3: 1, 0.9: 1, 1.25: -1, 1.9: -1, 2.3: -1} {
		m := descent(t, []float64{2}, []float64{1}, etaLambda/2, 6)
		r := compute(t, m, path.Options{})
		for _, c := range []struct {
			name string
			from int
			to   int
			want float64
		}{{"grad_cos", 1, 6, want}, {"update_cos", 1, 6, want}, {"grad_update_cos", 0, 6, -1}} {
			got := r.Table.Column(c.name)
			for k := range r.Table.Len() {
				present := k >= c.from && k < c.to
				if got.Valid[k] != present {
					t.Errorf("eta*lambda %v: %s of row %d present: %v", etaLambda, c.name, k, got.Valid[k])
				}
				// One parameter: the cosine is exactly a sign.
				if present && got.Floats[k] != c.want {
					t.Errorf("eta*lambda %v: %s of row %d is %v, want %v", etaLambda, c.name, k, got.Floats[k], c.want)
				}
			}
		}
	}
}

// At eta*lambda = 1 the first step lands on the minimum: what follows has no
// direction, and absent is not 0.
func TestZeroVectorHasNoDirection(t *testing.T) {
	r := compute(t, descent(t, []float64{2}, []float64{1}, 0.5, 4), path.Options{})
	want := []string{"", "", "", "", ""}
	for _, name := range []string{"grad_cos", "update_cos"} {
		if diff := cmp.Diff(want, texts(r.Table, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"-1", "", "", "", ""}, texts(r.Table, "grad_update_cos")); diff != "" {
		t.Error(diff)
	}
	if r.Summary.ZeroGradients != 3 || r.Summary.ZeroUpdates != 3 {
		t.Errorf("%d zero gradients and %d zero updates, want 3 and 3", r.Summary.ZeroGradients, r.Summary.ZeroUpdates)
	}
	if diff := cmp.Diff([]string{"zero_gradients", "zero_updates", "repeated_values"}, codes(r)); diff != "" {
		t.Error(diff)
	}
}

func codes(r *path.Result) []string {
	var c []string
	for _, w := range r.Warnings {
		c = append(c, w.Code)
	}
	return c
}

// The path has theta_0 to theta_T: T updates give T+1 rows, the first with
// displacement 0 and the last with the whole path behind it.
func TestPathHasTheFinalIterate(t *testing.T) {
	r := compute(t, descent(t, []float64{1}, []float64{1}, 0.5, 3), path.Options{})
	for name, want := range map[string][]string{
		"row":           {"0", "1", "2", "3"},
		"step":          {"0", "1", "2", "3"},
		"learning_rate": {"0.5", "0.5", "0.5", ""},
		"batch_loss":    {"0.5", "0.125", "0.03125", ""},
		"theta_norm":    {"1", "0.5", "0.25", "0.125"},
		"grad_norm":     {"1", "0.5", "0.25", ""},
		"update_norm":   {"0.5", "0.25", "0.125", ""},
		"displacement":  {"0", "0.5", "0.75", "0.875"},
		"path_length":   {"0", "0.5", "0.75", "0.875"},
	} {
		if diff := cmp.Diff(want, texts(r.Table, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	s := r.Summary
	if s.Updates != 3 || s.Displacement != record.Some(0.875) || s.DisplacementRatio != record.Some(1) ||
		s.MissingSteps != 0 {
		t.Errorf("%+v", s)
	}
	if len(r.Warnings) != 0 {
		t.Errorf("a complete run has warnings: %v", r.Warnings)
	}
}

// Nothing reaches across a hole in the recording.
func TestMissingStepsMakeNoCosines(t *testing.T) {
	full := descent(t, []float64{1, 2}, []float64{1, 1}, 0.25, 6)
	var rows []record.Step
	for _, k := range []int{0, 1, 2, 4, 6} {
		s, err := full.Read(k, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, s)
	}
	r := compute(t, memory(t, header(2), rows...), path.Options{})
	valid := func(name string) []bool { return r.Table.Column(name).Valid }
	for name, want := range map[string][]bool{
		"grad_cos":        {false, true, true, false, false},
		"update_norm":     {true, true, false, false, false},
		"update_cos":      {false, true, false, false, false},
		"grad_update_cos": {true, true, false, false, false},
		"displacement":    nil,
	} {
		if diff := cmp.Diff(want, valid(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	s := r.Summary
	if s.MissingSteps != 2 || s.Updates != 2 || s.DisplacementRatio.Valid {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]string{"steps_missing"}, codes(r)); diff != "" {
		t.Error(diff)
	}
	if want := "2 of the steps 0 to 6 are not recorded"; !strings.HasPrefix(r.Warnings[0].Text, want) ||
		!strings.HasSuffix(r.Warnings[0].Text, "adds up 2 of 6 updates") {
		t.Errorf("the warning says %q", r.Warnings[0].Text)
	}
}

func TestGradientsNotRecorded(t *testing.T) {
	h := header(1)
	h.Columns.Grad = false
	r := compute(t, memory(t, h,
		record.Step{Step: 0, BatchLoss: record.Some(1), Theta: []float32{1}},
		record.Step{Step: 1, Theta: []float32{2}}), path.Options{})
	for _, name := range []string{"grad_norm", "grad_cos", "grad_update_cos"} {
		if diff := cmp.Diff([]string{"", ""}, texts(r.Table, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"grad_not_recorded"}, codes(r)); diff != "" {
		t.Error(diff)
	}
}

func TestThetaNotRecorded(t *testing.T) {
	h := header(1)
	h.Columns.Theta = false
	r := compute(t, memory(t, h,
		record.Step{Step: 0, BatchLoss: record.Some(1), Grad: []float32{1}},
		record.Step{Step: 1, BatchLoss: record.Some(1), Grad: []float32{-2}},
		record.Step{Step: 2}), path.Options{})
	if diff := cmp.Diff([]string{"", "-1", ""}, texts(r.Table, "grad_cos")); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"theta_norm", "update_norm", "displacement", "path_length"} {
		if diff := cmp.Diff([]string{"", "", ""}, texts(r.Table, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if r.Summary.PathLength.Valid || r.Summary.Displacement.Valid {
		t.Errorf("%+v", r.Summary)
	}
}

// A NaN that was measured stays one, is counted, and spoils no mean.
func TestNaNIsKeptAndCounted(t *testing.T) {
	nan := float32(math.NaN())
	r := compute(t, memory(t, header(1),
		record.Step{Step: 0, BatchLoss: record.Some(1), Theta: []float32{1}, Grad: []float32{1}},
		record.Step{Step: 1, BatchLoss: record.Some(math.NaN()), Theta: []float32{0}, Grad: []float32{nan}},
		record.Step{Step: 2, Theta: []float32{nan}}), path.Options{})
	if diff := cmp.Diff([]string{"1", "NaN", ""}, texts(r.Table, "batch_loss")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"", "NaN", ""}, texts(r.Table, "grad_cos")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1", "NaN", ""}, texts(r.Table, "update_norm")); diff != "" {
		t.Error(diff)
	}
	s := r.Summary
	if s.NonfiniteLosses != 1 || s.NonfiniteIterates != 1 || s.NonfiniteGrads != 1 || s.UpdateNorm.Nonfinite != 1 ||
		s.UpdateNorm.Mean != record.Some(1) {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]string{"nonfinite_losses", "nonfinite_iterates", "nonfinite_gradients"},
		codes(r)); diff != "" {
		t.Error(diff)
	}
}

func TestInnerIteratesAreLeftOut(t *testing.T) {
	h := header(1)
	h.Columns.Grad = false
	r := compute(t, memory(t, h,
		record.Step{Step: 0, BatchLoss: record.Some(1), Theta: []float32{0}},
		record.Step{Step: 0, Substep: 1, Theta: []float32{100}},
		record.Step{Step: 0, Substep: 2, Theta: []float32{200}},
		record.Step{Step: 1, Theta: []float32{1}}), path.Options{})
	if diff := cmp.Diff([]string{"0", "3"}, texts(r.Table, "row")); diff != "" {
		t.Error(diff)
	}
	if r.Summary.PathLength != record.Some(1) || r.Summary.InnerRows != 2 {
		t.Errorf("%+v", r.Summary)
	}
}

func TestErrors(t *testing.T) {
	_, err := path.Compute(context.Background(), memory(t, header(1)), path.Options{})
	if want := "path: the recording has no rows; a path needs at least one iterate"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	damaged := errors.New("checksum mismatch")
	_, err = path.Compute(context.Background(), broken{descent(t, []float64{1}, []float64{1}, 0.5, 3), damaged},
		path.Options{})
	if !errors.Is(err, damaged) || err.Error() != "path: row 2: checksum mismatch" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = path.Compute(ctx, descent(t, []float64{1}, []float64{1}, 0.5, 3), path.Options{}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// broken is a recording whose row 2 cannot be trusted.
type broken struct {
	record.Trajectory
	err error
}

func (b broken) Read(i int, parts record.Parts) (record.Step, error) {
	if i == 2 {
		return record.Step{}, b.err
	}
	return b.Trajectory.Read(i, parts)
}

// The window of the walk is four iterates: rows far behind are not held.
func TestNothingIsChangedAndAllRowsAreReadOnce(t *testing.T) {
	m := descent(t, []float64{1, 3}, []float64{1, -1}, 0.3, 20)
	before := hash(t, m)
	c := &counting{Trajectory: m, reads: make([]int, m.Len())}
	compute(t, c, path.Options{Layers: true})
	for i, n := range c.reads {
		if n != 1 {
			t.Errorf("row %d was read %d times", i, n)
		}
	}
	if after := hash(t, m); after != before {
		t.Errorf("the recording changed")
	}
}

type counting struct {
	record.Trajectory
	reads []int
}

func (c *counting) Read(i int, parts record.Parts) (record.Step, error) {
	c.reads[i]++
	return c.Trajectory.Read(i, parts)
}

func hash(t *testing.T, m record.Trajectory) string {
	var b strings.Builder
	for i := range m.Len() {
		s, err := m.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%v\n", s)
	}
	return b.String()
}

// Against the definitions, computed the plain way with all iterates in memory;
// and the tensors' numbers add up to the whole vector's.
func TestComputeAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 3).Draw(t, "sizes")
		h := header(sizes...)
		p := h.Layout.Len()
		vector := rapid.SliceOfN(rapid.Float32Range(-10, 10), p, p)
		n := rapid.IntRange(1, 8).Draw(t, "iterates")
		var rows []record.Step
		step := int64(0)
		for range n {
			rows = append(rows, record.Step{Step: step, Theta: vector.Draw(t, "theta"), Grad: vector.Draw(t, "grad")})
			step += int64(rapid.IntRange(1, 2).Draw(t, "gap"))
		}
		r := compute(t, memory(t, h, rows...), path.Options{Layers: true})
		for k := range rows {
			check := func(name string, want float64, ok bool) {
				c := r.Table.Column(name)
				if got := c.Valid == nil || c.Valid[k]; got != ok {
					t.Fatalf("%s of row %d present: %v, want %v", name, k, got, ok)
				}
				// Sums of at most 15 products in another order.
				if ok && math.Abs(c.Floats[k]-want) > 1e-12*(1+math.Abs(want)) {
					t.Fatalf("%s of row %d is %v, want %v", name, k, c.Floats[k], want)
				}
			}
			at := func(i int) ([]float64, bool) { return wide(rows, i, p) }
			update := func(i int) ([]float64, bool) {
				a, ok1 := at(i)
				b, ok2 := at(i + 1)
				ok := ok1 && ok2 && rows[i+1].Step == rows[i].Step+1
				return minus(b, a), ok
			}
			theta, _ := at(k)
			start, _ := at(0)
			grad := wide1(rows[k].Grad)
			d, okD := update(k)
			e, okE := update(k - 1)
			check("theta_norm", length(theta), true)
			check("displacement", length(minus(theta, start)), true)
			check("grad_norm", length(grad), true)
			check("update_norm", length(d), okD)
			check("update_cos", inner(d, e)/length(d)/length(e), okD && okE && length(d) > 0 && length(e) > 0)
			check("grad_update_cos", inner(d, grad)/length(d)/length(grad), okD && length(d) > 0 && length(grad) > 0)
			sum := 0.0
			for i := range h.Layout {
				v := r.Layers.Column("grad_norm").Floats[k*len(h.Layout)+i]
				sum += v * v
			}
			check("grad_norm", math.Sqrt(sum), true)
		}
		if got, want := r.Layers.Len(), n*len(sizes); got != want {
			t.Fatalf("%d rows of tensors, want %d", got, want)
		}
	})
}

func wide(rows []record.Step, i, p int) ([]float64, bool) {
	if i < 0 || i >= len(rows) {
		return make([]float64, p), false
	}
	return wide1(rows[i].Theta), true
}

func wide1(v []float32) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func inner(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func length(a []float64) float64 { return math.Sqrt(inner(a, a)) }

type tally struct{ total, done int }

func (p *tally) Begin(_ string, total int) { p.total = total }
func (p *tally) Add(n int)                 { p.done += n }

func TestProgressReachesItsTotal(t *testing.T) {
	var p tally
	var _ analyze.Progress = &p
	compute(t, descent(t, []float64{1}, []float64{1}, 0.5, 3), path.Options{Progress: &p})
	if p.total != 4 || p.done != 4 {
		t.Errorf("%+v", p)
	}
}
