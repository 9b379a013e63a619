package column

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgdwalk/record"
)

type place struct {
	Row  int64 `col:"row"`
	Step int   `col:"step"`
}

type measured struct {
	place
	Name    string          `col:"name"`
	scratch []float64       // not a column
	Loss    record.Optional `col:"loss"`
	Norm    float64         `col:"norm"`
	Rises   Truth           `col:"rises"`
	Done    bool            `col:"done"`
}

func TestBuilder(t *testing.T) {
	got := Of([]measured{
		{place{3, 30}, "a", nil, record.Some(1), 2, Truth{true, true}, true},
		{place{4, 40}, "b", []float64{1}, record.Optional{Value: 9}, math.NaN(), Truth{true, false}, false},
	})
	want := record.Table{Columns: []record.Column{
		{Name: "row", Ints: []int64{3, 4}},
		{Name: "step", Ints: []int64{30, 40}},
		{Name: "name", Strings: []string{"a", "b"}},
		{Name: "loss", Floats: []float64{1, 0}, Valid: []bool{true, false}},
		{Name: "norm", Floats: []float64{2, math.NaN()}},
		{Name: "rises", Bools: []bool{true, false}, Valid: []bool{true, false}},
		{Name: "done", Bools: []bool{true, false}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	// Without rows a column keeps its type.
	empty := Of([]measured{})
	if c := empty.Columns; len(c) != 7 || c[0].Ints == nil || c[2].Strings == nil || c[3].Floats == nil ||
		c[5].Bools == nil {
		t.Errorf("an empty table has the columns %+v", c)
	}
}

func TestBuilderRefusesOtherTypes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a slice is taken for a column")
		}
	}()
	Of([]struct {
		V []float64 `col:"v"`
	}{})
}
