package consistency_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/consistency"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// seeds is the number of random places of each defect and optimizer.
const seeds = 6

// separable are the optimizers whose updates are checked bit for bit from the recorded gradient.
var separable = []string{"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "gd"}

// find returns the violation of a code at a step, nil without one.
func find(r *consistency.Result, code consistency.Code, step int64) *consistency.Violation {
	i := slices.IndexFunc(r.Violations, func(v consistency.Violation) bool { return v.Code == code && v.Step == step })
	if i < 0 {
		return nil
	}
	return &r.Violations[i]
}

// wantOnly reports every violation of another code than the given ones.
func wantOnly(t *testing.T, r *consistency.Result, codes ...consistency.Code) {
	t.Helper()
	for _, v := range r.Violations {
		if !slices.Contains(codes, v.Code) {
			t.Errorf("%s, step %d, tensor %q: %s", v.Code, v.Step, v.Tensor, v.Text)
		}
	}
}

// eachPlace calls f with every optimizer, its run, and random places: a row k with an update
// and an iterate before it, another row with a gradient, and a tensor.
func eachPlace(t *testing.T, optimizers []string, f func(t *testing.T, run *record.Memory, g *rand.Rand, k, other int, tensor record.Tensor)) {
	t.Helper()
	for _, name := range optimizers {
		run := trainRun(t, config(t, name))
		for seed := range uint64(seeds) {
			g := rand.New(rand.NewPCG(seed, 18))
			steps := run.Len() - 1
			k := 1 + g.IntN(steps-1)
			other := g.IntN(steps)
			for other == k {
				other = g.IntN(steps)
			}
			layout := run.Header().Layout
			tensor := layout[g.IntN(len(layout))]
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) { f(t, run, g, k, other, tensor) })
		}
	}
}

// TestWrongGradient: the gradient of a tensor at one step is that of another step. With the
// data, the update follows from the gradient that is computed again, and later steps are right.
// Without the data, the update is wrong.
func TestWrongGradient(t *testing.T) {
	eachPlace(t, separable, func(t *testing.T, run *record.Memory, _ *rand.Rand, k, other int, tensor record.Tensor) {
		another, _ := run.Read(other, record.GradPart)
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == k {
				copy(tensor.View(s.Grad), tensor.View(another.Grad))
			}
			return true
		})
		for _, samples := range []int{1, -1} {
			r := check(t, bad, consistency.Options{Samples: samples})
			wantOnly(t, r, consistency.Gradient)
			if v := find(r, consistency.Gradient, int64(k)); v == nil || v.Tensor != tensor.Name || len(r.Violations) != 1 {
				t.Errorf("samples %d: want the gradient of %s at step %d, got %+v", samples, tensor.Name, k, r.Violations)
			}
		}
		r := check(t, bad, consistency.Options{SkipLosses: true})
		wantOnly(t, r, consistency.Update)
		if v := find(r, consistency.Update, int64(k)); v == nil || v.Tensor != tensor.Name || len(r.Violations) != 1 {
			t.Errorf("without data: want the update of %s at step %d, got %+v", tensor.Name, k, r.Violations)
		}
		external := check(t, bad, consistency.Options{External: true})
		if v := find(external, consistency.Update, int64(k)); v == nil || v.Tensor != tensor.Name || len(external.Violations) != 1 {
			t.Errorf("external: want the update of %s at step %d, got %+v", tensor.Name, k, external.Violations)
		}
	})
}

// TestMomentumContinuesAfterWrongGradient: the buffer of momentum follows from the wrong step,
// so a second defect soon after it is found too.
func TestMomentumContinuesAfterWrongGradient(t *testing.T) {
	for _, name := range []string{"momentum", "nesterov"} {
		run := trainRun(t, config(t, name))
		another, _ := run.Read(20, record.GradPart)
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == 5 || i == 8 {
				copy(s.Grad, another.Grad)
			}
			return true
		})
		r := check(t, bad, consistency.Options{SkipLosses: true})
		if len(r.Violations) != 2 || find(r, consistency.Update, 5) == nil || find(r, consistency.Update, 8) == nil ||
			r.Violations[0].Rows != 1 {
			t.Errorf("%s: %+v", name, r.Violations)
		}
	}
}

// wantTheta reports an error unless the result names theta of a tensor at a row, or the update
// to it where rounding hides the update from it.
func wantTheta(t *testing.T, r *consistency.Result, k int, tensor string, mayBeUpdate bool) {
	t.Helper()
	v := find(r, consistency.Theta, int64(k))
	if v == nil && mayBeUpdate {
		v = find(r, consistency.Update, int64(k-1))
	}
	if v == nil || v.Tensor != tensor || v.Tensors != 1 {
		t.Errorf("want theta of %s at step %d, got %+v", tensor, k, r.Violations)
	}
}

