package nn

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// data draws examples and labels.
func data(in Input, n int, seed uint64) ([]float32, []int32) {
	r := rand.New(rand.NewPCG(seed, 9))
	inputs, labels := make([]float32, n*in.Len()), make([]int32, n)
	for i := range inputs {
		inputs[i] = float32(r.NormFloat64())
	}
	for i := range labels {
		labels[i] = int32(r.IntN(in.Classes))
	}
	return inputs, labels
}

// TestNewErrors: the error names the wrong spec, input or option, its value and
// what is allowed.
func TestNewErrors(t *testing.T) {
	ok := Options{Batch: 4}
	for _, c := range []struct {
		spec string
		in   Input
		opts Options
		want []string
	}{
		{"", small, ok, []string{`""`, "mlp:"}},
		{"mlp", small, ok, []string{`"mlp"`, "mlp:W1"}},
		{"perceptron:3", small, ok, []string{`"perceptron:3"`, "mlp:W1"}},
		{"mlp:12x", small, ok, []string{`"mlp:12x"`, `"12x"`, "from 1 to"}},
		{"mlp:3,,4", small, ok, []string{`"mlp:3,,4"`, `""`}},
		{"mlp:0", small, ok, []string{`"0"`}},
		{"mlp:" + strings.Repeat("1,", 1000) + "1", small, ok, []string{"1001 hidden layers", "1000"}},
		{"mlp:-5", small, ok, []string{`"-5"`}},
		{"mlp:99999999999999999999", small, ok, []string{"99999999999999999999"}},
		{"mlp:1000000,1000000", small, ok, []string{"linear2.weight"}},
		{"mlp:3", Input{Height: 0, Width: 3, Channels: 1, Classes: 5}, ok, []string{"height", "0"}},
		{"mlp:3", Input{Height: 4, Width: 3, Channels: 1, Classes: 1}, ok, []string{"classes", "1", "2 to"}},
		{"lenet:3", small, ok, []string{`"lenet:3"`, "lenet"}},
		{"lenet", small, ok, []string{`"lenet" on 4x3x1`, "conv2", "2x1x6"}},
		{"vgg11", Input{Height: 28, Width: 28, Channels: 1, Classes: 5}, ok, []string{`"vgg11" on 28x28x1`, "1x1x512"}},
		{"resnet", small, ok, []string{`"resnet"`, "resnet:N"}},
		{"resnet:", small, ok, []string{`depth ""`, "6n+2"}},
		{"resnet:9", small, ok, []string{`depth "9"`, "6n+2"}},
		{"resnet:2", small, ok, []string{`depth "2"`}},
		{"resnet:8:short", small, ok, []string{`option "short"`, "noshort"}},
		{"mlp:3", small, Options{}, []string{"batch", "0", "1 to"}},
		{"mlp:3", small, Options{Batch: 1, Workers: -1}, []string{"workers", "-1"}},
	} {
		_, err := New(c.spec, c.in, c.opts)
		if err == nil {
			t.Errorf("%q: no error", c.spec)
			continue
		}
		for _, w := range append(c.want, "nn: ") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: error %q does not say %q", c.spec, err, w)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error has more than one line: %q", c.spec, err)
		}
	}
}

