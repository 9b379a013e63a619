package record

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestRepeats: what repeats is named with its steps, and what does not is not.
func TestRepeats(t *testing.T) {
	l := Pack(
		Tensor{Name: "a", Kind: Weight, Shape: []int{2, 2}},
		Tensor{Name: "b", Kind: Bias, Shape: []int{2}},
		Tensor{Name: "scale", Kind: Other, Shape: []int{}})
	row := func(a, b, scale float32) []float32 { return []float32{a, a, a, 1, b, b, scale} }
	for name, test := range map[string]struct {
		rows [][]float32
		want []string
	}{
		"nothing": {[][]float32{row(1, 1, 1), row(2, 2, 2), nil, row(3, 3, 3)}, nil},
		"no rows": {nil, nil},
		"a copy": {
			[][]float32{row(1, 1, 1), row(2, 2, 2), row(3, 3, 3), row(2, 2, 2)},
			[]string{"steps 10 and 30 have the same parameters, bit for bit"},
		},
		"three copies": {
			[][]float32{row(1, 1, 1), row(1, 1, 1), row(2, 2, 2), row(1, 1, 1)},
			[]string{"steps 0, 10 and 30 have the same parameters, bit for bit"},
		},
		"a stale tensor": {
			[][]float32{row(1, 1, 1), row(2, 4, 2), row(3, 3, 3), row(4, 4, 4)},
			[]string{`tensor "b" has the same values at steps 10 and 30, bit for bit, while others differ`},
		},
		"two stale rows": {
			[][]float32{row(1, 1, 1), row(2, 1, 2), row(3, 1, 3), row(4, 4, 4)},
			[]string{`tensor "b" has the same values at steps 0 and 10, bit for bit, while others differ; 1 more ` +
				`row has the values of an earlier one`},
		},
		"frozen": {
			[][]float32{row(1, 7, 1), row(2, 7, 2), row(3, 7, 3)},
			[]string{"1 tensor has the same values in all rows, bit for bit, while others change: b"},
		},
		"a number by luck": {[][]float32{row(1, 1, 5), row(2, 2, 6), row(3, 3, 5)}, nil},
		"an unchanged one": {
			[][]float32{row(1, 1, 5), row(2, 2, 6), row(3, 3, 6)},
			[]string{`tensor "scale" has the same values at steps 10 and 20, bit for bit, while others differ`},
		},
		"after a copy": {
			[][]float32{row(1, 1, 5), row(2, 2, 6), row(1, 1, 5), row(3, 3, 6)},
			[]string{
				"steps 0 and 20 have the same parameters, bit for bit",
				`tensor "scale" has the same values at steps 10 and 30, bit for bit, while others differ`,
			},
		},
		"zeros have a sign": {
			[][]float32{{0, 0, 0, 0, 1, 1, 1}, {float32(math.Copysign(0, -1)), 0, 0, 0, 2, 2, 2}},
			nil,
		},
	} {
		r := NewRepeats(l)
		for i, theta := range test.rows {
			r.Add(int64(10*i), theta)
		}
		if got := r.Describe(); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// TestManyRepeats: the sentences stay few.
func TestManyRepeats(t *testing.T) {
	var tensors []Tensor
	for _, name := range strings.Split("abcdefghijklmnopqrst", "") {
		tensors = append(tensors, Tensor{Name: name, Kind: Bias, Shape: []int{2}})
	}
	r := NewRepeats(Pack(tensors...))
	theta := make([]float32, 40)
	for step := range 100 {
		theta[0] = float32(step / 2)
		theta[2*(1+step%19)]++
		r.Add(int64(2*step), theta)
		r.Add(int64(2*step+1), theta)
	}
	if got := r.Describe(); len(got) != 2*(maxExamples+1) || !strings.HasPrefix(got[maxExamples], "95 more groups") {
		t.Errorf("%d sentences:\n%s", len(got), strings.Join(got, "\n"))
	}
}
