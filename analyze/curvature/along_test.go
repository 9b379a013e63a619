package curvature_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

func segments(t fataler, text string) analyze.Segments {
	s, err := analyze.ParseSegments(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// descent records gradient descent on a loss: T updates, T+1 rows.
func descent(t fataler, g analyze.Gradient, start []float32, o record.Optimizer, updates int) *record.Memory {
	eta := o.Hyperparameters["learning_rate"]
	m, err := record.NewMemory(&record.Header{
		Format: 1, DType: "float32", Optimizer: o, Data: record.Data{Classes: 2},
		Layout:  record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{len(start)}}),
		Columns: record.Columns{Theta: true, Grad: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	theta := slices.Clone(start)
	for k := range updates + 1 {
		grad := make([]float32, len(theta))
		loss, err := g.Gradient(context.Background(), theta, grad)
		if err != nil {
			t.Fatal(err)
		}
		s := record.Step{Step: int64(k), Epoch: 1, Theta: theta, FullLoss: record.Some(loss)}
		if k < updates {
			s.Grad, s.BatchLoss, s.LearningRate = grad, record.Some(loss), record.Some(eta)
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
		for i := range theta {
			theta[i] -= float32(eta) * grad[i]
		}
	}
	return m
}

func sgd(eta float64) record.Optimizer {
	return record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": eta}}
}

func along(t fataler, m record.Trajectory, g analyze.Gradient, o curvature.AlongOptions) *curvature.Run {
	r, err := curvature.Along(context.Background(), m, g, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*record.Table{&r.Table, &r.Eigenvalues} {
		if err := table.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// On a quadratic nothing changes along the run but the gradient, whose stiff part
// dies out below the edge and grows above it.
func TestAlongQuadraticDescent(t *testing.T) {
	lambda := []float64{10, 4, 1, 0.5, -0.2}
	q := quadratic{diagonal: lambda}
	for eta, above := range map[float64]bool{0.15: false, 0.22: true} {
		m := descent(t, q, []float32{1, 1, 1, 1, 1}, sgd(eta), 6)
		r := along(t, m, q, curvature.AlongOptions{Each: curvature.Options{Edge: curvature.Edge{Threshold: 2}}})
		if r.Summary.Top != 2 || r.Summary.Rows != 7 || r.Summary.NonfiniteRows+r.Summary.UnconvergedRows != 0 {
			t.Fatalf("summary %+v", r.Summary)
		}
		etas, shares := r.Table.Column("eta_lambda_max"), r.Table.Column("update_dominant_share")
		for k := range 6 {
			if got := r.Table.Column("above_edge").Bools[k]; got != above || !near(etas.Floats[k], 10*eta, 1e-3) {
				t.Errorf("eta %v, row %d: eta lambda %v, above %v", eta, k, etas.Floats[k], got)
			}
			top, all := 0.0, 0.0
			for i, l := range lambda {
				g := l * math.Pow(1-eta*l, float64(k))
				all += g * g
				if i < 2 {
					top += g * g
				}
			}
			if !near(shares.Floats[k], top/all, 1e-3) || !near(r.Table.Column("grad_dominant_share").Floats[k],
				top/all, 1e-3) {
				t.Errorf("eta %v, row %d: shares %v, %v; want %v", eta, k, shares.Floats[k],
					r.Table.Column("grad_dominant_share").Floats[k], top/all)
			}
			change := r.Table.Column("loss_change").Floats[k]
			parts := r.Table.Column("loss_change_dominant").Floats[k] + r.Table.Column("loss_change_bulk").Floats[k]
			if !near(change, parts, 1e-3*math.Abs(change)+1e-5) {
				t.Errorf("eta %v, row %d: the loss changes by %v, by %v in parts", eta, k, change, parts)
			}
		}
		if r.Table.Column("update_dominant_share").Valid[6] || !near(etas.Floats[6], 10*eta, 1e-3) {
			t.Errorf("the last row has no update, and the learning rate of the last update: eta lambda %v",
				etas.Floats[6])
		}
		overlap := r.Table.Column("overlap")
		if overlap.Valid[0] || !near(overlap.Floats[1], 1, 1e-3) {
			t.Errorf("overlap %v %v", overlap.Floats, overlap.Valid)
		}
		if d := r.Summary.RecordedLossMaxAbsolute; !d.Valid || d.Value != 0 || r.Summary.RecordedLosses != 7 {
			t.Errorf("recorded losses differ by %v", d)
		}
	}
}

func ExampleAlong() {
	q := quadratic{diagonal: []float64{8, 2, -1}}
	run := descent(panics{}, q, []float32{1, 1, 1}, sgd(0.2), 2)
	r, err := curvature.Along(context.Background(), run, q,
		curvature.AlongOptions{Each: curvature.Options{Edge: curvature.Edge{Threshold: 2}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, v := range r.Table.Column("eta_lambda_max").Floats[:2] {
		fmt.Printf("step %d: eta*lambda %.2f, edge %v, update in the top space %.3f\n", i, v,
			r.Table.Column("threshold").Floats[i], r.Table.Column("update_dominant_share").Floats[i])
	}
	// Output:
	// step 0: eta*lambda 1.60, edge 2, update in the top space 0.986
	// step 1: eta*lambda 1.60, edge 2, update in the top space 0.944
}

type panics struct{}

func (panics) Fatal(v ...any) { panic(fmt.Sprint(v...)) }

// failing is a gradient that fails after some calls.
type failing struct {
	*softmax
	left int
}

var errFailing = errors.New("no more")

func (f *failing) Gradient(ctx context.Context, theta, grad []float32) (float64, error) {
	if f.left--; f.left < 0 {
		return 0, errFailing
	}
	return f.softmax.Gradient(ctx, theta, grad)
}

func TestAlongResumes(t *testing.T) {
	s := newSoftmax(6, 4, 3, 40)
	m := descent(t, s, s.start(), sgd(0.5), 4)
	want := along(t, m, s, curvature.AlongOptions{})
	store := memo{}
	o := curvature.AlongOptions{Each: curvature.Options{Store: store}}
	f := &failing{s, 250}
	if _, err := curvature.Along(context.Background(), m, f, o); !errors.Is(err, errFailing) {
		t.Fatal(err)
	}
	done := len(store)
	if done == 0 || done == 5 {
		t.Fatalf("%d rows of 5 were finished", done)
	}
	got := along(t, m, s, o)
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(curvature.Run{})); d != "" {
		t.Error(d)
	}
	calls := s.calls
	along(t, m, s, o)
	if s.calls != calls {
		t.Errorf("%d gradients for a run that is in the store", s.calls-calls)
	}
}

func TestAlongSelection(t *testing.T) {
	q := quadratic{diagonal: []float64{3, 2, 1}}
	m := descent(t, q, []float32{1, 1, 1}, sgd(0.1), 6)
	r := along(t, m, q, curvature.AlongOptions{Rows: segments(t, "every:3")})
	if d := cmp.Diff([]int64{0, 3, 6}, r.Table.Column("step").Ints); d != "" {
		t.Error(d)
	}
	for want, o := range map[string]curvature.AlongOptions{
		`rows "100-200"`:       {Rows: segments(t, "100-200")},
		"learning rate is 0.1": {Each: curvature.Options{LearningRate: 0.1}},
		"directions has 1":     {Each: curvature.Options{Directions: make([]curvature.Direction, 1)}},
		"top is -3":            {Each: curvature.Options{Top: -3}},
	} {
		if _, err := curvature.Along(context.Background(), m, q, o); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAlongKeepsRowsThatAreNotFinite(t *testing.T) {
	q := quadratic{diagonal: []float64{3, 2, 1}}
	m := descent(t, q, []float32{1, 1, 1}, record.Optimizer{Name: "adam"}, 0)
	if err := m.Append(&record.Step{Step: 1, Epoch: 1, Theta: []float32{float32(math.NaN()), 0, 0}}); err != nil {
		t.Fatal(err)
	}
	r := along(t, m, q, curvature.AlongOptions{})
	if r.Summary.NonfiniteRows != 1 || r.Table.Len() != 2 || r.Table.Column("lambda_max").Valid[1] {
		t.Errorf("summary %+v", r.Summary)
	}
	codes := ""
	for _, w := range r.Warnings {
		codes += w.Code + " "
		if w.Code == "nonfinite_gradients" && !strings.HasPrefix(w.Text, "at 1 of 2 rows, steps 1 to 1, ") {
			t.Errorf("warning: %s", w.Text)
		}
	}
	if n := r.Summary.LanczosProducts; n.Count != 1 || n.Mean.Value != r.Table.Column("lanczos_products").Floats[0] {
		t.Errorf("lanczos products: %+v", n)
	}
	if !strings.Contains(codes, "nonfinite_gradients") || !strings.Contains(codes, "no_threshold") {
		t.Errorf("warnings: %s", codes)
	}
	if r.Summary.AboveEdgeRatio.Valid {
		t.Error("adam has an edge of stability")
	}
}

func TestAlongNeedsTheta(t *testing.T) {
	m, err := record.NewMemory(&record.Header{Format: 1, DType: "float32", Layout: record.Pack(record.Tensor{
		Name: "w",
		Kind: record.Weight, Shape: []int{3},
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := curvature.Along(context.Background(), m, quadratic{}, curvature.AlongOptions{}); err == nil ||
		!strings.Contains(err.Error(), "no rows") {
		t.Errorf("empty: %v", err)
	}
	if err := m.Append(&record.Step{}); err != nil {
		t.Fatal(err)
	}
	if _, err := curvature.Along(context.Background(), m, quadratic{}, curvature.AlongOptions{}); err == nil ||
		!strings.Contains(err.Error(), "recorded no theta") {
		t.Errorf("without theta: %v", err)
	}
}
