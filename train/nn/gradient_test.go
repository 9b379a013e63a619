package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var small = Input{Height: 4, Width: 3, Channels: 1, Classes: 5}

// models are all architectures at a size that can be checked coordinate by
// coordinate.
var models = []struct {
	spec string
	in   Input
	rows int
}{
	{"mlp:", small, 7},
	{"mlp:6", small, 7},
	{"mlp:9,8,7", small, 33},
	{"lenet", Input{Height: 13, Width: 12, Channels: 1, Classes: 4}, 5},
	{"lenet", Input{Height: 12, Width: 14, Channels: 3, Classes: 4}, 3},
	{"resnet:8", Input{Height: 8, Width: 7, Channels: 3, Classes: 4}, 5},
	{"resnet:8", Input{Height: 1, Width: 6, Channels: 1, Classes: 4}, 4},
	{"resnet:8:noshort", Input{Height: 5, Width: 5, Channels: 1, Classes: 4}, 9},
}

// TestFiniteDifferences compares the gradient with central differences of the
// loss in float64. With the step 1e-6 their error is about 1e-10 from rounding
// and 1e-12 from the third derivative, relative to a loss of order 1. A tolerance
// of 1e-6 of the norm allows for a step across a kink.
func TestFiniteDifferences(t *testing.T) {
	for _, m := range models {
		t.Run(m.spec, func(t *testing.T) {
			f := build[float64](t, m.spec, m.in, m.rows, 2, 3)
			_, grad := f.gradient(t, m.rows)
			forward, err := compile(f.g.plan, f.theta, f.state, m.rows, f.workers, forLoss)
			if err != nil {
				t.Fatal(err)
			}
			checkDifferences(t, f, grad, func() float64 {
				if err := forward.run(f.inputs, f.labels); err != nil {
					t.Fatal(err)
				}
				return forward.loss.Loss
			})
		})
	}
}

// coordinates is how many elements of every tensor are checked, underRace whether
// the race detector is at work.
var (
	coordinates = 3
	underRace   = false
)

// checkDifferences compares a few coordinates of every tensor of a gradient with
// central differences of the loss. A wrong gradient is wrong nearly everywhere in
// its tensor, and every evaluation costs a pass.
func checkDifferences(t *testing.T, f *fixture[float64], grad []float64, loss func() float64) {
	t.Helper()
	norm := 0.0
	for _, g := range grad {
		norm += g * g
	}
	norm = math.Sqrt(norm)
	r := rand.New(rand.NewPCG(1, 2))
	const h = 1e-6
	for _, p := range f.g.plan.params {
		for _, i := range r.Perm(p.Len())[:min(p.Len(), coordinates)] {
			i += p.Offset
			at := f.theta[i]
			f.theta[i] = at + h
			up := loss()
			f.theta[i] = at - h
			down := loss()
			f.theta[i] = at
			if want := (up - down) / (2 * h); math.Abs(want-grad[i]) > 1e-6*norm {
				t.Errorf("%s, coordinate %d: gradient %g, finite difference %g", p.Name, i-p.Offset, grad[i], want)
			}
		}
	}
}

// TestSinglePrecision compares float32 with float64 at the same parameters. Half
// a unit in the last place is 6e-8 relative; sums over a few dozen terms stay
// below 1e-6. The seeds were not chosen: no preactivation of these batches is so
// near to 0 that rounding changes its sign.
func TestSinglePrecision(t *testing.T) {
	for _, m := range models {
		t.Run(m.spec, func(t *testing.T) {
			loss32, grad32 := build[float32](t, m.spec, m.in, m.rows, 2, 3).gradient(t, m.rows)
			loss64, grad64 := build[float64](t, m.spec, m.in, m.rows, 2, 3).gradient(t, m.rows)
			if d := relative(grad32, grad64); d > 1e-6 {
				t.Errorf("gradients differ by %.2g relative", d)
			}
			if d := math.Abs(loss32-loss64) / loss64; d > 1e-6 {
				t.Errorf("losses differ by %.2g relative", d)
			}
		})
	}
}