// TestWrongTheta: theta of a tensor in one row is that of another step.
func TestWrongTheta(t *testing.T) {
	eachPlace(t, separable, func(t *testing.T, run *record.Memory, _ *rand.Rand, k, other int, tensor record.Tensor) {
		another, _ := run.Read(other, record.ThetaPart)
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == k {
				copy(tensor.View(s.Theta), tensor.View(another.Theta))
			}
			return true
		})
		r := check(t, bad, consistency.Options{SkipLosses: true})
		wantOnly(t, r, consistency.Theta)
		wantTheta(t, r, k, tensor.Name, false)
		if len(r.Violations) != 1 {
			t.Errorf("%+v", r.Violations)
		}
		external := check(t, bad, consistency.Options{External: true})
		wantOnly(t, external, consistency.Theta)
		wantTheta(t, external, k, tensor.Name, false)
		all := check(t, bad, consistency.Options{Samples: -1})
		wantOnly(t, all, consistency.Theta, consistency.BatchLoss, consistency.FullLoss, consistency.TestLoss,
			consistency.Gradient, consistency.BatchAccuracy, consistency.Rounding)
		wantTheta(t, all, k, tensor.Name, false)
	})
}

// TestFlippedBit: one bit of theta is another one.
func TestFlippedBit(t *testing.T) {
	eachPlace(t, separable, func(t *testing.T, run *record.Memory, g *rand.Rand, k, _ int, tensor record.Tensor) {
		element, bit := g.IntN(tensor.Len()), g.IntN(32)
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == k {
				v := tensor.View(s.Theta)
				v[element] = math.Float32frombits(math.Float32bits(v[element]) ^ 1<<bit)
			}
			return true
		})
		r := check(t, bad, consistency.Options{SkipLosses: true})
		wantOnly(t, r, consistency.Theta, consistency.Update)
		wantTheta(t, r, k, tensor.Name, true)
		if len(r.Violations) != 1 {
			t.Errorf("bit %d: %+v", bit, r.Violations)
		}
	})
}

// TestEnds: a wrong theta in the first row is not the initialization, and one in the last row
// does not follow.
func TestEnds(t *testing.T) {
	for _, name := range separable {
		run := trainRun(t, config(t, name))
		last := run.Len() - 1
		tensor := run.Header().Layout[2]
		for _, k := range []int{0, last} {
			bad := copied(t, run, func(i int, s *record.Step) bool {
				if i == k {
					tensor.View(s.Theta)[3] += 0.5
				}
				return true
			})
			r := check(t, bad, consistency.Options{})
			v, code := find(r, consistency.Initialization, 0), consistency.Update
			if k == 0 && (v == nil || v.Tensor != tensor.Name) {
				t.Errorf("%s: want another initialization of %s, got %+v", name, tensor.Name, r.Violations)
			}
			if v := find(r, code, int64(max(0, k-1))); v == nil || v.Tensor != tensor.Name {
				t.Errorf("%s: want the update of %s at step %d, got %+v", name, tensor.Name, max(0, k-1), r.Violations)
			}
		}
	}
}

// TestWrongLearningRate: the learning rate of a row is another one, and the update shows by
// what factor.
func TestWrongLearningRate(t *testing.T) {
	eachPlace(t, separable, func(t *testing.T, run *record.Memory, _ *rand.Rand, k, _ int, _ record.Tensor) {
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == k {
				s.LearningRate.Value *= 1.25
			}
			return true
		})
		r := check(t, bad, consistency.Options{})
		wantOnly(t, r, consistency.LearningRate, consistency.Update)
		if v := find(r, consistency.LearningRate, int64(k)); v == nil || math.Abs(v.Value.Value/v.Expected.Value-1.25) > 1e-12 {
			t.Errorf("want the learning rate of step %d, got %+v", k, r.Violations)
		}
		v := find(r, consistency.Update, int64(k))
		if v == nil || v.Tensor != "" || !v.Ratio.Valid || math.Abs(v.Ratio.Value-0.8) > 1e-3 || v.Rows != 1 {
			t.Errorf("want 0.8 of the update of every tensor in step %d, got %+v", k, r.Violations)
		}
	})
}

