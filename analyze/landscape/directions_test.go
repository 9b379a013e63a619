package landscape_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/record"
)

// network is a convolution-shaped filter bank, a linear layer, a normalization
// layer and biases.
func network() (record.Layout, []float32) {
	layout := record.Pack(
		record.Tensor{Name: "conv", Kind: record.Filter, Shape: []int{4, 3, 5, 5}},
		record.Tensor{Name: "gamma", Kind: record.NormScale, Shape: []int{1, 4, 1, 1}},
		record.Tensor{Name: "beta", Kind: record.NormShift, Shape: []int{4}},
		record.Tensor{Name: "linear", Kind: record.Weight, Shape: []int{10, 40}},
		record.Tensor{Name: "bias", Kind: record.Bias, Shape: []int{10}},
	)
	rng := rand.New(rand.NewPCG(8, 8))
	theta := make([]float32, layout.Len())
	for i := range theta {
		theta[i] = float32(rng.NormFloat64() * math.Exp(2*rng.NormFloat64()))
	}
	return layout, theta
}

func norm(x []float32) float64 { return math.Sqrt(inner(x, x)) }

func inner(x, y []float32) float64 {
	var s float64
	for i := range x {
		s += float64(x[i]) * float64(y[i])
	}
	return s
}

// Every filter of a direction has the norm of its weights, and every layer too. Tensors
// without filters are zero or copied.
func TestFilterNormalization(t *testing.T) {
	layout, theta := network()
	for _, orthogonal := range []bool{false, true} {
		u, v, err := landscape.Directions(theta, layout, landscape.DirectionOptions{Orthogonal: orthogonal})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range [][]float32{u, v} {
			for _, tensor := range layout {
				w, x := tensor.View(theta), tensor.View(d)
				if tensor.Kind != record.Filter && tensor.Kind != record.Weight {
					if norm(x) != 0 {
						t.Errorf("%s of a direction has norm %g; it must be 0", tensor.Name, norm(x))
					}
					continue
				}
				n := tensor.Len() / tensor.Shape[0]
				for f := range tensor.Shape[0] {
					near(t, tensor.Name, norm(x[f*n:(f+1)*n]), norm(w[f*n:(f+1)*n]), 1e-6*norm(w))
				}
			}
		}
		if orthogonal {
			near(t, "inner product of the directions", inner(u, v)/norm(u)/norm(v), 0, 1e-7)
		}
	}

	u, _, err := landscape.Directions(theta, layout,
		landscape.DirectionOptions{Normalization: landscape.LayerNormalization, OneDimensional: landscape.Copy})
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range layout {
		near(t, tensor.Name, norm(tensor.View(u)), norm(tensor.View(theta)), 1e-6*norm(theta))
	}
	beta, _ := layout.Lookup("beta")
	if !slices.Equal(beta.View(u), beta.View(theta)) {
		t.Error("copied parameters differ")
	}

	// A filter of zeros has a direction of zeros, not a direction of NaNs.
	clear(theta[:75])
	if u, _, err = landscape.Directions(theta, layout, landscape.DirectionOptions{}); err != nil || norm(u[:75]) != 0 ||
		math.IsNaN(norm(u)) {
		t.Errorf("a filter of zeros: %v, direction of norm %g", err, norm(u[:75]))
	}
}

