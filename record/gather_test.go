package record_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
)

// TestGather: gathering the views of a vector gives the vector.
func TestGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tensors []record.Tensor
		for i := range rapid.IntRange(0, 6).Draw(t, "tensors") {
			tensors = append(tensors, record.Tensor{
				Name: string(rune('a' + i)), Kind: record.Weight,
				Shape: rapid.SliceOfN(rapid.IntRange(1, 4), 0, 3).Draw(t, "shape"),
			})
		}
		l := record.Pack(tensors...)
		want := make([]float32, l.Len())
		for i := range want {
			want[i] = rapid.Float32().Draw(t, "value")
		}
		var parts [][]float32
		for _, x := range l {
			parts = append(parts, slices.Clone(x.View(want)))
		}
		got := make([]float32, l.Len())
		if err := l.Gather(got, parts...); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("gathered %v, want %v", got, want)
		}
	})
}

func TestGatherErrors(t *testing.T) {
	w := record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 2}}
	b := record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{1}}
	l := record.Pack(w, b)
	gap := slices.Clone(l)
	gap[1].Offset = 3
	for name, test := range map[string]struct {
		layout record.Layout
		dst    int
		parts  [][]float32
		want   string
	}{
		"few parts":  {l, 3, [][]float32{{1, 2}}, "1 parts for the 2 tensors of the layout (w, b)"},
		"many parts": {l, 3, [][]float32{{1, 2}, {3}, {4}}, "3 parts for the 2 tensors"},
		"swapped":    {l, 3, [][]float32{{3}, {1, 2}}, `tensor "w" was given 1 elements; its shape [1 2] has 2`},
		"long":       {l, 3, [][]float32{{1, 2}, {3, 4}}, `tensor "b" was given 2 elements; its shape [1] has 1`},
		"nil":        {l, 3, [][]float32{{1, 2}, nil}, `tensor "b" was given 0 elements`},
		"short dst":  {l, 2, [][]float32{{1, 2}, {3}}, "the flat vector has 2 elements; the layout has 3"},
		"long dst":   {l, 4, [][]float32{{1, 2}, {3}}, "the flat vector has 4 elements; the layout has 3"},
		"layout gaps": {
			gap, 4,
			[][]float32{{1, 2}, {3}},
			`tensor "b" starts at offset 3, but the tensors before it end at 2`,
		},
	} {
		dst := make([]float32, test.dst)
		err := test.layout.Gather(dst, test.parts...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
		if slices.Max(dst) != 0 {
			t.Errorf("%s: the vector was changed to %v", name, dst)
		}
	}
}

func TestNewHeader(t *testing.T) {
	l := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 2}})
	h := record.NewHeader(l)
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	if h.Columns != (record.Columns{Theta: true}) || !h.Layout.Equal(l) {
		t.Errorf("the header records %+v of %v", h.Columns, h.Layout)
	}
	if err := h.CheckStep(&record.Step{Theta: []float32{1, 2}}, nil); err != nil {
		t.Error(err)
	}
	l[0].Name, l[0].Shape[0] = "v", 7
	if h.Layout[0].Name != "w" || h.Layout[0].Shape[0] != 1 {
		t.Error("the header shares the layout of the caller")
	}
	if err := record.NewHeader(nil).Validate(); err == nil {
		t.Error("a header without parameters is valid")
	}
}