// changed trains a run whose loop is changed.
func changed(t *testing.T, c replay.Config, change func(l *train.Loop)) *record.Memory {
	t.Helper()
	x, err := replay.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Model().Close()
	m, _ := record.NewMemory(x.Header())
	loop, err := x.Loop(m)
	if err != nil {
		t.Fatal(err)
	}
	change(loop)
	if _, err := loop.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

// rule is an optimizer of a test.
type rule func(ctx context.Context, theta, grad []float32, rate float64, p train.Probe) error

func (r rule) Step(ctx context.Context, theta, grad []float32, rate float64, p train.Probe) error {
	return r(ctx, theta, grad, rate, p)
}

// TestOtherTraining: training did something else from a step on than the header says.
func TestOtherTraining(t *testing.T) {
	const from = 7
	for _, name := range separable {
		c := config(t, name)
		if name == "gd" {
			c.Epochs = 12
		}
		layout := trainRun(t, c).Header().Layout
		frozen := layout[1]
		type step struct {
			theta, grad []float32
			rate        float64
		}
		for what, test := range map[string]struct {
			before func(s *step)
			after  func(s *step, old []float32)
			tensor string
			ratio  float64
		}{
			"half the rate": {before: func(s *step) { s.rate /= 2 }, ratio: 0.5},
			"frozen": {
				after:  func(s *step, old []float32) { copy(frozen.View(s.theta), frozen.View(old)) },
				tensor: frozen.Name,
			},
			"averaged": {
				after: func(s *step, old []float32) {
					for i := range s.theta {
						s.theta[i] = 0.75*s.theta[i] + 0.25*old[i]
					}
				},
				ratio: 0.75,
			},
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				run := changed(t, c, func(l *train.Loop) {
					inner, k := l.Optimizer, 0
					l.Optimizer = rule(func(ctx context.Context, theta, grad []float32, rate float64, p train.Probe) error {
						s, old := step{theta, grad, rate}, slices.Clone(theta)
						if k >= from && test.before != nil {
							test.before(&s)
						}
						err := inner.Step(ctx, theta, grad, s.rate, p)
						if k >= from && test.after != nil {
							test.after(&s, old)
						}
						k++
						return err
					})
				})
				r := check(t, run, consistency.Options{})
				v := find(r, consistency.Update, from)
				wantOnly(t, r, consistency.Update)
				if v == nil || v.Tensor != test.tensor || v.LastStep != run.Header().Steps-1 {
					t.Fatalf("want updates from step %d on, got %+v", from, r.Violations)
				}
				if test.ratio != 0 && math.Abs(v.Ratio.Value-test.ratio) > 1e-3 {
					t.Errorf("ratio %v; want %v: %s", v.Ratio, test.ratio, v.Text)
				}
			})
		}
	}
}

// TestReset: the optimizer loses its state before a step.
func TestReset(t *testing.T) {
	for _, name := range []string{"momentum", "nesterov", "adam", "adamw", "rmsprop", "pal", "entropy-sgd", "lion", "muon", "sam-adam", "schedule-free-sgd", "schedule-free-adamw"} {
		c := config(t, name)
		run := changed(t, c, func(l *train.Loop) {
			k := 0
			inner := l.Optimizer
			l.Optimizer = rule(func(ctx context.Context, theta, grad []float32, rate float64, p train.Probe) error {
				if k == 4 {
					h := record.Header{Layout: l.Model.Layout()}
					inner, _, _ = optim.New(name, c.Hyperparameters, h.Layout, c.Seed)
				}
				k++
				return inner.Step(ctx, theta, grad, rate, p)
			})
		})
		r := check(t, run, consistency.Options{Samples: -1})
		// Where a sign stays the same, a tensor of Lion does not show its new state.
		if v := find(r, consistency.OptimizerState, 4); v == nil || len(r.Violations) != 1 && name != "lion" {
			for _, v := range r.Violations {
				t.Errorf("%s: %s, step %d: %s", name, v.Code, v.Step, v.Text)
			}
			t.Errorf("%s: want a new state at step 4", name)
		}
	}
}

// TestWrongBatchLoss: the loss of a row is that of another batch.
func TestWrongBatchLoss(t *testing.T) {
	eachPlace(t, optim.Names(), func(t *testing.T, run *record.Memory, _ *rand.Rand, k, other int, _ record.Tensor) {
		steps := iterates(t, run)
		if k >= len(steps)-1 || other >= len(steps)-1 || k == other {
			return
		}
		another, _ := run.Read(steps[other], record.ScalarsOnly)
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i == steps[k] {
				s.BatchLoss = another.BatchLoss
			}
			return true
		})
		r := check(t, bad, consistency.Options{Samples: -1})
		wantOnly(t, r, consistency.BatchLoss, consistency.Update) // a line search starts from the recorded loss
		if v := find(r, consistency.BatchLoss, int64(k)); v == nil || v.Value != another.BatchLoss || v.Rows != 1 {
			t.Errorf("want the batch loss of step %d, got %+v", k, r.Violations)
		}
	})
}

// iterates returns the rows that are not inner iterates.
func iterates(t *testing.T, run *record.Memory) []int {
	t.Helper()
	var rows []int
	for i := range run.Len() {
		if s, _ := run.Read(i, record.ScalarsOnly); s.Substep == 0 {
			rows = append(rows, i)
		}
	}
	return rows
}