// A peer draws from U[0, 1), where any two directions have cosine 3/4. Ours are
// Gaussian: the cosine deviates by 1/sqrt(P).
func TestDirectionsAreGaussian(t *testing.T) {
	layout := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{100, 200}})
	theta := make([]float32, layout.Len())
	theta[0] = 1
	for seed := range uint64(5) {
		u, v, err := landscape.Directions(theta, layout,
			landscape.DirectionOptions{Normalization: landscape.NoNormalization, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		n := float64(len(u))
		near(t, "cosine", inner(u, v)/norm(u)/norm(v), 0, 4/math.Sqrt(n))
		near(t, "variance", inner(u, u)/n, 1, 4*math.Sqrt(2/n))
		var fourth, mean float64
		for _, x := range u {
			mean += float64(x) / n
			fourth += math.Pow(float64(x), 4) / n
		}
		near(t, "mean", mean, 0, 4/math.Sqrt(n))
		near(t, "fourth moment", fourth, 3, 4*math.Sqrt(96/n))
		again, _, _ := landscape.Directions(theta, layout,
			landscape.DirectionOptions{Normalization: landscape.NoNormalization, Seed: seed})
		if !slices.Equal(u, again) {
			t.Error("the same seed gave another direction")
		}
	}
}

// relu is a network of two layers without biases, 3-6-2, with squared loss on a
// few fixed examples.
func relu(_ context.Context, theta []float32) (float64, error) {
	rng := rand.New(rand.NewPCG(4, 4))
	w1, w2 := theta[:18], theta[18:]
	var loss float64
	for range 20 {
		var x [3]float64
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		var h [6]float64
		for u := range h {
			for i := range x {
				h[u] += float64(w1[u*3+i]) * x[i]
			}
			h[u] = max(h[u], 0)
		}
		for o := range 2 {
			y := -x[o]
			for u := range h {
				y += float64(w2[o*6+u]) * h[u]
			}
			loss += y * y / 20
		}
	}
	return loss, nil
}

// Scaling one layer up and the next one down does not change a ReLU network. A
// filter-normalized surface does not change either. A surface without normalization changes.
func TestSurfaceIsInvariantUnderRescaling(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "linear1", Kind: record.Weight, Shape: []int{6, 3}},
		record.Tensor{Name: "linear2", Kind: record.Weight, Shape: []int{2, 6}},
	)
	rng := rand.New(rand.NewPCG(6, 6))
	theta, scaled := make([]float32, 30), make([]float32, 30)
	for i := range theta {
		theta[i] = float32(rng.NormFloat64())
		scaled[i] = theta[i] * 10
		if i >= 18 {
			scaled[i] = theta[i] / 10
		}
	}
	grid := landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 7}, Y: analyze.Range{Min: -1, Max: 1, N: 5}}
	difference := func(n landscape.Normalization) float64 {
		var surfaces [2]*landscape.Result
		for i, at := range [][]float32{theta, scaled} {
			p, err := landscape.RandomPlane(at, layout, landscape.DirectionOptions{Normalization: n, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			surfaces[i] = compute(t, p, relu, grid)
		}
		worst := 0.0
		for c, v := range surfaces[0].Grid.Loss {
			worst = max(worst, math.Abs(v-surfaces[1].Grid.Loss[c])/v)
		}
		return worst
	}
	for _, n := range []landscape.Normalization{landscape.FilterNormalization, landscape.LayerNormalization} {
		// Losses are sums of squares of float32 products: 1e-5 is rounding.
		if d := difference(n); d > 1e-5 {
			t.Errorf("%s: the surface changes by a factor of %g", n, d)
		}
	}
	if d := difference(landscape.NoNormalization); d < 0.1 {
		t.Errorf("without normalization the surface changes by %g only: the test shows nothing", d)
	}
}

func TestDirectionsRefuse(t *testing.T) {
	layout, theta := network()
	for _, c := range []struct {
		theta  []float32
		layout record.Layout
		o      landscape.DirectionOptions
		want   string
	}{
		{theta, layout, landscape.DirectionOptions{Normalization: "fliter"}, `normalization is "fliter"`},
		{theta, layout, landscape.DirectionOptions{OneDimensional: "drop"}, `one-dimensional is "drop"`},
		{theta[1:], layout, landscape.DirectionOptions{}, "theta has 717 parameters and the layout has 718"},
		{nil, nil, landscape.DirectionOptions{}, "theta has 0 parameters"},
	} {
		if _, _, err := landscape.Directions(c.theta, c.layout, c.o); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v; want %q", err, c.want)
		}
	}
	if _, err := landscape.RandomPlane(make([]float32, len(theta)), layout, landscape.DirectionOptions{}); err == nil ||
		!strings.Contains(err.Error(), "direction is zero") {
		t.Errorf("filters of zeros: %v", err)
	}
}
