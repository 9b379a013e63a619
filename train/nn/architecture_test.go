package nn

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
)

// TestParameterCounts compares with the known numbers of parameters: LeNet-5 and
// the residual networks with shortcuts of option A in their usual
// implementations, VGG-11 as in Xing et al. (2018).
func TestParameterCounts(t *testing.T) {
	digits, cifar := Input{28, 28, 1, 10}, Input{32, 32, 3, 10}
	for _, c := range []struct {
		spec          string
		in            Input
		params, state int
	}{
		{"mlp:", digits, 7850, 0},
		{"mlp:128", digits, 101770, 0},
		{"lenet", digits, 61706, 0},
		{"vgg11", cifar, 9756426, 2 * 2752},
		{"resnet:8", cifar, 75290, 2 * 240},
		{"resnet:20", cifar, 269722, 2 * 688},
		{"resnet:20:noshort", cifar, 269722, 2 * 688},
		{"resnet:32", cifar, 464154, 2 * 1136},
		{"resnet:56", cifar, 853018, 2 * 2032},
		{"resnet:110", cifar, 1727962, 2 * 4048},
	} {
		p, err := parse(c.spec, c.in)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.params.Len() != c.params || p.state.Len() != c.state {
			t.Errorf("%s: %d parameters and %d statistics, want %d and %d",
				c.spec, p.params.Len(), p.state.Len(), c.params, c.state)
		}
	}
}

func TestLeNetLayout(t *testing.T) {
	p, err := parse("lenet", Input{28, 28, 1, 10})
	if err != nil {
		t.Fatal(err)
	}
	want := record.Pack(
		record.Tensor{Name: "conv1.weight", Kind: record.Filter, Shape: []int{6, 1, 5, 5}},
		record.Tensor{Name: "conv1.bias", Kind: record.Bias, Shape: []int{6}},
		record.Tensor{Name: "conv2.weight", Kind: record.Filter, Shape: []int{16, 6, 5, 5}},
		record.Tensor{Name: "conv2.bias", Kind: record.Bias, Shape: []int{16}},
		record.Tensor{Name: "linear1.weight", Kind: record.Weight, Shape: []int{120, 400}},
		record.Tensor{Name: "linear1.bias", Kind: record.Bias, Shape: []int{120}},
		record.Tensor{Name: "linear2.weight", Kind: record.Weight, Shape: []int{84, 120}},
		record.Tensor{Name: "linear2.bias", Kind: record.Bias, Shape: []int{84}},
		record.Tensor{Name: "linear3.weight", Kind: record.Weight, Shape: []int{10, 84}},
		record.Tensor{Name: "linear3.bias", Kind: record.Bias, Shape: []int{10}},
	)
	if d := cmp.Diff(want, p.params); d != "" {
		t.Error(d)
	}
}

func TestResNetLayout(t *testing.T) {
	p, err := parse("resnet:8", Input{32, 32, 3, 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []record.Tensor{
		{Name: "conv1.weight", Kind: record.Filter, Shape: []int{16, 3, 3, 3}, Offset: 0},
		{Name: "norm1.scale", Kind: record.NormScale, Shape: []int{16}, Offset: 432},
		{Name: "norm1.shift", Kind: record.NormShift, Shape: []int{16}, Offset: 448},
		{Name: "stage1.block1.conv1.weight", Kind: record.Filter, Shape: []int{16, 16, 3, 3}, Offset: 464},
	} {
		got, ok := p.params.Lookup(want.Name)
		if d := cmp.Diff(want, got); !ok || d != "" {
			t.Errorf("%s: %s", want.Name, d)
		}
	}
	got, _ := p.state.Lookup("norm1.running_variance")
	want := record.Tensor{Name: "norm1.running_variance", Kind: record.RunningVariance, Shape: []int{16}, Offset: 16}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if last := p.layers[len(p.layers)-2]; last.shape() != (value{last.shape().index, 1, 1, 64}) {
		t.Errorf("the linear layer sees %v", last.shape())
	}
}

// TestNormStart: normalizations start with scale 1, shift 0, mean 0 and variance
// 1, and a step moves the statistics by a tenth towards those of the batch.
func TestNormStart(t *testing.T) {
	m, err := New("resnet:8", residual, Options{Batch: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range m.Layout() {
		want := map[record.Kind]float32{record.NormScale: 1, record.NormShift: 0, record.Bias: 0}
		if w, constant := want[s.Kind]; constant {
			for _, v := range s.View(m.Theta()) {
				if v != w {
					t.Fatalf("%s starts with %v", s.Name, v)
				}
			}
		}
	}
	x, y := data(residual, 4, 1)
	if _, err := m.Gradient(x, y, make([]float32, len(m.Theta()))); err != nil {
		t.Fatal(err)
	}
	for i, s := range m.StateLayout()[:2] {
		n := m.graph.norms[0]
		for c, v := range s.View(m.State()) {
			want := 0.1 * n.Mean[c]
			if i == 1 {
				want = 0.9 + 0.1*n.Variance[c]*120/119 // 4 images of 30 pixels
			}
			if math.Abs(float64(v)-want) > 1e-6 {
				t.Errorf("%s, channel %d: %v after a step, want %v", s.Name, c, v, want)
			}
		}
	}
}

// TestVGG checks the gradient of the deepest network along its own direction, on
// one small batch. Its last layers have small images and many weights.
func TestVGG(t *testing.T) {
	in := Input{32, 32, 1, 3}
	m, err := New("vgg11", in, Options{Batch: 3, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	x, y := data(in, 3, 1)
	theta, grad, other := m.Theta(), make([]float32, len(m.Theta())), make([]float32, len(m.Theta()))
	if _, err := m.Gradient(x, y, grad); err != nil {
		t.Fatal(err)
	}
	norm2 := 0.0
	for _, g := range grad {
		norm2 += float64(g) * float64(g)
	}
	start := append([]float32(nil), theta...)
	// The step moves the loss by 1 % or so: far above float32 rounding, and small
	// enough for the curvature to cancel between both sides.
	h := 0.01 / norm2
	var at [2]float64
	for i, sign := range []float64{1, -1} {
		for j := range theta {
			theta[j] = start[j] + float32(sign*h*float64(grad[j]))
		}
		got, err := m.Gradient(x, y, other)
		if err != nil {
			t.Fatal(err)
		}
		at[i] = got.Loss
	}
	if slope := (at[0] - at[1]) / (2 * h); math.Abs(slope/norm2-1) > 0.02 {
		t.Errorf("slope along the gradient %v, want %v", slope, norm2)
	}
}