// TestRenumbered: the steps of the rows from one on have other numbers. Updates still follow.
func TestRenumbered(t *testing.T) {
	eachPlace(t, separable, func(t *testing.T, run *record.Memory, g *rand.Rand, k, _ int, _ record.Tensor) {
		by := int64(1 + g.IntN(5))
		bad := copied(t, run, func(i int, s *record.Step) bool {
			if i >= k {
				s.Step += by
			}
			return true
		})
		r := check(t, bad, consistency.Options{SkipLosses: true})
		if v := find(r, consistency.Steps, int64(k)+by); v == nil || v.Expected.Value != float64(k) {
			t.Errorf("want step %d instead of %d, got %+v", k, int64(k)+by, r.Violations)
		}
		if r.Counts[consistency.Update]+r.Counts[consistency.Theta] != 0 || !noted(r, "the rows follow each other") {
			t.Errorf("counts %v, notes %+v", r.Counts, r.Notes)
		}
	})
}

// TestMissingRow: a row is missing. The update to the next row is not checked, and without a
// known state none after it.
func TestMissingRow(t *testing.T) {
	eachPlace(t, separable, func(t *testing.T, run *record.Memory, _ *rand.Rand, k, _ int, _ record.Tensor) {
		bad := copied(t, run, func(i int, _ *record.Step) bool { return i != k })
		r := check(t, bad, consistency.Options{SkipLosses: true})
		wantOnly(t, r, consistency.Steps)
		steps := run.Len() - 1
		if v := find(r, consistency.Steps, int64(k)+1); v == nil || len(r.Violations) != 1 {
			t.Errorf("want step %d missing, got %+v", k, r.Violations)
		}
		want := steps - 2
		switch run.Header().Optimizer.Name {
		case "adam", "adamw", "rmsprop":
			want = k - 1
		case "momentum", "nesterov":
			want = min(steps-2, steps-3) // one update more gives the state
			if k == steps-1 {
				want = steps - 2
			}
		}
		if r.Updates != want || !noted(r, "are missing") {
			t.Errorf("%d updates; want %d: %+v", r.Updates, want, r.Notes)
		}
	})
}

// TestWrongNumbers: every number of a row that the header determines is checked.
func TestWrongNumbers(t *testing.T) {
	for _, name := range optim.Names() {
		run := trainRun(t, config(t, name))
		const k = 5
		at := iterates(t, run)[k]
		for code, change := range map[consistency.Code]func(s *record.Step){
			consistency.Epoch:         func(s *record.Step) { s.Epoch++ },
			consistency.Examples:      func(s *record.Step) { s.Examples-- },
			consistency.Evaluations:   func(s *record.Step) { s.Evaluations-- },
			consistency.LearningRate:  func(s *record.Step) { s.LearningRate = record.Optional{} },
			consistency.Missing:       func(s *record.Step) { s.Grad = nil },
			consistency.BatchAccuracy: func(s *record.Step) { s.BatchAccuracy.Value -= 0.01 },
		} {
			bad := copied(t, run, func(i int, s *record.Step) bool {
				if i == at {
					change(s)
				}
				return true
			})
			r := check(t, bad, consistency.Options{Samples: -1})
			if v := find(r, code, k); v == nil || len(r.Violations) != 1 {
				t.Errorf("%s: want %s at step %d, got %+v", name, code, k, r.Violations)
			}
		}
	}
}

// TestAbsurdNumbers: numbers that no training has are violations, and end no check.
func TestAbsurdNumbers(t *testing.T) {
	for _, name := range optim.Names() {
		run := trainRun(t, config(t, name))
		rows := iterates(t, run)
		for what, change := range map[string]func(s *record.Step){
			"rate":    func(s *record.Step) { s.LearningRate.Value = -1 },
			"nan":     func(s *record.Step) { s.LearningRate.Value = math.NaN() },
			"step":    func(s *record.Step) { s.Step = math.MaxInt64 },
			"numbers": func(s *record.Step) { s.Epoch, s.Examples, s.Evaluations = -1<<31, -1<<31, math.MinInt64 },
			"values": func(s *record.Step) {
				for i := range s.Theta {
					s.Theta[i] = float32(math.Inf(1))
				}
				for i := range s.Grad {
					s.Grad[i] = float32(math.NaN())
				}
			},
		} {
			bad := copied(t, run, func(i int, s *record.Step) bool {
				if i == rows[len(rows)-2] && what != "step" || i == rows[len(rows)-1] && what == "step" {
					change(s)
				}
				return true
			})
			for _, external := range []bool{false, true} {
				r := check(t, bad, consistency.Options{Samples: -1, External: external})
				if len(r.Violations) == 0 && !external {
					t.Errorf("%s, %s: no violation", name, what)
				}
				if _, err := json.Marshal(r); err != nil {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		}
	}
}
