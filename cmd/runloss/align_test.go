package runloss

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/record"
	"sgdwalk/record/recordtest"
	"sgdwalk/train/nn"
)

// permutable are models whose hidden units are permuted. Those that take long are tested in
// full with SGDWALK_ALIGN=1 only, and otherwise with the given number of copies.
var permutable = []struct {
	spec   string
	in     nn.Input
	copies int // in a short test
}{
	{"mlp:16", nn.Input{Height: 8, Width: 8, Channels: 1, Classes: 10}, 100},
	{"mlp:12,9,7", nn.Input{Height: 8, Width: 8, Channels: 1, Classes: 10}, 100},
	{"lenet", nn.Input{Height: 28, Width: 28, Channels: 1, Classes: 10}, 20},
	{"resnet:8", nn.Input{Height: 8, Width: 8, Channels: 1, Classes: 10}, 30},
	{"resnet:8:noshort", nn.Input{Height: 8, Width: 8, Channels: 1, Classes: 10}, 30},
	{"resnet:20", nn.Input{Height: 8, Width: 8, Channels: 3, Classes: 10}, 3},
	{"resnet:20:noshort", nn.Input{Height: 8, Width: 8, Channels: 3, Classes: 10}, 3},
	{"vgg11", nn.Input{Height: 32, Width: 32, Channels: 3, Classes: 10}, 0},
}

// specificationOf returns the specification of a model, and theta and the running statistics
// of a network in which no unit is like another one.
func specificationOf(t *testing.T, spec string, in nn.Input, seed uint64) (*align.Specification, []float32, []float32) {
	t.Helper()
	layout, state, err := nn.Axes(spec, in)
	if err != nil {
		t.Fatal(err)
	}
	s, err := align.New(layout, state)
	if err != nil {
		t.Fatal(err)
	}
	theta, err := nn.Initialization(spec, in, seed)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 5))
	for i := range theta { // biases and normalizations begin as constants
		theta[i] += float32(0.05 * r.NormFloat64())
	}
	statistics := make([]float32, state.Len())
	for _, x := range state {
		for i := range x.View(statistics) {
			x.View(statistics)[i] = float32(0.1 * r.NormFloat64())
			if x.Kind == record.RunningVariance {
				x.View(statistics)[i] = float32(0.5 + r.Float64())
			}
		}
	}
	return s, theta, statistics
}

