package nn

import (
	"context"
	"errors"
	"hash/crc64"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"sgdwalk/record"
)

// checksum of the bits of a slice.
func checksum(v []float32) uint64 {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 4*len(v))
	return crc64.Checksum(b, crc64.MakeTable(crc64.ECMA))
}

func newEvaluator(t testing.TB, spec string, in Input, x []float32, y []int32, opts EvalOptions) *Evaluator {
	t.Helper()
	e, err := NewEvaluator(spec, in, x, y, opts)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEvaluatorAgainstModel compares the evaluator with a model that takes all
// examples as one batch, for chunk sizes that divide the data and for others.
// Evaluating must change nothing.
func TestEvaluatorAgainstModel(t *testing.T) {
	ctx := context.Background()
	for _, c := range models {
		t.Run(c.spec, func(t *testing.T) {
			const n = 23
			x, y := data(c.in, n, 4)
			m, err := New(c.spec, c.in, Options{Batch: n, Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
			theta, want, grad := m.Theta(), make([]float32, len(m.Theta())), make([]float32, len(m.Theta()))
			measure, err := m.Gradient(x, y, want)
			if err != nil {
				t.Fatal(err)
			}
			sumX, sumTheta := checksum(x), checksum(theta)
			chunks := []int{0, n, 8, 5, 1}
			if len(m.State()) > 0 { // whose loss depends on the chunk
				chunks = chunks[:2]
			}
			for _, chunk := range chunks {
				e := newEvaluator(t, c.spec, c.in, x, y, EvalOptions{Chunk: chunk, Workers: 2, Policy: Batch})
				got, err := e.Evaluate(ctx, theta)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(got.Loss-measure.Loss) > 1e-6*measure.Loss || got.Accuracy != measure.Accuracy ||
					got.Examples != n {
					t.Errorf("chunk %d: %+v, the model says %+v", chunk, got, measure)
				}
				loss, err := e.Gradient(ctx, theta, grad)
				if err != nil {
					t.Fatal(err)
				}
				if loss != got.Loss {
					t.Errorf("chunk %d: loss %v with gradient, %v without", chunk, loss, got.Loss)
				}
				if d := relative(grad, want); d > 1e-6 {
					t.Errorf("chunk %d: gradients differ by %.2g", chunk, d)
				}
				again, err := e.Loss(ctx, theta)
				if err != nil {
					t.Fatal(err)
				}
				if again != got.Loss {
					t.Errorf("chunk %d: loss %v, evaluated again %v", chunk, got.Loss, again)
				}
				for _, workers := range []int{1, 5} {
					o := newEvaluator(t, c.spec, c.in, x, y, EvalOptions{Chunk: chunk, Workers: workers, Policy: Batch})
					if l, err := o.Loss(ctx, theta); err != nil || l != got.Loss {
						t.Errorf("chunk %d: loss %v with 2 workers, %v with %d (%v)", chunk, got.Loss, l, workers, err)
					}
				}
			}
			if checksum(x) != sumX || checksum(theta) != sumTheta {
				t.Error("evaluating changed the inputs or theta")
			}
		})
	}
}

// TestEvaluatorGradient compares the gradient over all data with differences of
// the loss along its direction. The loss is float32 up to the logits, so the
// difference of a single coordinate would have no digits left. Along the gradient
// it is large: the relative error is about 1e-7 / (h |g|^2 / loss) plus terms of
// h^2.
func TestEvaluatorGradient(t *testing.T) {
	ctx := context.Background()
	x, y := data(small, 50, 4)
	m, err := New("mlp:8", small, Options{Batch: 1, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(t, "mlp:8", small, x, y, EvalOptions{Chunk: 16})
	theta, grad := m.Theta(), make([]float32, len(m.Theta()))
	if _, err := e.Gradient(ctx, theta, grad); err != nil {
		t.Fatal(err)
	}
	const h = 1e-2
	at, norm2 := [2]float64{}, 0.0
	for _, g := range grad {
		norm2 += float64(g) * float64(g)
	}
	for i, sign := range []float64{1, -1} {
		moved := make([]float32, len(theta))
		for j := range moved {
			moved[j] = theta[j] + float32(sign*h*float64(grad[j]))
		}
		if at[i], err = e.Loss(ctx, moved); err != nil {
			t.Fatal(err)
		}
	}
	if got := (at[0] - at[1]) / (2 * h); math.Abs(got/norm2-1) > 1e-3 {
		t.Errorf("slope along the gradient %v, want %v", got, norm2)
	}
}

func TestEvaluatorNotFinite(t *testing.T) {
	ctx := context.Background()
	x, y := data(small, 9, 4)
	e := newEvaluator(t, "mlp:8", small, x, y, EvalOptions{Chunk: 4})
	theta := make([]float32, e.Layout().Len())
	for i, want := range map[float32]func(float64) bool{
		float32(math.NaN()):  math.IsNaN,
		float32(math.Inf(1)): func(l float64) bool { return math.IsNaN(l) || math.IsInf(l, 1) },
	} {
		theta[len(theta)-1] = i
		l, err := e.Loss(ctx, theta)
		if err != nil || !want(l) {
			t.Errorf("theta with %v: loss %v, error %v", i, l, err)
		}
	}
	theta[len(theta)-1] = 0
	if l, err := e.Loss(ctx, theta); err != nil || math.Abs(l-math.Log(5)) > 1e-7 {
		t.Errorf("theta 0: loss %v, error %v; want ln 5", l, err)
	}
}

// afterCalls is a context that is cancelled from the n-th call of Err on.
type afterCalls struct {
	context.Context
	n int
}

func (c *afterCalls) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestEvaluatorStops(t *testing.T) {
	x, y := data(small, 9, 4)
	e := newEvaluator(t, "mlp:8", small, x, y, EvalOptions{Chunk: 3})
	theta := make([]float32, e.Layout().Len())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Loss(ctx, theta); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	_, err := e.Gradient(&afterCalls{context.Background(), 2}, theta, make([]float32, len(theta)))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "6 of 9") {
		t.Errorf("error %v, want one after 6 of 9 examples", err)
	}
}

func TestEvaluatorErrors(t *testing.T) {
	x, y := data(small, 3, 4)
	for _, c := range []struct {
		spec string
		x    []float32
		y    []int32
		opts EvalOptions
		want string
	}{
		{"mlp:x", x, y, EvalOptions{}, "mlp:x"},
		{"mlp:3", nil, nil, EvalOptions{}, "no examples"},
		{"mlp:3", x[:5], y, EvalOptions{}, "5 input values for 3 labels"},
		{"mlp:3", x, y, EvalOptions{Chunk: -1}, "chunk is -1"},
		{"mlp:3", x, y, EvalOptions{Workers: -2}, "workers is -2"},
		{"mlp:3", x, y, EvalOptions{Policy: "train"}, `policy is "train"; allowed are "running"`},
		{"mlp:3", x, y, EvalOptions{State: make([]float32, 2)}, "state has 2 elements; model \"mlp:3\" has 0"},
	} {
		if _, err := NewEvaluator(c.spec, small, c.x, c.y, c.opts); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	e := newEvaluator(t, "mlp:3", small, x, y, EvalOptions{})
	if _, err := e.Loss(context.Background(), make([]float32, 3)); err == nil ||
		!strings.Contains(err.Error(), "theta has 3 elements; the model has 59") {
		t.Errorf("error %v", err)
	}
}

// residual is a small network with every kind of layer that has statistics.
var residual = Input{Height: 6, Width: 5, Channels: 3, Classes: 4}

// TestPolicies compares the normalization policies with the model. Running
// statistics that have converged to those of one batch give the loss of that
// batch, and so does recomputing them over it.
func TestPolicies(t *testing.T) {
	ctx := context.Background()
	for _, spec := range []string{"resnet:8", "resnet:8:noshort"} {
		const n = 12
		x, y := data(residual, n, 4)
		m, err := New(spec, residual, Options{Batch: n, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		grad := make([]float32, len(m.Theta()))
		var want float64
		for range 400 { // 0.9^400 of the initial statistics is left
			got, err := m.Gradient(x, y, grad)
			if err != nil {
				t.Fatal(err)
			}
			want = got.Loss
		}
		// The running variance is corrected by count/(count-1), and the last
		// stage has only 12*2*2 values; the batch's is not.
		for _, s := range m.StateLayout() {
			if s.Kind == record.RunningVariance {
				count := float64(n * positions(t, s.Name))
				for i := range s.View(m.State()) {
					s.View(m.State())[i] *= float32((count - 1) / count)
				}
			}
		}
		kept := checksum(m.State())
		running := newEvaluator(t, spec, residual, x, y, EvalOptions{State: m.State(), Chunk: 5})
		got, err := running.Loss(ctx, m.Theta())
		if err != nil || math.Abs(got-want) > 1e-4*want {
			t.Errorf("%s: running: loss %v, error %v; want %v", spec, got, err, want)
		}
		// Other statistics give what an evaluator of theirs gives, and nil the
		// own again.
		other := slices.Clone(m.State())
		for i := range other {
			other[i] += 0.5
		}
		there := newEvaluator(t, spec, residual, x, y, EvalOptions{State: other, Chunk: 5})
		different, err := there.Loss(ctx, m.Theta())
		if err != nil || different == got {
			t.Errorf("%s: other statistics: loss %v, %v; with the first %v", spec, different, err, got)
		}
		for _, c := range []struct {
			state []float32
			want  float64
		}{{other, different}, {nil, got}} {
			running.UseState(c.state)
			if v, err := running.Loss(ctx, m.Theta()); err != nil || v != c.want {
				t.Errorf("%s: with UseState: loss %v, %v; want %v", spec, v, err, c.want)
			}
		}
		running.UseState(other[1:])
		if _, err := running.Loss(ctx, m.Theta()); err == nil || !strings.Contains(err.Error(), "state has") {
			t.Errorf("%s: short statistics: %v", spec, err)
		}
		batch := newEvaluator(t, spec, residual, x, y, EvalOptions{Policy: Batch, Chunk: n})
		if got, err = batch.Loss(ctx, m.Theta()); err != nil || math.Abs(got-want) > 1e-6*want {
			t.Errorf("%s: batch: loss %v, error %v; want %v", spec, got, err, want)
		}
		whole := newEvaluator(t, spec, residual, x, y, EvalOptions{Policy: Recompute, Chunk: n})
		first, err := whole.Loss(ctx, m.Theta())
		if err != nil || math.Abs(first-want) > 0.05*want { // the correction of the variance stays
			t.Errorf("%s: recompute: loss %v, error %v; want about %v", spec, first, err, want)
		}
		if again, _ := whole.Loss(ctx, m.Theta()); again != first {
			t.Errorf("%s: recompute: loss %v, then %v", spec, first, again)
		}
		if checksum(m.State()) != kept {
			t.Errorf("%s: evaluating changed the running statistics", spec)
		}
		if _, err := whole.Gradient(ctx, m.Theta(), grad); err == nil ||
			!strings.Contains(err.Error(), `"recompute", which has no gradient`) {
			t.Errorf("%s: recompute: error %v", spec, err)
		}
	}
}

// positions is the number of pixels that a channel of a normalization has.
func positions(t *testing.T, name string) int {
	switch {
	case strings.HasPrefix(name, "norm1."), strings.HasPrefix(name, "stage1."):
		return 6 * 5
	case strings.HasPrefix(name, "stage2."):
		return 3 * 3
	case strings.HasPrefix(name, "stage3."):
		return 2 * 2
	}
	t.Fatalf("statistics named %q", name)
	return 0
}

// TestRunningGradient compares the gradient with fixed statistics, in float64,
// with central differences of the folded forward graph. The two graphs share only
// the last ops.
func TestRunningGradient(t *testing.T) {
	for _, spec := range []string{"resnet:8", "resnet:8:noshort"} {
		f := build[float64](t, spec, residual, 5, 2, 3)
		f.g.batch.Frozen = true
		loss, grad := f.gradient(t, 5)
		folded, err := compile(f.g.plan, f.theta, f.state, 5, f.workers, forFrozen)
		if err != nil {
			t.Fatal(err)
		}
		at := func() float64 {
			if err := folded.run(f.inputs, f.labels); err != nil {
				t.Fatal(err)
			}
			return folded.loss.Loss
		}
		if got := at(); math.Abs(got-loss) > 1e-12*loss {
			t.Errorf("%s: loss %v folded, %v not", spec, got, loss)
		}
		checkDifferences(t, f, grad, at)
	}
}

// TestPredict: the number of correct predictions agrees with the accuracy, labels
// that are the predictions are all correct, and NaN predicts nothing.
func TestPredict(t *testing.T) {
	ctx := context.Background()
	for _, c := range models {
		const n = 23
		x, y := data(c.in, n, 4)
		m, err := New(c.spec, c.in, Options{Batch: n, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, chunk := range []int{n, 5} {
			opts := EvalOptions{Chunk: chunk}
			e := newEvaluator(t, c.spec, c.in, x, y, opts)
			classes := make([]int32, n)
			got, err := e.Predict(ctx, m.Theta(), classes)
			if err != nil {
				t.Fatal(err)
			}
			want, err := e.Evaluate(ctx, m.Theta())
			if err != nil || got != want {
				t.Errorf("%s: %+v, Evaluate says %+v (%v)", c.spec, got, want, err)
			}
			right := 0
			for i, class := range classes {
				if class == e.Labels()[i] {
					right++
				}
			}
			if right != int(math.Round(want.Accuracy*n)) {
				t.Errorf("%s: %d of %d are right, the accuracy is %v", c.spec, right, n, want.Accuracy)
			}
			own := newEvaluator(t, c.spec, c.in, x, classes, opts)
			if m, err := own.Evaluate(ctx, m.Theta()); err != nil || m.Accuracy != 1 {
				t.Errorf("%s: with its own predictions for labels: %+v, %v", c.spec, m, err)
			}
			m.Theta()[0] = float32(math.NaN())
			if _, err := e.Predict(ctx, m.Theta(), classes); err != nil || classes[0] != -1 {
				t.Errorf("%s: predictions of a NaN are %v, %v", c.spec, classes, err)
			}
			if _, err := e.Predict(ctx, m.Theta(), classes[:1]); err == nil {
				t.Errorf("%s: room for one prediction is enough for %d", c.spec, n)
			}
			m, err = New(c.spec, c.in, Options{Batch: n, Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