func TestGradientErrors(t *testing.T) {
	m, err := New("mlp:3", small, Options{Batch: 4})
	if err != nil {
		t.Fatal(err)
	}
	x, y := data(small, 5, 1)
	grad := make([]float32, len(m.Theta()))
	for _, c := range []struct {
		inputs []float32
		labels []int32
		grad   []float32
		want   string
	}{
		{x, y, grad, "batch has 5 examples; allowed are 1 to 4"},
		{nil, nil, grad, "batch has 0 examples"},
		{x[:7], y[:1], grad, "7 input values for 1 labels; wanted 12"},
		{x[:12], []int32{5}, grad, "label of example 0 is 5; allowed are 0 to 4"},
		{x[:12], []int32{-1}, grad, "label of example 0 is -1"},
		{x[:12], y[:1], grad[1:], "gradient has room for"},
	} {
		if _, err := m.Gradient(c.inputs, c.labels, c.grad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := m.Gradient(x[:24], y[:2], grad); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

// TestInitialization: weights have the variance 2/fan-in, biases are 0, and
// theta_0 depends on the seed only.
func TestInitialization(t *testing.T) {
	in := Input{Height: 20, Width: 20, Channels: 1, Classes: 10}
	theta := func(seed uint64, batch, workers int) []float32 {
		m, err := New("mlp:200", in, Options{Batch: batch, Workers: workers, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return m.Theta()
	}
	a := theta(7, 1, 1)
	if !sameBits(a, theta(7, 9, 3)) {
		t.Error("the initialization depends on the batch or on the workers")
	}
	if sameBits(a, theta(8, 1, 1)) {
		t.Error("two seeds give one initialization")
	}
	sum := 0.0
	for _, v := range a[:80000] {
		sum += float64(v) * float64(v)
	}
	// The mean of 80000 squares has the standard error sqrt(2/80000) = 0.5 %.
	if got, want := sum/80000, 2.0/400; math.Abs(got/want-1) > 0.02 {
		t.Errorf("variance of linear1.weight is %v, want %v", got, want)
	}
	for _, v := range a[80000:80200] {
		if v != 0 {
			t.Fatalf("bias %v", v)
		}
	}
}

// TestModelFollowsTheta: the model uses a theta that was changed in place, and a
// step against the gradient lowers the loss.
func TestModelFollowsTheta(t *testing.T) {
	for _, c := range models {
		t.Run(c.spec, func(t *testing.T) {
			m, err := New(c.spec, c.in, Options{Batch: 8, Seed: 2})
			if err != nil {
				t.Fatal(err)
			}
			x, y := data(c.in, 8, 1)
			grad, again := make([]float32, len(m.Theta())), make([]float32, len(m.Theta()))
			first, err := m.Gradient(x, y, grad)
			if err != nil {
				t.Fatal(err)
			}
			second, err := m.Gradient(x, y, again)
			if err != nil {
				t.Fatal(err)
			}
			if first != second || !sameBits(grad, again) {
				t.Errorf("the same batch twice: %v and %v", first, second)
			}
			for i, g := range grad {
				m.Theta()[i] -= 0.01 * g
			}
			after, err := m.Gradient(x, y, again)
			if err != nil {
				t.Fatal(err)
			}
			if !(after.Loss < first.Loss) {
				t.Errorf("loss %v, after a step %v", first.Loss, after.Loss)
			}
		})
	}
}

// TestStepAllocations: a step allocates less than 64 kB, and the memory does not
// grow.
func TestStepAllocations(t *testing.T) {
	for _, c := range models {
		t.Run(c.spec, func(t *testing.T) {
			m, err := New(c.spec, c.in, Options{Batch: 8, Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			x, y := data(c.in, 8, 1)
			grad := make([]float32, len(m.Theta()))
			steps := func(n int) (allocated uint64, live int64) {
				var a, b runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&a)
				for range n {
					if _, err := m.Gradient(x, y, grad); err != nil {
						t.Fatal(err)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&b)
				return b.TotalAlloc - a.TotalAlloc, int64(b.HeapAlloc) - int64(a.HeapAlloc)
			}
			steps(5)
			allocated, live := steps(100)
			if allocated/100 > 64<<10 {
				t.Errorf("%d bytes allocated per step", allocated/100)
			}
			for range 2 { // a leak grows each time; a stack of the runtime or a test that ended before does not
				_, again := steps(100)
				live = min(live, again)
			}
			if live > 64<<10 {
				t.Errorf("%d bytes more in use after 100 steps", live)
			}
			runtime.KeepAlive(m)
		})
	}
}

// TestManySteps: 10,000 steps need no more memory than the first one.
func TestManySteps(t *testing.T) {
	m, err := New("mlp:4", small, Options{Batch: 2, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	x, y := data(small, 2, 1)
	grad := make([]float32, len(m.Theta()))
	live := func(steps int) int64 {
		for range steps {
			if _, err := m.Gradient(x, y, grad); err != nil {
				t.Fatal(err)
			}
		}
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	first := live(100)
	if more := live(10000) - first; more > 64<<10 {
		t.Errorf("%d bytes more in use after 10,000 steps", more)
	}
	runtime.KeepAlive(m)
}
