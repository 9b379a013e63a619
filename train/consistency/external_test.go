package consistency_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train/consistency"
	"sgdwalk/train/optim"
)

// TestExternalOptimizers: the rules of this program agree with themselves to rounding.
func TestExternalOptimizers(t *testing.T) {
	for _, name := range optim.Names() {
		run := trainRun(t, config(t, name))
		r := check(t, run, consistency.Options{External: true})
		wantNone(t, r)
		want := int(run.Header().Steps)
		if why := optim.Sensitive(run.Header().Optimizer); why != "" {
			want = 0
			if !noted(r, why) {
				t.Errorf("%s: notes %+v", name, r.Notes)
			}
		}
		if name == "entropy-sgd" {
			want = 0
		}
		if r.Updates != want || r.Exact || r.Gradients != 0 || !noted(r, "another program recorded it") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// groups trains a quadratic in float64 with two parameter groups, SGD with momentum and weight
// decay, and Adam. It is an oracle of both rules in other operations than train/optim. The
// third tensor is in no group. change may change theta after a step.
func groups(t *testing.T, change func(k int, theta []float64)) (*record.Memory, func(step int64) []float64) {
	t.Helper()
	layout := record.Pack(
		record.Tensor{Name: "a", Kind: record.Weight, Shape: []int{4, 5}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{6}},
		record.Tensor{Name: "rest", Kind: record.Other, Shape: []int{3}},
		record.Tensor{Name: "c", Kind: record.Weight, Shape: []int{5, 5}},
	)
	h := record.NewHeader(layout)
	h.Columns.Grad = true
	h.Optimizer = record.Optimizer{
		Name: "momentum+adam", Hyperparameters: map[string]float64{"learning_rate": 0.1, "learning_rate_group_1": 0.02},
	}
	h.Groups = []record.ParameterGroup{
		{Optimizer: record.Optimizer{Name: "momentum", Hyperparameters: map[string]float64{
			"learning_rate": 0.1, "momentum": 0.8, "weight_decay": 0.05,
		}}, Tensors: []string{"a", "c"}},
		{Optimizer: record.Optimizer{Name: "adam", Hyperparameters: map[string]float64{
			"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weight_decay": 0, "amsgrad": 0,
		}}, Tensors: []string{"b"}},
	}
	rates := func(step int64) []float64 { return []float64{0.1, 0.02 / float64(1+step/10)} }
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	g := rand.New(rand.NewPCG(5, 6))
	n := layout.Len()
	theta, v, mean, square := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	row := record.Step{Theta: make([]float32, n), Epoch: 1}
	for i := range theta {
		theta[i] = g.NormFloat64()
	}
	b, _ := layout.Lookup("b")
	rest, _ := layout.Lookup("rest")
	const steps = 80
	for k := range steps + 1 {
		for i, x := range theta {
			row.Theta[i] = float32(x)
		}
		row.Step, row.Grad = int64(k), nil
		row.BatchLoss, row.LearningRate = record.Optional{}, record.Optional{}
		if k < steps {
			row.Grad = make([]float32, n)
			for i, x := range theta {
				row.Grad[i] = float32(float64(i%7)*x + 0.3*g.NormFloat64())
			}
			row.BatchLoss, row.LearningRate = record.Some(1), record.Some(0.1)
		}
		if err := m.Append(&row); err != nil {
			t.Fatal(err)
		}
		if k == steps {
			break
		}
		for i := range theta {
			d := float64(row.Grad[i])
			switch {
			case i >= rest.Offset && i < rest.Offset+rest.Len():
			case i >= b.Offset && i < b.Offset+b.Len():
				mean[i] += 0.1 * (d - mean[i])
				square[i] += 0.01 * (d*d - square[i])
				c1, c2 := 1-math.Pow(0.9, float64(k+1)), 1-math.Pow(0.99, float64(k+1))
				theta[i] -= rates(int64(k))[1] * mean[i] / c1 / (math.Sqrt(square[i]/c2) + 1e-8)
			default:
				v[i] = 0.8*v[i] + d + 0.05*theta[i]
				theta[i] -= 0.1 * v[i]
			}
		}
		if change != nil {
			change(k, theta)
		}
	}
	return m, rates
}

// TestGroups: groups have their own rules, settings and rates, and defects in them are found.
func TestGroups(t *testing.T) {
	m, rates := groups(t, nil)
	r := check(t, m, consistency.Options{GroupRates: rates})
	wantNone(t, r)
	if r.Updates != 80 {
		t.Errorf("%d updates; want 80: %+v", r.Updates, r.Notes)
	}
	for _, test := range []struct {
		tensor  string
		element int
		note    string
	}{{"a", 3, "momentum"}, {"b", 22, "adam"}, {"rest", 27, "no parameter group"}, {"c", 30, "momentum"}} {
		m, rates := groups(t, func(k int, theta []float64) {
			if k == 33 {
				theta[test.element] += 1e-3
			}
		})
		r := check(t, m, consistency.Options{GroupRates: rates})
		v := find(r, consistency.Update, 33)
		if v == nil || v.Tensor != test.tensor || len(r.Violations) != 1 {
			t.Errorf("want the update of %s in step 33, got %+v", test.tensor, r.Violations)
		}
	}

	// Without the rates of the second group, its schedule is a difference.
	r = check(t, m, consistency.Options{})
	if v := find(r, consistency.Update, 10); v == nil || v.Tensor != "b" || math.Abs(v.Ratio.Value-0.5) > 1e-3 || v.LastStep != 79 {
		t.Errorf("want half the update of b from step 10 on, got %+v", r.Violations)
	}
	if !noted(r, "are assumed to change like that of the first one") {
		t.Errorf("%+v", r.Notes)
	}
}

// withOptimizer returns a run with another optimizer in its header, as another program's.
func withOptimizer(t *testing.T, run record.Trajectory, name string, change func(h *record.Header)) *record.Memory {
	t.Helper()
	h := run.Header().Clone()
	h.Optimizer.Name, h.Kernel = name, ""
	if change != nil {
		change(h)
	}
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range run.Len() {
		s, _ := run.Read(i, record.AllParts)
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestUnknownRules: a rule that is not known is named, and nothing is checked by it.
func TestUnknownRules(t *testing.T) {
	run := trainRun(t, config(t, "momentum"))
	for _, test := range []struct {
		name    string
		change  func(h *record.Header)
		note    string
		updates int
	}{
		{"", nil, "the header does not name the optimizer", 0},
		{"prodigy", nil, `the rule of optimizer "prodigy" is not known`, 0},
		{"momentum", func(h *record.Header) { h.Optimizer.Hyperparameters["dampening"] = 0.5 }, "dampening 0.5 is not known", 0},
		{"momentum", func(h *record.Header) { h.Optimizer.Hyperparameters["weight_decay_group_1"] = 0.5 }, "several parameter groups", 0},
		{"momentum", func(h *record.Header) { h.Optimizer.Hyperparameters["scale"] = 0.5 }, "scale=0.5", 30},
		{"momentum", func(h *record.Header) { delete(h.Optimizer.Hyperparameters, "momentum") }, "momentum=0.9 is assumed", 30},
		{"momentum", func(h *record.Header) { h.Optimizer.Hyperparameters["momentum"] = 1.5 }, "momentum is 1.5", 0},
	} {
		r := check(t, withOptimizer(t, run, test.name, test.change), consistency.Options{})
		wantNone(t, r)
		if !noted(r, test.note) || r.Updates != test.updates {
			t.Errorf("want the note %q and %d updates, got %d, %+v", test.note, test.updates, r.Updates, r.Notes)
		}
	}
}

// TestCheckpointsOfAnotherProgram: gaps are normal in a recording of checkpoints, and a defect
// in a recording of every step.
func TestCheckpointsOfAnotherProgram(t *testing.T) {
	run := withOptimizer(t, trainRun(t, config(t, "sgd")), "sgd", nil)
	tenth := copied(t, run, func(i int, _ *record.Step) bool { return i%10 == 0 })
	r := check(t, tenth, consistency.Options{})
	wantNone(t, r)
	if !noted(r, "only some of the steps") || r.Updates != 0 {
		t.Errorf("%+v", r)
	}
	missing := copied(t, run, func(i int, _ *record.Step) bool { return i != 12 && i != 13 })
	r = check(t, missing, consistency.Options{})
	if v := find(r, consistency.Steps, 14); v == nil || len(r.Violations) != 1 || v.Expected.Value != 12 {
		t.Errorf("%+v", r.Violations)
	}
	back := copied(t, run, func(i int, s *record.Step) bool {
		if i == 20 {
			s.Epoch, s.Evaluations = 1, 3
		}
		return true
	})
	r = check(t, back, consistency.Options{})
	if find(r, consistency.Epoch, 20) == nil || find(r, consistency.Evaluations, 20) == nil || len(r.Violations) != 2 {
		t.Errorf("%+v", r.Violations)
	}
}

// TestManyViolations: a result lists the first violations of a code and counts the others.
func TestManyViolations(t *testing.T) {
	c := config(t, "sgd")
	c.Epochs = 8
	run := trainRun(t, c)
	bad := copied(t, run, func(i int, s *record.Step) bool {
		if i%3 == 1 && s.LearningRate.Valid {
			s.LearningRate.Value *= 2
		}
		return true
	})
	r := check(t, bad, consistency.Options{SkipLosses: true})
	listed := len(slices.DeleteFunc(slices.Clone(r.Violations), func(v consistency.Violation) bool {
		return v.Code != consistency.LearningRate
	}))
	if r.Counts[consistency.LearningRate] != 40 || listed != consistency.MaxViolations {
		t.Errorf("%d listed, counts %v", listed, r.Counts)
	}
}
