package record_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
)

func TestLayoutValidate(t *testing.T) {
	tensor := func(name string, offset int, shape ...int) record.Tensor {
		return record.Tensor{Name: name, Kind: record.Weight, Shape: shape, Offset: offset}
	}
	for name, test := range map[string]struct {
		layout record.Layout
		want   string
	}{
		"empty":         {nil, ""},
		"sound":         {record.Layout{tensor("a", 0, 2, 3), tensor("b", 6)}, ""},
		"no name":       {record.Layout{tensor("", 0, 2)}, "tensor 0 has no name"},
		"same name":     {record.Layout{tensor("a", 0, 2), tensor("a", 2, 2)}, `two tensors are named "a"`},
		"unknown kind":  {record.Layout{{Name: "a", Kind: "thing", Shape: []int{1}}}, `kind "thing"`},
		"gap":           {record.Layout{tensor("a", 0, 2), tensor("b", 3, 2)}, `"b" starts at offset 3`},
		"overlap":       {record.Layout{tensor("a", 0, 2), tensor("b", 1, 2)}, `"b" starts at offset 1`},
		"late start":    {record.Layout{tensor("a", 1, 2)}, `"a" starts at offset 1`},
		"zero extent":   {record.Layout{tensor("a", 0, 2, 0)}, "[2 0]"},
		"negative":      {record.Layout{tensor("a", 0, -2, -3)}, "[-2 -3]"},
		"product wraps": {record.Layout{tensor("a", 0, 1<<16, 1<<16, 1<<16, 1<<16)}, "at most"},
		"sum too large": {
			record.Layout{tensor("a", 0, math.MaxInt32), tensor("b", math.MaxInt32, 1)},
			`the tensors up to "b" have more than`,
		},
		"axes": {record.Layout{{Name: "a", Kind: record.Weight, Shape: []int{2, 3}, Axes: []string{"h", ""}}}, ""},
		"too few axes": {
			record.Layout{{Name: "a", Kind: record.Weight, Shape: []int{2, 3}, Axes: []string{"h"}}},
			`tensor "a" names 1 axes ["h"], but its shape [2 3] has 2`,
		},
		"largest vector": {record.Layout{tensor("a", 0, math.MaxInt32)}, ""},
	} {
		err := test.layout.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
}

// TestPack: packed tensors are valid, and their views cut the vector into pieces
// that follow each other.
func TestPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tensors []record.Tensor
		total := 0
		for i := range rapid.IntRange(0, 8).Draw(t, "tensors") {
			x := record.Tensor{
				Name: string(rune('a' + i)), Kind: rapid.SampledFrom(record.Kinds()).Draw(t, "kind"),
				Shape: rapid.SliceOfN(rapid.IntRange(1, 4), 0, 3).Draw(t, "shape"), Offset: 99,
			}
			total += x.Len()
			tensors = append(tensors, x)
		}
		l := record.Pack(tensors...)
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		if l.Len() != total {
			t.Fatalf("%d elements, want %d", l.Len(), total)
		}
		v := make([]float32, total)
		for i := range v {
			v[i] = float32(i)
		}
		var joined []float32
		for _, x := range l {
			view := x.View(v)
			if len(view) != x.Len() || cap(view) != len(view) {
				t.Fatalf("tensor %s: view of %d with room for %d, want %d", x.Name, len(view), cap(view), x.Len())
			}
			joined = append(joined, view...)
			if found, ok := l.Lookup(x.Name); !ok || found.Offset != x.Offset {
				t.Fatalf("lookup of %s: %v, %v", x.Name, found, ok)
			}
		}
		if !slices.Equal(joined, v) {
			t.Fatalf("the views are %v", joined)
		}
	})
}

func TestLayoutEqual(t *testing.T) {
	a := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2, 3}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{2}})
	if !a.Equal(record.Pack(a...)) {
		t.Error("a layout differs from its copy")
	}
	for _, change := range []func(l record.Layout){
		func(l record.Layout) { l[0].Name = "v" },
		func(l record.Layout) { l[0].Kind = record.Filter },
		func(l record.Layout) { l[0].Shape = []int{3, 2} },
		func(l record.Layout) { l[1].Offset = 7 },
	} {
		b := record.Pack(a...)
		change(b)
		if a.Equal(b) {
			t.Errorf("%v equals %v", a, b)
		}
	}
	named := record.Pack(a...)
	named[0].Axes = []string{"h", "input"}
	if !a.Equal(named) {
		t.Error("the names of axes make a layout unequal")
	}
	if a.Equal(a[:1]) {
		t.Error("a layout equals its beginning")
	}
	if _, ok := a.Lookup("x"); ok {
		t.Error("a tensor that is not there was found")
	}
}
