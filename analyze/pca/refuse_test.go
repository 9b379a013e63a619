package pca_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

func TestRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	bias := []record.Tensor{{Name: "b", Kind: record.Bias, Shape: []int{2}}}
	mixed := []record.Tensor{{Name: "w", Kind: record.Weight, Shape: []int{1, 1}}, {
		Name: "b", Kind: record.Bias,
		Shape: []int{1},
	}}
	for _, c := range []struct {
		name string
		m    *record.Memory
		o    pca.Options
		want string
	}{
		{"one row", recording(t, [][]float32{{1, 2}}), pca.Options{}, "1 of the recording's 1 rows"},
		{"all equal", recording(t, [][]float32{{1, 2}, {1, 2}, {1, 2}}), pca.Options{}, "all 3 rows are the same"},
		{
			"NaN", recording(t, [][]float32{{1, 2}, {1, 3}, {4, nan}, {5, 6}}),
			pca.Options{},
			"row 2 (step 2): element 1 of weight is NaN",
		},
		{
			"infinity", recording(t, [][]float32{{1, 2}, {inf, 3}, {4, 2}, {5, 6}}),
			pca.Options{},
			"row 1 (step 1): element 0 of weight is +Inf",
		},
		{
			"NaN in the reference row", recording(t, [][]float32{{1, 2}, {nan, 3}, {4, 2}}),
			pca.Options{},
			"row 1 (step 1): element 0 of weight is NaN",
		},
		{
			"NaN outside", recording(t, [][]float32{{1, 2}, {3, nan}}, mixed...),
			pca.Options{},
			"row 1 (step 1): element 0 of b is NaN",
		},
		{
			"overflow of a difference", recording(t, [][]float32{{-3e38, 2}, {3e38, 3}, {4, 2}}),
			pca.Options{Center: pca.Init},
			"row 1 (step 1) is so far from the others",
		},
		{"overflow of a product", recording(t, append(randomWalk(rand.New(rand.NewPCG(1, 1)), 300, 2),
			[]float32{1e30, 0})), pca.Options{}, "row 300 (step 300) is so far from the others"},
		{"no weights", recording(t, [][]float32{{1, 2}, {1, 3}}, bias...), pca.Options{}, `kinds is "weights"`},
		{"components", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Components: -1}, "components is -1"},
		{"center", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Center: "median"}, `center is "median"`},
		{"kinds", recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{Kinds: "filter,legs"}, `kinds has "legs"`},
		{
			"tensors", recording(t, [][]float32{{1, 2}, {1, 3}}),
			pca.Options{Tensors: []string{"nose"}},
			`tensors has "nose"; the run has ["weight"]`,
		},
	} {
		_, err := pca.Fit(context.Background(), c.m, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			!strings.HasPrefix(err.Error(), "pca: ") {
			t.Errorf("%s: got %v; want one line with %q", c.name, err, c.want)
		}
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pca.Fit(done, recording(t, [][]float32{{1, 2}, {1, 3}}), pca.Options{}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("an ended context gave %v", err)
	}
}