// TestPermutedCopiesAreRecovered: weight matching undoes random permutations of the hidden
// units, to the last bit.
func TestPermutedCopiesAreRecovered(t *testing.T) {
	for _, m := range permutable {
		copies := m.copies
		if os.Getenv("SGDWALK_ALIGN") != "" {
			copies = 100
		}
		var recovered atomic.Int64
		var copiesAtWork errgroup.Group
		copiesAtWork.SetLimit(runtime.GOMAXPROCS(0))
		for seed := range uint64(copies) {
			s, theta, state := specificationOf(t, m.spec, m.in, seed)
			copiesAtWork.Go(func() error {
				p := s.Random(rand.New(rand.NewPCG(seed, 6)))
				r, err := align.Match(t.Context(), s, theta, s.Theta(p, theta), align.Options{})
				if err != nil {
					return err
				}
				if slices.EqualFunc(r.Theta, theta, sameBits) && slices.EqualFunc(r.State(s.State(p, state)), state, sameBits) {
					recovered.Add(1)
				}
				return nil
			})
		}
		if err := copiesAtWork.Wait(); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d of %d permuted copies are recovered", m.spec, recovered.Load(), copies)
		if recovered.Load() != int64(copies) {
			t.Errorf("%s: %d of %d permuted copies are recovered", m.spec, recovered.Load(), copies)
		}
	}
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// TestPermutedCopiesHaveTheSameLoss: a network with permuted units is the same function, with
// all statistics of normalization layers. Sums of float32 in another order differ by rounding.
func TestPermutedCopiesHaveTheSameLoss(t *testing.T) {
	for _, m := range permutable {
		s, theta, state := specificationOf(t, m.spec, m.in, 3)
		p := s.Random(rand.New(rand.NewPCG(1, 6)))
		r := rand.New(rand.NewPCG(4, 4))
		inputs, labels := make([]float32, 12*m.in.Len()), make([]int32, 12)
		for i := range inputs {
			inputs[i] = float32(r.NormFloat64())
		}
		for i := range labels {
			labels[i] = int32(r.IntN(m.in.Classes))
		}
		for _, policy := range []nn.Policy{nn.Batch, nn.Running, nn.Recompute} {
			if m.spec == "vgg11" && policy == nn.Recompute {
				continue // as batch, and slow
			}
			e, err := nn.NewEvaluator(m.spec, m.in, inputs, labels, nn.EvalOptions{Policy: policy, State: state, Chunk: 6})
			if err != nil {
				t.Fatal(err)
			}
			loss := func(theta, state []float32) float64 {
				e.UseState(state)
				v, err := e.Loss(t.Context(), theta)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			want, got := loss(theta, state), loss(s.Theta(p, theta), s.State(p, state))
			if math.Abs(got-want) > 1e-5*want {
				t.Errorf("%s, %s: the loss is %v, and %v with permuted units", m.spec, policy, want, got)
			}
			// The units of one layer alone, so that no two mistakes cancel.
			for u := range s.Units() {
				if u%5 != 0 && m.spec != "resnet:8" || m.spec == "vgg11" {
					continue // each takes an evaluation
				}
				alone := s.Identity()
				alone[u] = p[u]
				if got := loss(s.Theta(alone, theta), s.State(alone, state)); math.Abs(got-want) > 1e-5*want {
					t.Errorf("%s, %s: the loss is %v, and %v with permuted units %s", m.spec, policy, want, got, s.Units()[u].Name)
				}
			}
			// The check itself notices a difference: theta that is permuted without its state.
			if policy == nn.Running && state != nil && len(state) > 0 {
				if got := loss(s.Theta(p, theta), state); math.Abs(got-want) < 1e-4*want {
					t.Errorf("%s: the loss does not depend on the statistics", m.spec)
				}
			}
			e.Close()
		}
	}
}

// TestAligner: the names of axes come from the layers of a model of this program, from the
// header, or from a layout file, and an error says what is missing.
func TestAligner(t *testing.T) {
	r := trained(t)
	x, err := r.Aligner("")
	if err != nil || !x.IsNative || len(x.Units()) != 1 || x.Units()[0].Name != "linear1" {
		t.Fatalf("%+v, %v", x, err)
	}
	never := analyze.LossFunc(func(context.Context, []float32) (float64, error) { return 0, errors.New("evaluated") })
	if err := x.Check(t.Context(), never, nil, nil); err != nil {
		t.Errorf("the axes of a model of this program are checked: %v", err)
	}
	null, err := x.Null(t.Context(), align.Options{})
	if err != nil || null.Points != "two random initializations" || !(null.DistanceRatio.Max.Value < 1) {
		t.Errorf("%+v, %v", null, err)
	}

	// A run of another program, with the same tensors.
	foreign := func(axes map[string][]string) *Run {
		h := r.Header().Clone()
		h.Model = "Net"
		for i, l := range h.Layout {
			h.Layout[i].Axes = axes[l.Name]
		}
		m, err := record.NewMemory(h)
		if err != nil {
			t.Fatal(err)
		}
		return &Run{Recording: memoryRecording{m}, Dir: "foreign"}
	}
	if _, err = foreign(nil).Aligner(""); err == nil || !errors.Is(err, align.ErrNoAxes) ||
		!strings.Contains(err.Error(), `foreign: no tensor names its axes, and "Net" is not a model of this program`) {
		t.Errorf("no axes: error %v", err)
	}
	named := map[string][]string{
		"linear1.weight": {"h", "input"}, "linear1.bias": {"h"}, "linear2.weight": {"output", "h"},
		"linear2.bias": {"output"},
	}
	x, err = foreign(named).Aligner("")
	if err != nil || x.IsNative || x.Units()[0].Name != "h" {
		t.Fatalf("%+v, %v", x, err)
	}
	end, err := r.Iterate(-1)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := r.TrainLoss(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer loss.Close()
	if err := x.Check(t.Context(), loss, end.Theta, nil); err != nil {
		t.Error(err)
	}
	null, err = x.Null(t.Context(), align.Options{}, end.Theta)
	if err != nil || !strings.Contains(null.Points, "mean and the spread") {
		t.Errorf("%+v, %v", null, err)
	}
	// A bias that is not permuted along: the axes fit each other, and the loss finds it.
	named["linear1.bias"] = []string{""}
	if x, err = foreign(named).Aligner(""); err != nil {
		t.Fatal(err)
	}
	if err := x.Check(t.Context(), loss, end.Theta, nil); err == nil || !strings.Contains(err.Error(), `"h" (`) {
		t.Errorf("a forgotten bias: error %v", err)
	}

	// Layout files.
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "layout.json")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tensors := []string{
		`{"name": "linear1.weight", "kind": "weight", "shape": [4, 64], "axes": ["c1", "input"]}`,
		`{"name": "linear1.bias", "kind": "bias", "shape": [4], "axes": ["c1"]}`,
		`{"name": "linear2.weight", "kind": "other", "shape": [10, 4], "axes": [null, "c1"]}`,
		`{"name": "linear2.bias", "kind": "bias", "shape": [10], "axes": [null]}`,
	}
	good := `{"layout": [` + strings.Join(tensors, ",") + `]}`
	if x, err = foreign(nil).Aligner(file(good)); err != nil || x.Units()[0].Name != "c1" {
		t.Errorf("%+v, %v", x, err)
	}
	for text, want := range map[string]string{
		strings.Replace(good, `"linear2.bias"`, `"linear3.bias"`, 1):           `tensor "linear3.bias" is not the same there and in foreign`,
		strings.Replace(good, `[4, 64]`, `[4, 63]`, 1):                         `tensor "linear1.weight" is not the same there`,
		`{"layout": [` + tensors[0] + `]}`:                                     `tensor "linear1.bias" is not the same there`,
		strings.Replace(good, `[null, "c1"]`, `[null, "c2"]`, 1):               `"c2", which no other axis has`,
		strings.Replace(good, `["c1", "input"]`, `["c1"]`, 1):                  "names 1 axes",
		strings.Replace(good, `["c1", "input"]`, `["c1*2", "input"]`, 1):       "has 4",
		strings.Replace(good, `"axes": ["c1"]}`, `"axes": ["c1"], "x": 1}`, 1): "unknown field",
	} {
		if _, err := foreign(nil).Aligner(file(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v; want one with %s", text, err, want)
		}
	}
	if _, err := foreign(nil).Aligner("missing.json"); err == nil || !strings.Contains(err.Error(), "missing.json") {
		t.Errorf("a missing layout file: error %v", err)
	}
	reduced := foreign(named)
	reduced.Header().Sketch = &record.Sketch{}
	if _, err := reduced.Aligner(""); err == nil || !strings.Contains(err.Error(), "keeps a sketch") {
		t.Errorf("a reduced recording: error %v", err)
	}
}

// TestStateAt: the statistics of a step are those of the last row up to it that has some.
func TestStateAt(t *testing.T) {
	h := recordtest.Header(4)
	h.Columns.Grad = false
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for step := range 4 {
		s := record.Step{Step: int64(step), Epoch: 1, Theta: make([]float32, h.Layout.Len())}
		if step == 1 {
			s.State = make([]float32, h.State.Len())
			s.State[0] = 7
		}
		if err := m.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	r := &Run{Recording: memoryRecording{m}, Dir: "x"}
	for step, want := range map[int64]bool{0: false, 1: true, 3: true} {
		state, err := r.StateAt(step)
		if err != nil || (state != nil) != want || want && state[0] != 7 {
			t.Errorf("step %d: %v, %v", step, state, err)
		}
	}
}

// memoryRecording is a recording in memory.
type memoryRecording struct{ *record.Memory }

func (memoryRecording) Finished() bool               { return true }
func (memoryRecording) Fingerprint() (string, error) { return "", nil }
func (memoryRecording) Bytes() int64                 { return 0 }
func (memoryRecording) Close() error                 { return nil }
