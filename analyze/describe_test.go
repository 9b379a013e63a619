package analyze_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

func TestDescribeCountsWhatItLeavesOut(t *testing.T) {
	c := record.Column{
		Floats: []float64{1, math.NaN(), 2, 7, math.Inf(1), 5},
		Valid:  []bool{true, true, true, false, true, true},
	}
	want := analyze.Distribution{
		Count: 3, Absent: 1, Nonfinite: 2,
		Mean: record.Some(8.0 / 3), SD: record.Some(math.Sqrt(13.0 / 3)),
		Median: record.Some(2), Min: record.Some(1), Max: record.Some(5),
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-15*math.Abs(b) })
	if diff := cmp.Diff(want, analyze.Describe(&c), near); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(analyze.Distribution{Absent: 1}, analyze.Describe(&record.Column{
		Floats: []float64{3},
		Valid:  []bool{false},
	})); diff != "" {
		t.Error(diff)
	}
	one := analyze.Describe(&record.Column{Floats: []float64{3}})
	if one.SD.Valid || one.Mean != record.Some(3) {
		t.Errorf("one value: %+v", one)
	}
}

func TestShareIgnoresAbsent(t *testing.T) {
	c := record.Column{Bools: []bool{true, false, true}, Valid: []bool{true, true, false}}
	if got := analyze.Share(&c); got != record.Some(0.5) {
		t.Errorf("got %+v", got)
	}
	if got := analyze.Share(&record.Column{}); got.Valid {
		t.Errorf("nothing has the share %+v", got)
	}
}
