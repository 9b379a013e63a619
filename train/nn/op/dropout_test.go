package op

import (
	"math"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
)

func dropoutCheck(t *testing.T, p float64, seed uint64, size, width, workers int) (*check, *Batch) {
	t.Helper()
	b := &Batch{Size: size, Rows: size, Labels: make([]int32, size), Workers: NewWorkers(workers)}
	t.Cleanup(b.Workers.Close)
	k := newCheck(t, b, []int{size, width}, normal(size*width, 1), func(_ *G.ExprGraph, x *G.Node) (*G.Node, error) {
		return Dropout[float64](b, x, p, seed)
	})
	return k, b
}

func result(k *check) []float64 { return slices.Clone(k.out.Value().Data().([]float64)) }

// TestDropoutGradient is away from p = 1/2, where a factor p instead of 1-p goes
// unnoticed.
func TestDropoutGradient(t *testing.T) {
	k, _ := dropoutCheck(t, 0.25, 1, 3, 8, 2)
	var places []int
	for i := range k.x {
		places = append(places, i)
	}
	k.differences(t, places)
}

func TestDropoutMask(t *testing.T) {
	k, b := dropoutCheck(t, 0.25, 7, 50, 40, 1)
	k.run(t)
	mask := result(k)
	kept := 0
	for i, v := range mask {
		switch {
		case v == 0:
		case math.Abs(v-k.x[i]/0.75) > 1e-15*math.Abs(v):
			t.Fatalf("value %v of %v is neither dropped nor divided by 0.75", v, k.x[i])
		default:
			kept++
		}
	}
	// 2000 draws: the share kept has the standard error 0.0097.
	if share := float64(kept) / 2000; math.Abs(share-0.75) > 0.04 {
		t.Errorf("%v of the values are kept, want 0.75", share)
	}
	k.run(t)
	if !slices.Equal(mask, result(k)) {
		t.Error("the same draw gives another mask")
	}
	b.Draw++
	k.run(t)
	if slices.Equal(mask, result(k)) {
		t.Error("another draw gives the same mask")
	}
	for name, c := range map[string]struct {
		seed    uint64
		workers int
		same    bool
	}{"workers": {7, 5, true}, "seed": {8, 1, false}} {
		o, _ := dropoutCheck(t, 0.25, c.seed, 50, 40, c.workers)
		o.run(t)
		if slices.Equal(mask, result(o)) != c.same {
			t.Errorf("other %s: same mask %t, want %t", name, !c.same, c.same)
		}
	}
}

// TestTwoDropouts: two ops on one input draw different masks and are not merged.
func TestTwoDropouts(t *testing.T) {
	b := &Batch{Size: 4, Rows: 4, Workers: NewWorkers(1)}
	g := G.NewGraph()
	x := tensorNode(g, "x", normal(80, 1), 4, 20)
	one, err := Dropout[float64](b, x, 0.5, 3)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Dropout[float64](b, x, 0.5, 3)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(one.Value().Data().([]float64), two.Value().Data().([]float64)) {
		t.Error("two dropouts have one mask")
	}
}

func TestDropoutErrors(t *testing.T) {
	b := &Batch{Size: 4, Workers: NewWorkers(1)}
	x := tensorNode(G.NewGraph(), "x", normal(8, 1), 4, 2)
	for _, p := range []float64{-0.1, 1, math.NaN()} {
		if _, err := Dropout[float64](b, x, p, 1); err == nil || !strings.Contains(err.Error(), "allowed are 0 to below 1") {
			t.Errorf("p %v: error %v", p, err)
		}
	}
}