func TestWorkersSameBits(t *testing.T) {
	for _, m := range models {
		t.Run(m.spec, func(t *testing.T) {
			wantLoss, want := build[float32](t, m.spec, m.in, m.rows, 1, 3).gradient(t, m.rows)
			for _, workers := range []int{2, 5} {
				loss, grad := build[float32](t, m.spec, m.in, m.rows, workers, 3).gradient(t, m.rows)
				if loss != wantLoss || !sameBits(grad, want) {
					t.Errorf("%d workers: loss %v, gradient differs by %.2g; one worker: loss %v",
						workers, loss, relative(grad, want), wantLoss)
				}
			}
		})
	}
}

// TestRagged: a batch that is smaller than the largest one gives the mean over
// its own rows, also after a larger batch, and the same as a graph for that size.
func TestRagged(t *testing.T) {
	for _, m := range models {
		for _, rows := range []int{1, m.rows - 1} {
			t.Run(fmt.Sprint(m.spec, " ", rows), func(t *testing.T) {
				f := build[float64](t, m.spec, m.in, m.rows, 2, 3)
				f.gradient(t, m.rows)
				loss, grad := f.gradient(t, rows)

				p, err := parse(m.spec, m.in)
				if err != nil {
					t.Fatal(err)
				}
				g, err := compile(p, f.theta, f.state, rows, f.workers, forGradient)
				if err != nil {
					t.Fatal(err)
				}
				exact := &fixture[float64]{g: g, theta: f.theta, inputs: f.inputs, labels: f.labels}
				wantLoss, want := exact.gradient(t, rows)
				if d := math.Abs(loss - wantLoss); d > 1e-14*wantLoss {
					t.Errorf("loss %v, want %v", loss, wantLoss)
				}
				if d := relative(grad, want); d > 1e-13 {
					t.Errorf("gradients differ by %.2g", d)
				}
			})
		}
	}
}

// TestMeanOfRows: loss and gradient of a batch are the means of those of its
// single rows.
func TestMeanOfRows(t *testing.T) {
	f := build[float64](t, "mlp:6,4", small, 5, 1, 3)
	loss, grad := f.gradient(t, 5)
	meanLoss, mean := 0.0, make([]float64, len(grad))
	inputs, labels := slices.Clone(f.inputs), slices.Clone(f.labels)
	for r := range 5 {
		copy(f.inputs, inputs[r*small.Len():(r+1)*small.Len()])
		f.labels[0] = labels[r]
		l, g := f.gradient(t, 1)
		meanLoss += l / 5
		for i, v := range g {
			mean[i] += v / 5
		}
	}
	if math.Abs(loss-meanLoss) > 1e-14 || relative(grad, mean) > 1e-14 {
		t.Errorf("loss %v, mean of the rows %v; gradients differ by %.2g", loss, meanLoss, relative(grad, mean))
	}
}

func TestNaNStaysNaN(t *testing.T) {
	for _, m := range models {
		for _, where := range []string{"input", "theta"} {
			t.Run(m.spec+" "+where, func(t *testing.T) {
				f := build[float32](t, m.spec, m.in, m.rows, 2, 3)
				nan := float32(math.NaN())
				if where == "input" {
					f.inputs[2] = nan
				} else {
					f.theta[0] = nan
				}
				loss, grad := f.gradient(t, m.rows)
				if !math.IsNaN(loss) {
					t.Errorf("loss %v, want NaN", loss)
				}
				if !slices.ContainsFunc(grad, func(v float32) bool { return v != v }) {
					t.Error("no element of the gradient is NaN")
				}
				// The graph is not poisoned.
				f = build[float32](t, m.spec, m.in, m.rows, 2, 3)
				if loss, _ := f.gradient(t, m.rows); math.IsNaN(loss) {
					t.Error("NaN without a cause")
				}
			})
		}
	}
}
