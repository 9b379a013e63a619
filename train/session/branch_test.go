package session_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
	"sgdwalk/train/session"
)

// trained records a run and opens it.
func trained(t *testing.T, s *session.Settings) (dir string, trace *arrowfile.Reader) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	if _, err := session.Start(t.Context(), dir, s, session.Options{}); err != nil {
		t.Fatal(err)
	}
	trace, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trace.Close() })
	return dir, trace
}

func branches(t *testing.T, dir string, trace record.Trajectory, steps int64, d session.Decay) *session.Branches {
	t.Helper()
	b, err := session.NewBranches(dir, trace, session.BranchOptions{Steps: steps, Decay: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// TestBranchContinuesTheRun: without a decay a branch is the run itself, bit for bit, for
// every optimizer, with running statistics and with inner loops, and in any order of the
// starts.
func TestBranchContinuesTheRun(t *testing.T) {
	type runs struct{ optimizer, model string }
	all := []runs{{"sgd", "resnet:8"}, {"momentum", "resnet:8"}}
	for _, name := range optim.Names() {
		all = append(all, runs{name, "mlp:4"})
	}
	for _, c := range all {
		s := settings()
		s.Optimizer, s.Model = c.optimizer, c.model
		ends := [][2]int64{{20, 25}, {3, 22}, {22, 30}}
		switch {
		case c.model == "resnet:8":
			batch := 719
			s.Batch, ends = &batch, [][2]int64{{1, 3}, {2, 4}}
		case c.optimizer == "entropy-sgd":
			s.Hyper, ends = map[string]float64{"inner_steps": 3}, [][2]int64{{4, 7}, {1, 7}}
		case c.optimizer == "gd":
			s.Batch, ends = nil, [][2]int64{{1, 2}, {0, 2}}
		}
		dir, trace := trained(t, s)
		b := branches(t, dir, trace, 5, session.LinearDecay)
		for _, e := range ends {
			got, err := b.Continue(t.Context(), e[0], e[1])
			if err != nil {
				t.Fatalf("%s %s: %v", c.optimizer, c.model, err)
			}
			found := false
			for i := range trace.Len() {
				want, err := trace.Read(i, record.AllParts)
				if err != nil {
					t.Fatal(err)
				}
				if want.Step != e[1] || want.Substep != 0 {
					continue
				}
				found = true
				if got.Step != e[1] || !slices.Equal(got.Theta, want.Theta) || !slices.Equal(got.State, want.State) {
					t.Errorf("%s %s: from step %d, step %d is another one than the recorded", c.optimizer, c.model, e[0], e[1])
				}
			}
			if !found {
				t.Errorf("%s %s: step %d is not recorded", c.optimizer, c.model, e[1])
			}
		}
	}
}

// TestBranchDecays computes branches of SGD again, update by update, also past the end of the
// run.
func TestBranchDecays(t *testing.T) {
	s := settings()
	rate := 0.3
	s.Optimizer, s.LR = "sgd", &rate
	dir, trace := trained(t, s)
	const from, steps = 25, 12 // the run has 30 steps
	x, err := replay.FromHeader(trace.Header(), replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Model().Close()
	batches, err := x.Batches()
	if err != nil {
		t.Fatal(err)
	}
	for decay, factor := range map[session.Decay]func(x float64) float64{
		session.LinearDecay: func(x float64) float64 { return 1 - x },
		session.SqrtDecay:   func(x float64) float64 { return 1 - math.Sqrt(x) },
	} {
		theta, _, err := branches(t, dir, trace, steps, decay).Train(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		start, err := record.ThetaOf(trace, from)
		if err != nil {
			t.Fatal(err)
		}
		want, grad := slices.Clone(start), make([]float32, len(start))
		for k := range steps {
			if _, err := batches.Gradient(int64(from+k), 0, want, grad); err != nil {
				t.Fatal(err)
			}
			for i, g := range grad {
				want[i] -= float32(0.3 * factor(float64(k)/steps) * float64(g))
			}
		}
		far := 0.0
		for i, v := range want {
			if math.Abs(float64(theta[i]-v)) > 1e-5 {
				t.Fatalf("%s: element %d is %v; want %v", decay, i, theta[i], v)
			}
			far = max(far, math.Abs(float64(v-start[i])))
		}
		if far < 0.01 {
			t.Errorf("%s: the branch moved by %v at most", decay, far)
		}
	}
}

func TestBranchesRefuse(t *testing.T) {
	s := settings()
	s.RecTheta = "every:4"
	dir, trace := trained(t, s)
	for _, o := range []session.BranchOptions{
		{Decay: session.LinearDecay}, {Steps: 3, Decay: "cosine"}, {Steps: 3, Decay: session.SqrtDecay, Data: "spirals"},
	} {
		if _, err := session.NewBranches(dir, trace, o); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v gives the error %v", o, err)
		}
	}
	b := branches(t, dir, trace, 3, session.LinearDecay)
	for from, want := range map[int64]string{5: "step 5 was not recorded", 31: "step 31 is not in the recording"} {
		if _, _, err := b.Train(t.Context(), from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("from step %d the error is %v; want one with %q", from, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Train(ctx, 8); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled branch gives %v", err)
	}
	s.RecTheta, s.Sketch = "", "bfloat16"
	dir, reduced := trained(t, s)
	if _, err := session.NewBranches(dir, reduced, session.BranchOptions{Steps: 3, Decay: session.LinearDecay}); err == nil ||
		!strings.Contains(err.Error(), "bfloat16") {
		t.Errorf("a run in 16 bits gives the error %v", err)
	}
}
